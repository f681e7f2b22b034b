"""Headers: what no browser of that name sends.

Sees: scripts with a browser's agent whose other headers do not fit it. Each oddity counts points:

    2  no Accept-Language at all                       2  no Accept at all; 1 when a page is asked for with "*/*"
    1  a page without Upgrade-Insecure-Requests        2  secure, and no Sec-Fetch-* (Chrome 80, Firefox 90, Safari 17)
    1  secure, and no Sec-CH-UA (Chrome, Edge 89)      3  Sec-CH-UA of Firefox or Safari, or of another version
    4  Sec-Fetch-* values that do not exist            2  Sec-Fetch-User where nobody opened a page

The versions are those of MDN's browser-compat-data; the values those of the Fetch Metadata specification.
Browsers send Sec-* only where the page is secure: https, or http on the machine itself. A client that is connected
directly and accepts Brotli says so too. Accept-Encoding is not looked at otherwise, since proxies rewrite it.
Wrongs: a browser that plays another one for privacy; a company proxy that strips headers. So the weight is at most
`most`, or `led` where a link of this site led to the page; only what is `impossible` and collects weighs enough to be
stopped. Who copies every header passes.
"""

from dataclasses import dataclass

from scrapeguard.model import Agent, Facts, Headers, Mode, Resource, Seen, Signal, Watch
from scrapeguard.signals.watches import TAKEN, led_here, of_page

NEVER = 1_000_000
IMPOSSIBLE = 4  # points that no browser gathers


@dataclass(frozen=True, slots=True)
class Engine:
    """From which version on a browser sends what."""

    fetch: int = NEVER  # Sec-Fetch-*
    hints: int = NEVER  # Sec-CH-UA
    upgrades: bool = True  # Upgrade-Insecure-Requests, for ten years
    known: bool = True


ENGINES = {
    "Chrome": Engine(80, 89),
    "Chrome Mobile": Engine(80, 89),
    "Edge": Engine(80, 89),
    "Firefox": Engine(90),
    "Firefox Mobile": Engine(90),
    "Safari": Engine(17, upgrades=False),
    "Mobile Safari": Engine(17, upgrades=False),
}
OTHER = Engine(
    upgrades=False, known=False
)  # browsers inside apps, those of iOS, rare ones: nothing is expected of them
SITES = (None, b"none", b"same-origin", b"same-site", b"cross-site")

Oddity = tuple[int, str]


def oddities(facts: Facts, agent: Agent, headers: Headers) -> list[Oddity]:
    """What does not fit, each with its points and in words."""
    raw = headers.raw
    engine = ENGINES.get(agent.name, OTHER)
    version = agent.version or 0
    found: list[Oddity] = []
    if b"accept-language" not in raw:
        found.append((2, "no Accept-Language"))
    accept = raw.get(b"accept")
    if accept is None:
        found.append((2, "no Accept"))
    elif facts.resource is Resource.PAGE and facts.method == "GET":
        found += _navigation(facts, engine, accept, raw)
    hints = raw.get(b"sec-ch-ua")
    if version >= engine.fetch:
        found += _fetch_metadata(facts, raw, hints is None and version >= engine.hints)
    if hints is not None and engine.known:
        if engine.hints == NEVER:
            found.append((3, f"Sec-CH-UA, which {agent.name} does not send"))
        elif f'v="{version}"'.encode() not in hints:
            found.append((3, "Sec-CH-UA names another version"))
    return found


def _navigation(facts: Facts, engine: Engine, accept: bytes, raw: dict[bytes, bytes]) -> list[Oddity]:
    """What a browser sends when it opens a page; not when a script or an element of a page asks for one."""
    if raw.get(b"sec-fetch-mode", b"navigate") != b"navigate":
        return []
    anything = accept == b"*/*"
    if anything and of_page(facts):
        return []
    found: list[Oddity] = []
    if anything:
        found.append((1, "a page asked for with Accept: */*"))
    if engine.upgrades and b"upgrade-insecure-requests" not in raw and (anything or b"text/html" in accept):
        found.append((1, "a page without Upgrade-Insecure-Requests"))
    return found


def _fetch_metadata(facts: Facts, raw: dict[bytes, bytes], hintless: bool) -> list[Oddity]:
    """What a browser of this version sends where the page is secure, and how its values go together."""
    site, mode, user = raw.get(b"sec-fetch-site"), raw.get(b"sec-fetch-mode"), raw.get(b"sec-fetch-user")
    absent = site is None and mode is None
    if absent and not _secure(facts, raw):
        return []
    found: list[Oddity] = []
    if absent:
        found.append((2, "no Sec-Fetch-*, which this version sends"))
    elif site not in SITES or user not in (None, b"?1"):
        found.append((4, "Sec-Fetch-* values that do not exist"))
    elif user is not None and mode != b"navigate":
        found.append((2, "Sec-Fetch-User where nobody opened a page"))
    if hintless:
        found.append((1, "no Sec-CH-UA, which this version sends"))
    return found


def _secure(facts: Facts, raw: dict[bytes, bytes]) -> bool:
    host = facts.host or ""
    if facts.scheme == "https" or host == "localhost" or host.startswith("127."):
        return True
    return facts.client.source == "peer" and b"br" in raw.get(b"accept-encoding", b"")


def looks_odd(facts: Facts) -> bool:
    """Whether headers do not fit their browser, and may be a person's all the same, behind a proxy that strips them."""
    if facts.headers is None or facts.agent is None or facts.agent.kind != "browser":
        return False
    return 0 < sum(points for points, _ in oddities(facts, facts.agent, facts.headers)) < IMPOSSIBLE


@dataclass(frozen=True, slots=True)
class HeadersOdd:
    mode: Mode = "enforce"
    most: int = 3  # the weight is the sum of the points, but at most this
    led: int = 2  # the same, where pages of this site lead on
    impossible: int = IMPOSSIBLE  # points
    heavy: int = 5  # the weight of an impossible browser that collects
    limit: int = 10  # different pages and data objects in an hour

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN,)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        agent, headers = facts.agent, facts.headers
        if headers is None or agent is None or agent.kind != "browser" or facts.websocket:
            return None
        if facts.resource is not Resource.PAGE and facts.resource is not Resource.DATA:
            return None
        found = oddities(facts, agent, headers)
        if not found:
            return None
        (taken,) = seen
        points = sum(points for points, _ in found)
        reason = f"says it is {agent.name} {agent.version or ''}, but: {'; '.join(text for _, text in found)}"
        if points < self.impossible or not isinstance(taken, int) or taken <= self.limit:
            most = self.led if points < self.impossible and led_here(facts) else self.most
            return Signal("headers", min(points, most), f"{reason}; {points} points", points, 0, self.mode)
        reason += f"; {taken} different pages or data objects in an hour; the limit is {self.limit}"
        return Signal("headers", self.heavy, reason, taken, self.limit, self.mode)
