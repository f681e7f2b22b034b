"""Clients too slow or too many to wait for: requests made up with real headers, on a clock of their own."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from benchmarks.detection.ledger import Account, Kind, Line, Witness, account
from benchmarks.detection.stage import SETTINGS
from scrapeguard import parts as building
from scrapeguard.config import load
from scrapeguard.guard import Judge

START = 1_790_000_000_000_000
AGENT = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
SYSTEMS = ("Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Macintosh; Intel Mac OS X 10_15_7")
PICTURES = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
Request = tuple[float, str, str, dict[str, str]]  # seconds from the start, address, target, headers


def headers(kind: str, version: int = 156, system: int = 0, sid: str = "", referer: str = "") -> dict[str, str]:
    """What Chrome sends, in its order, for a page, an asset or data."""
    page = {"upgrade-insecure-requests": "1"} if kind == "page" else {}
    accept = {"page": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "asset": PICTURES}
    mode = {"page": "navigate", "asset": "no-cors", "data": "cors"}[kind]
    site = "same-origin" if referer or kind != "page" else "none"
    sent = {
        "host": "127.0.0.1",
        "sec-ch-ua": f'"Chromium";v="{version}", "Not_A Brand";v="99"',
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Windows"',
        **page,
        "user-agent": AGENT.format(SYSTEMS[system], version),
        "accept": accept.get(kind, "*/*"),
        "sec-fetch-site": site,
        "sec-fetch-mode": mode,
        "sec-fetch-dest": {"page": "document", "asset": "image", "data": "empty"}[kind],
        "accept-encoding": "gzip, deflate, br, zstd",
        "accept-language": "en-US,en;q=0.9",
    }
    return sent | ({"referer": referer} if referer else {}) | ({"cookie": f"sid={sid}"} if sid else {})


@dataclass(frozen=True, slots=True)
class Story:
    """Somebody whose requests are made up."""

    name: str
    kind: Kind
    style: str
    requests: list[Request]
    beside: list[Request] = field(default_factory=list)  # of people with the same browser, who are there meanwhile


def person(address: str, pages: int, pause: float, seed: int, begin: float = 0) -> Iterator[Request]:
    """Reads items: a page, what it shows the first time, its data; then a pause as irregular as people's."""
    chance = random.Random(seed)
    at, sid = begin, f"{seed:08x}"
    version, system = chance.choice((154, 155, 156)), chance.randrange(3)
    for number in chance.sample(range(1, 5001), pages):
        here = f"http://127.0.0.1/item/{number}"
        yield at, address, f"/item/{number}", headers("page", version, system, sid, "http://127.0.0.1/")
        yield at + 0.1, address, f"/images/{number}.svg", headers("asset", version, system, sid, here)
        yield at + 0.2, address, f"/api/stock/{number}", headers("data", version, system, sid, here)
        at += pause * chance.lognormvariate(-0.3, 0.8)


def polling(address: str, hours: float) -> Iterator[Request]:
    for n in range(int(hours * 1800)):
        asked = headers("data", sid="poller", referer="http://127.0.0.1/live")
        yield n * 2.0, address, f"/api/live?since={1790000000 + n}", asked


def collecting(addresses: int, count: int, pause: float, walk: bool = False, agents: bool = False) -> Iterator[Request]:
    """Pages only, every header right; the addresses, each of another network, take turns at random."""
    chance = random.Random(addresses)
    numbers = list(range(1, 5001))
    if not walk:
        chance.shuffle(numbers)
    at = 0.0
    for number in numbers[:count]:
        which = chance.randrange(addresses)
        version = chance.randrange(120, 157) if agents else 156
        yield at, f"198.{18 + which // 250}.{which % 250}.9", f"/item/{number}", headers("page", version)
        at += pause * (0.5 + chance.random())


