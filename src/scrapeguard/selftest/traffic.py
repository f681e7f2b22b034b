"""The made-up traffic of the self-test: for each detector, requests that it must not let pass; and a person's visit.

To add a detector is to add its entry in RECIPES: a test demands one for each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from scrapeguard.model import Detector, Identity, Pass
from scrapeguard.signals.api import Api
from scrapeguard.signals.purpose import Purpose

ROBOT = "192.0.2.250"  # of TEST-NET-1: nobody has it
VISITOR = "198.51.100.250"  # of TEST-NET-2
HOST = b"selftest.invalid"
CHROME = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
GOOGLEBOT = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
COMMON = (
    (b"sec-ch-ua", b'"Not_A Brand";v="8", "Chromium";v="120", "Google Chrome";v="120"'),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Windows"'),
    (b"user-agent", CHROME),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-language", b"en-US,en;q=0.9"),
)
PAGE = (
    (b"upgrade-insecure-requests", b"1"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-user", b"?1"),
    (b"sec-fetch-dest", b"document"),
)
ASSET = (
    (b"accept", b"image/avif,image/webp,image/*,*/*;q=0.8"),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"no-cors"),
    (b"sec-fetch-dest", b"image"),
)
BROWSER = (*COMMON, *PAGE)
BARE = ((b"user-agent", CHROME),)
TOOL = ((b"user-agent", b"python-requests/2.32.3"), (b"accept", b"*/*"))
CRAWLER = ((b"user-agent", GOOGLEBOT), (b"accept", b"*/*"))
Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One made-up request; `given` are facts that a site would have to be arranged for."""

    time: float  # seconds from the beginning
    path: str
    headers: Pairs
    address: str = ROBOT
    status: int = 200
    method: str = "GET"
    given: dict[str, Any] = field(default_factory=dict)

    def scope(self) -> dict[str, Any]:
        """As an ASGI scope."""
        return {
            "type": "http",
            "method": self.method,
            "scheme": "https",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "client": (self.address, 40000),
            "headers": [(b"host", HOST), *self.headers],
        }


@dataclass(frozen=True, slots=True)
class Recipe:
    """Endless requests of one kind. `when` gives facts for them, or None where the settings leave nothing to fire."""

    pause: float = 1.0  # seconds
    path: str = "/selftest/p{n}x"
    headers: Pairs = BROWSER
    status: int = 200
    method: str = "GET"
    when: Callable[[Detector], dict[str, Any] | None] = lambda _: {}
    each: int = 0  # requests from one address, before another one goes on; 0 = all

    def requests(self, detector: Detector) -> Iterator[Request] | None:
        """The requests, in time; None where the settings leave nothing to fire."""
        given = self.when(detector)
        if given is None:
            return None
        rest = self.status, self.method, given
        return (
            Request(n * self.pause, self.path.replace("{n}", str(n)), self.headers, self._address(n), *rest)
            for n in count()
        )

    def _address(self, n: int) -> str:
        return f"192.0.2.{1 + n // self.each % 249}" if self.each else ROBOT


def _always(**given: object) -> Callable[[Detector], dict[str, Any] | None]:
    return lambda _: given


def _unwanted(detector: Detector) -> dict[str, Any] | None:
    uses = (*detector.refuse, *detector.throttle) if isinstance(detector, Purpose) else ()
    return {"identity": Identity("unknown", "", "Self-test", "SelfTest", uses[0])} if uses else None


def _for_pages(detector: Detector) -> dict[str, Any] | None:
    return {} if not isinstance(detector, Api) or detector.access("/api/selftest/1") == "page" else None


RECIPES: dict[str, Recipe] = {
    "pace": Recipe(pause=0.002),
    "breadth": Recipe(pause=0.5),
    "sequence": Recipe(path="/selftest/item/{n}"),
    "cadence": Recipe(pause=10.0),
    "robots": Recipe(headers=TOOL, when=_always(forbidden="Disallow: /selftest/")),
    "trap": Recipe(when=_always(trapped=True)),
    "headers": Recipe(headers=BARE),
    "agent": Recipe(headers=TOOL),
    "misses": Recipe(status=404),
    "assets": Recipe(pause=20.0, when=_always(has_assets=True)),
    "impostor": Recipe(
        headers=CRAWLER, when=_always(identity=Identity("refuted", "dns", "Google", "Googlebot", "search"))
    ),
    "purpose": Recipe(headers=CRAWLER, when=_unwanted),
    "passes": Recipe(when=_always(passed=Pass("0" * 18, "wait", 0, 0))),
    "api": Recipe(path="/api/selftest/{n}", headers=BARE, when=_for_pages),
    "coverage": Recipe(pause=30.0, when=_always(has_assets=True)),
    "rotation": Recipe(path="/selftest/item/{n}", when=_always(has_assets=True), each=1),
    "continued": Recipe(path="/selftest/item/{n}", headers=TOOL, when=_always(has_assets=True, forbidden="*"), each=20),
}


def _visit() -> Iterator[Request]:
    """Ten pages with what belongs to them, as somebody reads: in no order, with no rhythm."""
    now, referer = 0.0, b"https://search.example/"
    for page, pause in (("", 9), ("about", 31), ("news", 14), ("item/7", 42), ("item/3", 6), ("news", 77),
                        ("contact", 19), ("item/12", 120), ("help", 11), ("", 25)):  # fmt: skip
        path = f"/selftest-visit/{page}"
        yield Request(now, path, (*COMMON, *PAGE, (b"referer", referer)), VISITOR)
        referer = b"https://" + HOST + path.encode()
        beside = (*COMMON, *ASSET, (b"referer", referer))
        for place, asset in enumerate(("style.css", "site.js", "logo.png", f"{page.replace('/', '-')}.jpg")):
            yield Request(now + 0.1 + place / 50, f"/selftest-visit/static/{asset}", beside, VISITOR)
        now += pause


PERSON = tuple(_visit())
