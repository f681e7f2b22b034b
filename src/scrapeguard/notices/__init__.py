"""What the site publishes about what robots may do: a robots.txt for each host, told before any decision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp

from scrapeguard.config import shipped
from scrapeguard.errors import ConfigError
from scrapeguard.model import Agent, Facts
from scrapeguard.notices.document import Document
from scrapeguard.notices.robots import HOME, MAX_BYTES, Robots, parse
from scrapeguard.notices.rules import encoded
from scrapeguard.notices.template import fill

TEMPLATE = "robots/robots.txt"
REMEMBERED = 8192  # verdicts
MAX_REMEMBERED = 512  # characters of a path whose verdict is remembered
OTHERS = ""  # every host that has no file of its own


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """[notices]"""

    robots: str = ""  # path of the site's own robots.txt, served as it is; "" = ours
    hosts: dict[str, str] = field(default_factory=dict)  # another file for a host
    terms_url: str = ""  # a URL, or a path on this site
    contact: str = ""  # a URL such as "mailto:data@shop.example", or words
    sitemaps: tuple[str, ...] = ()
    serve_robots: bool = True  # False = the site answers /robots.txt; it is known here only if `robots` names the file

    def __post_init__(self) -> None:
        terms = self.terms_url
        if terms and not (terms.startswith(("https://", "http://", "/")) and _quotable(terms)):
            raise ValueError(f"terms_url is {terms!r}; it must be a URL, or a path on this site, in printable ASCII.")
        if not self.contact.isprintable():
            raise ValueError(f"contact is {self.contact!r}; it must be one line without control characters.")
        for host in self.hosts:
            if ":" in host.rpartition("]")[2]:
                raise ValueError(f"hosts has {host!r}; leave out the port.")


def _quotable(url: str) -> bool:
    return all("!" <= letter <= "~" and letter not in '<>"\\' for letter in url)


class Notices:
    """robots.txt at work. No robot that obeys it may be led into one of the `traps`: every group has to forbid them.

    Raises ConfigError for a file that cannot be read, is too long to be obeyed, or does not forbid a trap.
    """

    def __init__(self, settings: NoticeSettings, path: Callable[[str], Path], traps: tuple[str, ...] = ()) -> None:
        files = {host.lower(): _read(path(name)) for host, name in settings.hosts.items()}
        if settings.robots:
            files[OTHERS] = _read(path(settings.robots))
        elif settings.serve_robots:
            files[OTHERS] = _ours(settings, traps)
        self._rules = {host: parse(body) for host, body in files.items()}
        for host, robots in self._rules.items():
            _refuse_open_traps(robots, traps, host)
        self._documents = (
            {host: Document(body, "text/plain; charset=utf-8") for host, body in files.items()}
            if settings.serve_robots
            else {}
        )
        self._verdicts: dict[tuple[str | None, str, str], str] = {}

    def covers(self, facts: Facts) -> bool:
        """Whether the request asks for a notice, which nobody is refused."""
        return facts.path == HOME and facts.method in ("GET", "HEAD") and not facts.websocket

    def answer(self, facts: Facts) -> ASGIApp | None:
        """The notice a request asks for; None where it asks for none, or for one that the site tells itself."""
        if not self.covers(facts):
            return None
        return self._documents.get(facts.host or OTHERS) or self._documents.get(OTHERS)

    def forbidden(self, host: str | None, agent: Agent, path: str) -> str:
        """The line that forbids an agent a path (as sent, with its query); "" = allowed, or nothing is known."""
        key = (host, agent.token, path)
        line = self._verdicts.get(key)
        if line is None:
            robots = self.rules(host)
            group = None if robots is None else robots.group(agent.token)
            rule = None if group is None else group.rule(encoded(path.encode("latin-1", "replace")))
            line = "" if rule is None or rule.allow else rule.text
            if len(path) <= MAX_REMEMBERED:
                if len(self._verdicts) >= REMEMBERED:
                    self._verdicts.clear()
                self._verdicts[key] = line
        return line

    def rules(self, host: str | None) -> Robots | None:
        """The robots.txt that holds for a host (lower-case, without port); None when it is not known here."""
        return self._rules.get(host or OTHERS) or self._rules.get(OTHERS)

    def published(self) -> Mapping[str, bytes]:
        """What is served, by name: "robots.txt", and "robots.txt@host" for a host that has its own."""
        return {
            f"robots.txt@{host}" if host else "robots.txt": document.body for host, document in self._documents.items()
        }


def _ours(settings: NoticeSettings, traps: tuple[str, ...]) -> bytes:
    template = shipped(TEMPLATE).read_text("utf-8")
    values = {
        "terms": (settings.terms_url,) if settings.terms_url else (),
        "contact": (settings.contact,) if settings.contact else (),
        "trap": traps,
        "sitemap": settings.sitemaps,
    }
    return _checked(fill(template, values), "robots.txt")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _checked(file.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}).", "Name an existing file in [notices]."
        ) from error


def _checked(body: bytes, name: str) -> bytes:
    if len(body) > MAX_BYTES:
        raise ConfigError(
            f"{name} is longer than {MAX_BYTES} bytes; robots may ignore what lies beyond (RFC 9309 2.5).",
            "Write fewer rules, with * for what they have in common.",
        )
    return body


def _refuse_open_traps(robots: Robots, traps: tuple[str, ...], host: str) -> None:
    for trap in traps:
        for token in ("*", *robots.groups):
            rule = robots.group(token).rule(encoded(trap.replace("*", "x").encode()))
            if rule is None or rule.allow:
                where = f"robots.txt of {host}" if host else "robots.txt"
                raise ConfigError(
                    f"{where} does not forbid {token!r} the trap {trap!r}; a robot that obeys it would be caught.",
                    f"Add 'Disallow: {trap}' to the group of {token!r}, or take the trap out of [facts].",
                )