def crowd(people: int, seconds: float, seed: int, warm: float = 0.1) -> list[Request]:
    """People with one and the same browser, on items as popular as Zipf's law has it; a few have every asset cached."""
    chance = random.Random(seed)
    popular = [1 / rank for rank in range(1, 5001)]
    made: list[Request] = []
    for who in range(people):
        address, at, sid = f"203.{who // 250}.{who % 250}.{seed}", chance.random() * seconds, ""
        cached, referer = chance.random() < warm, "" if chance.random() < 0.2 else "https://search.example/"
        for number in chance.choices(range(1, 5001), popular, k=1 + int(chance.expovariate(0.25))):
            here = f"http://127.0.0.1/item/{number}"
            made.append((at, address, f"/item/{number}", headers("page", sid=sid, referer=referer)))
            sid, referer = f"{seed}-{who}", here
            if not cached:
                made.append((at + 0.1, address, f"/images/{number}.svg", headers("asset", sid=sid, referer=here)))
                made.append((at + 0.2, address, f"/api/stock/{number}", headers("data", sid=sid, referer=here)))
            at += 35 * chance.lognormvariate(-0.3, 0.8)
    return made


def stories() -> list[Story]:
    office = [request for n in range(30) for request in person("192.0.2.1", 30, 40, 100 + n, n * 17.0)]
    beside = crowd(400, 5000, 9)  # one every twelve seconds, beside a fleet

    def fleet(name: str, style: str, requests: Iterator[Request]) -> Story:
        return Story(name, "scraper", style, list(requests), beside)

    return [
        Story("an hour's reader", "person", "80 items in an hour", list(person("192.0.2.2", 80, 45, 1))),
        Story("a diligent reader", "person", "150 items in two hours", list(person("192.0.2.3", 150, 48, 2))),
        Story("an office of 30", "person", "30 browsers, one address, 25 min", office),
        Story("polling for an hour", "person", "a page that polls every 2 s", list(polling("192.0.2.4", 1))),
        Story("2,000 people", "person", "one fingerprint, one hour", crowd(2000, 3600, 7)),
        Story("2,000 people, half cached", "person", "one fingerprint, no assets", crowd(2000, 3600, 8, warm=0.5)),
        Story("slow, Chrome's headers", "scraper", "one in 20 s, shuffled", list(collecting(1, 5000, 20))),
        Story("slow, walk", "scraper", "one in 20 s, ids up", list(collecting(1, 5000, 20, walk=True))),
        fleet("5 addresses", "one a second, shuffled", collecting(5, 5000, 1)),
        fleet("50 addresses", "one a second, shuffled", collecting(50, 5000, 1)),
        fleet("50 addresses, walk", "one a second, ids up", collecting(50, 5000, 1, walk=True)),
        fleet("500 addresses", "one a second, shuffled", collecting(500, 5000, 1)),
        fleet("500 addresses, walk", "one a second, ids up", collecting(500, 5000, 1, walk=True)),
        fleet("50 addresses, new agents", "one a second", collecting(50, 5000, 1, agents=True)),
    ]


async def _judged(story: Story) -> tuple[list[Line], list[Line]]:
    """What was said of the story's requests, and of those beside it."""
    parts = building.build(load(SETTINGS))
    witness = Witness(Judge(parts.store, parts.panel, parts.policy, parts.lists, parts.mode))
    for n in range(8):  # people were here before: the site is known to have assets
        for request in person(f"203.0.113.{n}", 3, 20, 900 + n, -3600):
            await witness.judge(parts.reader.read(_scope(request), START + int(request[0] * 1e6)))
    for request in sorted([*story.requests, *story.beside], key=itemgetter(0)):
        await witness(parts.reader.read(_scope(request), START + int(request[0] * 1e6)))
    await parts.store.close()
    others = {address for _, address, _, _ in story.beside}
    lines: tuple[list[Line], list[Line]] = ([], [])
    for line in witness.lines:
        lines[line.facts.client.address in others].append(line)
    return lines


def _scope(request: Request) -> dict[str, object]:
    _, address, target, sent = request
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "client": (address, 40000),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }


def imagined() -> list[Account]:
    """What became of each of them; every story has a site of its own."""
    accounts: list[Account] = []
    people: list[Line] = []
    for story in stories():
        lines, beside = asyncio.run(_judged(story))
        accounts.append(account(story.name, story.kind, story.style, lines))
        people += beside
    accounts.append(account("400 people", "person", "beside each fleet, its fingerprint", people))
    for made in accounts:
        made.note = "made up, on a clock of its own"
    return accounts
