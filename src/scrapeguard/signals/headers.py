"""Headers: what no browser of that name sends.

Sees: scripts with a browser's agent whose other headers do not fit it. Each oddity counts points:

    2  no Accept-Language at all                       2  no Accept at all; 1 when a page is asked for with "*/*"
    1  a page without Upgrade-Insecure-Requests        2  secure, and no Sec-Fetch-* (Chrome 80, Firefox 90, Safari 17)
    1  secure, and no Sec-CH-UA (Chrome, Edge 89)      3  Sec-CH-UA of Firefox or Safari, or of another version
    3  Sec-Fetch-* values that cannot be, together

The versions are those of MDN's browser-compat-data; the combinations those of the Fetch Metadata specification.
Browsers send Sec-* only where the page is secure: https, or http on the machine itself. A client that is connected
directly and accepts Brotli says so too. Accept-Encoding is not looked at otherwise, since proxies rewrite it.
Wrongs: a browser that plays another one for privacy; a company proxy that strips headers. So the weight is at most
`most`, and only what is `impossible` and collects weighs enough to be stopped. Who copies every header passes.
"""

from dataclasses import dataclass

from scrapeguard.model import Agent, Facts, Headers, Mode, Resource, Seen, Signal, Watch
from scrapeguard.signals.watches import TAKEN, of_page

FETCH_SINCE = {"Chrome": 80, "Chrome Mobile": 80, "Edge": 80, "Edge Mobile": 80, "Opera": 67,
               "Firefox": 90, "Firefox Mobile": 90, "Safari": 17, "Mobile Safari": 17}  # fmt: skip
HINTS_SINCE = {"Chrome": 89, "Chrome Mobile": 89, "Edge": 89}
NO_HINTS = frozenset({"Firefox", "Firefox Mobile", "Safari", "Mobile Safari"})
UPGRADES = frozenset({"Chrome", "Chrome Mobile", "Edge", "Firefox", "Firefox Mobile"})
SITES = (b"none", b"same-origin", b"same-site", b"cross-site")

Oddity = tuple[int, str]


def oddities(facts: Facts, agent: Agent, headers: Headers) -> list[Oddity]:
    """What does not fit, each with its points and in words."""
    raw = headers.raw
    found: list[Oddity] = []
    if b"accept-language" not in raw:
        found.append((2, "no Accept-Language"))
    accept = raw.get(b"accept")
    if accept is None:
        found.append((2, "no Accept"))
    elif facts.resource is Resource.PAGE and facts.method == "GET":
        found += _navigation(facts, agent.name, accept, raw)
    if (agent.version or 0) >= FETCH_SINCE.get(agent.name, 1_000_000):
        found += _fetch_metadata(facts, agent, raw)
    hints = raw.get(b"sec-ch-ua")
    if hints is not None and agent.name in NO_HINTS:
        found.append((3, f"Sec-CH-UA, which {agent.name} does not send"))
    elif hints and agent.name in HINTS_SINCE and b'v="%d"' % (agent.version or 0) not in hints:
        found.append((3, "Sec-CH-UA names another version"))
    return found


def _navigation(facts: Facts, name: str, accept: bytes, raw: dict[bytes, bytes]) -> list[Oddity]:
    """What a browser sends when it opens a page; not when a script or an element of a page asks for one."""
    if raw.get(b"sec-fetch-mode", b"navigate") != b"navigate" or of_page(facts):
        return []
    found: list[Oddity] = []
    if accept == b"*/*":
        found.append((1, "a page asked for with Accept: */*"))
    if name in UPGRADES and b"upgrade-insecure-requests" not in raw:
        found.append((1, "a page without Upgrade-Insecure-Requests"))
    return found


def _fetch_metadata(facts: Facts, agent: Agent, raw: dict[bytes, bytes]) -> list[Oddity]:
    """What a browser of this version sends where the page is secure, and how its values go together."""
    site, mode, user = raw.get(b"sec-fetch-site"), raw.get(b"sec-fetch-mode"), raw.get(b"sec-fetch-user")
    absent = site is None and mode is None
    if absent and not _secure(facts, raw):
        return []
    found: list[Oddity] = []
    if absent:
        found.append((2, f"no Sec-Fetch-*, which {agent.name} sends since version {FETCH_SINCE[agent.name]}"))
    elif (
        site not in SITES
        or user not in (None, b"?1")
        or (user is not None and mode != b"navigate")
        or (mode == b"navigate" and raw.get(b"sec-fetch-dest") == b"empty")
    ):
        found.append((3, "Sec-Fetch-* values that cannot be"))
    if b"sec-ch-ua" not in raw and (agent.version or 0) >= HINTS_SINCE.get(agent.name, 1_000_000):
        found.append((1, "no Sec-CH-UA"))
    return found


def _secure(facts: Facts, raw: dict[bytes, bytes]) -> bool:
    host = facts.host or ""
    if facts.scheme == "https" or host == "localhost" or host.startswith("127."):
        return True
    return facts.client.source == "peer" and b"br" in raw.get(b"accept-encoding", b"")


@dataclass(frozen=True, slots=True)
class HeadersOdd:
    mode: Mode = "enforce"
    most: int = 3  # the weight is the sum of the points, but at most this
    impossible: int = 4  # points that no browser gathers
    heavy: int = 5  # the weight of an impossible browser that collects
    limit: int = 12  # different pages and data objects in an hour

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
            return Signal("headers", min(points, self.most), f"{reason}; {points} points", points, 0, self.mode)
        reason += f"; {taken} different pages or data objects in an hour; the limit is {self.limit}"
        return Signal("headers", self.heavy, reason, taken, self.limit, self.mode)
