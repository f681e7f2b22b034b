"""What the site publishes about what robots may do, told to everybody before any decision; robots.txt for each host."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Scope

from scrapeguard.config import Config
from scrapeguard.errors import ConfigError
from scrapeguard.model import Agent, Facts, Outcome, Rung, Verdict
from scrapeguard.notices import rsl, security, tdm
from scrapeguard.notices.document import Document
from scrapeguard.notices.headers import Headers
from scrapeguard.notices.lint import Contradiction, lint_robots, lint_security
from scrapeguard.notices.overheard import Overheard, Own, ask, question
from scrapeguard.notices.purposes import Purposes
from scrapeguard.notices.robots import HOME, MAX_BYTES, Robots, parse
from scrapeguard.notices.robots_file import robots_file
from scrapeguard.notices.rules import encoded
from scrapeguard.notices.settings import LICENSE, TDM_POLICY, NoticeSettings
from scrapeguard.notices.terms import terms_page

__all__ = ["NoticeSettings", "Notices", "Purposes", "configured"]

REMEMBERED = 8192  # verdicts
MAX_REMEMBERED = 512  # characters of a path whose verdict is remembered
USUAL = Purposes()
OTHERS = ""  # every host that has no file of its own


class Notices:
    """What is published, at work. No robot that obeys robots.txt may be led into one of the `traps`: every group has
    to forbid them. `headers` are those that the site's own answers carry.

    Raises ConfigError for a file that cannot be read, is too long to be obeyed, or does not forbid a trap.
    """

    def __init__(
        self,
        settings: NoticeSettings,
        path: Callable[[str], Path],
        traps: tuple[str, ...] = (),
        policy: Purposes = USUAL,
    ) -> None:
        self.settings, self.policy = settings, policy
        self.headers = Headers(settings, policy)
        self.files = {host.lower(): _read(path(name)) for host, name in settings.hosts.items()}
        if settings.robots:
            self.files[OTHERS] = _read(path(settings.robots))
        elif settings.serve_robots:
            self.files[OTHERS] = _checked(robots_file(settings, policy, traps), "robots.txt")
        self._rules = {host: parse(body) for host, body in self.files.items()}
        for host, robots in self._rules.items():
            _refuse_open_traps(robots, traps, host)
        self._own: Own | None = None  # None = the site is not asked for a robots.txt of its own
        if settings.serve_robots and not settings.robots and not traps:  # one of its own would leave a trap open
            self._own = Own(self.files[OTHERS], self._heard)
        self._tell: Callable[[], None] = lambda: None
        served = self.files.items() if settings.serve_robots else ()
        self._robots = {host: Document(body, "text/plain; charset=utf-8") for host, body in served}
        self._documents = dict(_others(settings, policy))
        self._terms = next(((name, it.digest) for name, it in self._documents.values() if name == "terms"), None)
        self._verdicts: dict[tuple[str | None, str, str], str] = {}

    def covers(self, facts: Facts) -> bool:
        """Whether the request asks for a notice, which nobody is refused."""
        return (
            (facts.path == HOME or facts.path in self._documents)
            and facts.method in ("GET", "HEAD")
            and not facts.websocket
        )

    def answer(self, facts: Facts) -> ASGIApp | None:
        """The notice a request asks for; None where it asks for none, or for one that the site tells itself."""
        if not self.covers(facts):
            return None
        if facts.path != HOME:
            return self._documents[facts.path][1]
        own = self._robots.get(facts.host) if facts.host else None
        return own if own is not None or self._own is not None else self._robots.get(OTHERS)

    def told(self, facts: Facts, verdict: Verdict, outcome: Outcome) -> tuple[str, str] | None:
        """Name and SHA-256 of the notice that this answer was, or that it led to as a refusal; None = none, or unknown.

        304 counts: who is answered so has named this very version.
        """
        if verdict.cause != "notice":
            return self._terms if verdict.rung is not Rung.ALLOW and outcome.status else None
        if outcome.status not in (200, 304) or facts.method != "GET":
            return None
        if facts.path != HOME:
            name, document = self._documents[facts.path]
            return name, document.digest
        own = self._robots.get(facts.host) if facts.host else None
        if own is not None or self._own is None:
            own = own or self._robots.get(OTHERS)
            return None if own is None else ("robots.txt", own.digest)
        digest = self._own.digests.get(facts.host or "")
        return None if digest is None else ("robots.txt", digest)

    def through(self, facts: Facts, site: ASGIApp) -> ASGIApp:
        """The site, for this request; its robots.txt is heard as it passes, and replaced by ours where it has none."""
        if facts.path != HOME or self._own is None or facts.websocket:
            return site
        return Overheard(site, self._robots[OTHERS], partial(self._own.hear, facts.host))

    def asking(self, facts: Facts, site: ASGIApp, scope: Scope) -> Coroutine[Any, Any, None] | None:
        """Once for each of a few hosts: ask the site for its robots.txt, lest somebody be held to another one."""
        own, host = self._own, facts.host
        if own is None or host is None or host in own.asked or host in self._robots or facts.websocket:
            return None
        return ask(site, question(scope), partial(own.hear, host)) if own.wonders(host) else None

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever `published` has changed."""
        self._tell = tell

    def _heard(self) -> None:
        self._verdicts.clear()
        self._tell()

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
        own = None if self._own is None or host is None else self._own.rules.get(host)
        return own or self._rules.get(host or OTHERS) or self._rules.get(OTHERS)

    def published(self) -> Mapping[str, bytes]:
        """What is told, by name: "robots.txt", "robots.txt@host" for a host that has its own, "headers", and others.

        As far as it is known: whether ours is told, or the site's own, shows when the site is asked.
        """
        told = {_named(host): it.body for host, it in self._robots.items() if host or self._own is None}
        if self._own is not None:
            told |= {_named(host): body for host, body in self._own.versions().items()}
        told |= {name: document.body for name, document in self._documents.values()}
        return told | ({"headers": self.headers.text()} if self.headers else {})

    def offered(self) -> Mapping[str, bytes]:
        """The same, with our robots.txt, which is told where the site has none."""
        return ({_named(host): it.body for host, it in self._robots.items()}) | dict(self.published())

    def lint(self, now: datetime) -> Iterator[Contradiction]:
        """What is published and contradicts itself, the policy, or the law of fair competition."""
        for host, body in self.files.items():
            yield from lint_robots(_named(host), body, self.settings, self.policy)
        expires = self.settings.expires()
        if expires is not None and "security" in self.settings.publish:
            yield from lint_security(expires, now)

    def paths(self) -> dict[str, str]:
        """Where each of them is served, by name; headers are everywhere."""
        found = {name: HOME for name in self.offered() if name.startswith("robots.txt")}
        return found | {name: path for path, (name, _) in self._documents.items()}


