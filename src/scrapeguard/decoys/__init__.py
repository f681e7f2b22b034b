"""Decoys: links that no person sees, on pages of the site, to addresses that nobody else knows.

    {{ decoys(request) }}                    Jinja2, with `links` among the globals as `decoys`
    {% load decoys %}{% decoys %}            Django, with scrapeguard.decoys.django_tags among the libraries
    links(scope)                             any ASGI app behind the guard
    Decoys(secret).links("/item/7")          an app that the guard cannot speak to: behind the sidecar or another proxy

They are made from the secret of a site, so that no list of them can be made from this source, and are the same for
everybody who is on the same page. robots.txt forbids them, and they are traps without being named in [facts].

A link is in an element that is hidden, inert and kept from assistive technology, and cannot be focused: it is neither
seen nor announced, reached by keyboard, nor printed. Where a style of the site shows hidden elements all the same, or a
text browser does, it says that it is not for people, and it is still inert. What fetches ahead and says so is not
counted (see signals/trap.py). Wronged are a link checker or an offline reader of somebody's own that disregards
robots.txt: put its address on the allow list. A crawler that is verified is shown none.

Nothing is ever put into answers of the site by us: their bytes, lengths, tags and signatures are the site's own.
"""

import hmac
from collections.abc import MutableMapping
from dataclasses import dataclass
from html import escape
from typing import Any

from scrapeguard.config import Config
from scrapeguard.facts.reader import FactsSettings
from scrapeguard.model import Facts

SCOPE = "scrapeguard.decoys"  # where an ASGI scope carries them, with the facts of its request
SHORTEST = 16  # characters of a secret
MOST = 5  # links on a page
FOLDERS = (
    "archive",
    "browse",
    "catalogue",
    "collection",
    "directory",
    "index",
    "library",
    "listing",
    "records",
    "series",
)
NAMES = (
    "annual",
    "complete",
    "detail",
    "entry",
    "extended",
    "full",
    "original",
    "revised",
    "summary",
    "update",
    "volume",
)
SAID = "This link is not for people."


@dataclass(frozen=True, slots=True)
class DecoySettings:
    """[decoys]"""

    secret: str = ""  # "" = there are none

    def __post_init__(self) -> None:
        if self.secret and len(self.secret) < SHORTEST:
            raise ValueError(f"secret must have {SHORTEST} characters or more; take random ones.")


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that Jinja2 and Django do not escape again."""

    text: str

    def __html__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


NONE = Html("")


class Decoys:
    """The decoys of one site, made from its secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        named = self._digest("folder")
        self.folder = f"/{FOLDERS[named[0] % len(FOLDERS)]}-{named[1:5].hex()}/"
        self.trap = f"{self.folder}*"  # as [facts] writes it

    def path(self, page: str, number: int = 0) -> str:
        """The decoy number so and so of a page."""
        named = self._digest(f"{number} {page}")
        return f"{self.folder}{NAMES[named[0] % len(NAMES)]}-{named[1:7].hex()}"

    def links(self, page: str, count: int = 1) -> Html:
        """The markup of a few links, for the page with this path; at most MOST."""
        paths = (self.path(page, number) for number in range(min(count, MOST)))
        links = "".join(f'<a href="{escape(path)}" rel="nofollow" tabindex="-1">{SAID}</a>' for path in paths)
        return Html(f'<div hidden inert aria-hidden="true">{links}</div>') if links else NONE

    def offer(self, scope: MutableMapping[str, Any], facts: Facts) -> None:
        """Let the app that makes the page of this request find them: see `links`."""
        scope[SCOPE] = self, facts

    def holds(self, path: str) -> bool:
        return path.startswith(self.folder)

    def _digest(self, what: str) -> bytes:
        return hmac.digest(self._secret, what.encode("utf-8", "surrogatepass"), "sha256")


def links(request: Any, count: int = 1) -> Html:
    """The links for the page that is being made: of an ASGI scope, or of a request that has one.

    None without the guard in front, where it has no decoys, and for a crawler that is verified.
    """
    scope = request if isinstance(request, MutableMapping) else request.scope
    made: tuple[Decoys, Facts] | None = scope.get(SCOPE)
    if made is None:
        return NONE
    decoys, facts = made
    verified = facts.identity is not None and facts.identity.state == "verified"
    return NONE if verified else decoys.links(facts.path, count)


def configured(config: Config) -> Decoys | None:
    """The decoys of a configuration, by its section [decoys]; None when it has none. Raises ConfigError."""
    settings = config.section("decoys", DecoySettings)
    return Decoys(settings.secret) if settings.secret else None


def traps(config: Config) -> tuple[str, ...]:
    """All traps of a configuration: those that [facts] names, and the decoys. Raises ConfigError."""
    decoys = configured(config)
    named = config.section("facts", FactsSettings).traps
    return named if decoys is None else (*named, decoys.trap)