def _named(host: str) -> str:
    return f"robots.txt@{host}" if host else "robots.txt"


def configured(config: Config, traps: tuple[str, ...]) -> Notices:
    """The notices of a configuration: its sections [notices.policy] and [notices]. Raises ConfigError."""
    policy = config.section("notices.policy", Purposes)
    return Notices(config.section("notices", NoticeSettings), config.path, traps, policy)


def _others(settings: NoticeSettings, policy: Purposes) -> Iterator[tuple[str, tuple[str, Document]]]:
    """Path, name and document of each notice but robots.txt."""
    wanted = settings.publish
    if "tdm" in wanted:
        if policy.reserved() is None:
            raise ConfigError(
                'notices.publish has "tdm", and notices.policy leaves ai_train open: there is nothing to say.',
                'Set ai_train to "refuse" or "allow".',
            )
        yield tdm.PATH, ("tdmrep.json", Document(tdm.tdm_file(settings, policy), "application/json"))
        if tdm.has_policy(settings):
            yield TDM_POLICY, ("tdm-policy.json", Document(tdm.tdm_policy(settings), "application/ld+json"))
    if "license" in wanted:
        yield LICENSE, ("license.xml", Document(rsl.license_file(settings, policy), rsl.MEDIA_TYPE))
    if "security" in wanted:
        yield security.PATH, ("security.txt", Document(security.security_file(settings), "text/plain; charset=utf-8"))
    if "terms" in wanted:
        page = Document(terms_page(settings, policy), "text/html; charset=utf-8")
        yield settings.terms_url.partition("#")[0], ("terms", page)


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
