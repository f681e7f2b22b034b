"""Traffic told in a few lines of TOML, and what the guard makes of it.

    robots = "User-agent: *\\nDisallow: /private/"   # optional
    assets = true                                    # the site is known to serve images and styles itself

    [[visit]]                                        # somebody does one thing a number of times
    who = "chrome"                                   # a preset of clients.toml
    address = "192.0.2.7"
    people = 30                                      # so many of them share the address, each with a cookie
    start = 0.0                                      # seconds
    times = 40
    pause = 8.0                                      # seconds between them, on average
    spread = 80                                      # per cent by which each pause may be longer or shorter
    page = "/item/{n}"                               # or data = …, a request by itself, with `referer` if any
    led = true                                       # the page before has a link to it, and is its referer
    kind = "worker"                                  # whose headers of the preset go with the page, if not "page"
    with = ["/images/{n}.jpg", "/api/stock/{n}"]     # what a browser fetches with the page
    ahead = 12                                       # and so many other pages, because they are linked
    once = ["/static/style.css"]                     # and only with the first
    n = "1+1"                                        # first + step; "any 5000" = anything up to 5000, in no order
    status = 200

The randomness is seeded: the same file is the same traffic.
"""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrapeguard.facts.networks import Networks
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.guard import Judge
from scrapeguard.model import Agent, Facts, Outcome, Resource, Rung, Verdict
from scrapeguard.notices.robots import parse
from scrapeguard.notices.rules import encoded
from scrapeguard.policy import Lists, Policy
from scrapeguard.signals import DETECTORS, Panel
from scrapeguard.stores.memory import MemoryStore

HERE = Path(__file__).parent
START = 1_790_000_000_000_000  # microseconds
HOST = "shop.example"
CLIENTS = tomllib.loads((HERE / "clients.toml").read_text())
WITHIN = 0.02  # seconds between a page and each thing fetched with it


@dataclass(frozen=True, slots=True)
class Request:
    time: float  # seconds from the start
    address: str
    headers: dict[str, str]
    method: str
    target: str
    status: int
    https: bool


@dataclass(slots=True)
class Account:
    """What became of one address."""

    requests: int = 0
    first_signal: int | None = None  # the number of the request
    first_measure: int | None = None
    rung: Rung = Rung.ALLOW
    signals: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)

    def note(self, verdict: Verdict) -> None:
        self.requests += 1
        self.rung = max(self.rung, verdict.rung)
        for signal in verdict.signals:
            self.first_signal = self.first_signal or self.requests
            if signal.detector not in self.signals:
                self.reasons.append(f"request {self.requests}: {signal.detector} {signal.weight}: {signal.reason}")
            self.signals.add(signal.detector)
        if verdict.rung is not Rung.ALLOW:
            self.first_measure = self.first_measure or self.requests


def requests_of(visit: dict[str, Any], seed: str) -> Iterator[Request]:
    """The requests of one visit; those of several people begin at different moments."""
    people = visit.get("people", 1)
    for person in range(people):
        chance = random.Random(f"{seed} {person}")
        start = visit.get("start", 0.0) + (chance.random() * visit.get("pause", 1.0) * 3 if person else 0.0)
        yield from _one(visit, start, f"sid={seed}{person}" if people > 1 else visit.get("cookie", ""), chance)


def _one(visit: dict[str, Any], now: float, cookie: str, chance: random.Random) -> Iterator[Request]:
    client = CLIENTS[visit["who"]]
    spread, pause = visit.get("spread", 0) / 100, visit.get("pause", 1.0)

    def request(kind: str, target: str, referer: str, after: float) -> Request:
        headers = {**client["all"], **client.get(kind, {})}
        headers |= {name: value for name, value in (("Referer", referer), ("Cookie", cookie)) if value}
        method, status = visit.get("method", "GET"), visit.get("status", 200)
        return Request(now + after, visit["address"], headers, method, target, status, client.get("https", True))

    before = "/"
    for turn in range(visit.get("times", 1)):
        number = _number(visit.get("n", "1+1"), turn, chance)
        kind = "page" if "page" in visit else "data"
        target = visit[kind].replace("{n}", str(number))
        referer = f"https://{HOST}{before}" if visit.get("led") else visit.get("referer", "")
        yield request(visit.get("kind", kind), target, referer, 0)
        before = target
        for place in range(visit.get("ahead", 0)):
            other = visit["page"].replace("{n}", str(chance.randrange(5000)))
            yield request("ahead", other, f"https://{HOST}{target}", 1 + place * WITHIN)
        beside = visit.get("once", []) * (turn == 0) + visit.get("with", [])
        for place, pattern in enumerate(beside, 1):
            asked = pattern.replace("{n}", str(number))
            what = "data" if asked.startswith("/api/") else "asset"  # by its headers; the path says what it counts as
            yield request(what, asked, f"https://{HOST}{target}", place * WITHIN)
        now += pause * (1 + chance.uniform(-spread, spread))


def _number(rule: str, turn: int, chance: random.Random) -> int:
    if rule.startswith("any "):
        return chance.randrange(int(rule[4:]))
    first, sign, step = rule.partition("+") if "+" in rule else rule.rpartition("-")
    return int(first) + turn * int(sign + step)


def warming() -> list[Request]:
    """Five visitors from whom the site is known to serve assets."""
    headers = {**CLIENTS["chrome"]["all"], **CLIENTS["chrome"]["page"]}
    return [
        Request(-600.0 + n, f"203.0.113.{n}", headers, "GET", target, 200, True)
        for n in range(5)
        for target in ("/", "/static/style.css")
    ]


class Stage:
    """A reader, a store and a judge with the defaults."""

    def __init__(self, robots: str = "", traps: tuple[str, ...] = ("/trap/*",)) -> None:
        rules = parse(robots.encode())

        def forbidden(_: str | None, agent: Agent, path: str) -> str:
            rule = rules.group(agent.token).rule(encoded(path.encode()))
            return rule.text if rule is not None and not rule.allow else ""

        self.reader = FactsReader(FactsSettings(traps=traps), forbidden)
        panel = Panel({name: detector() for name, detector in DETECTORS.items()})
        lists = Lists(Networks((), "deny"), Networks((), "allow"))
        self.judge = Judge(MemoryStore(50_000, salt=b""), panel, Policy(), lists, "enforce")

    async def play(self, request: Request) -> Verdict | None:
        """The verdict on one request; None for a notice, which is not judged."""
        facts = self.facts(request)
        if facts.resource is Resource.NOTICE:
            await self.judge.note(facts)
            return None
        verdict = await self.judge(facts)
        outcome = Outcome(request.status, 1000, 100, True)
        if verdict.rung is Rung.ALLOW and self.judge.panel.wants(facts, outcome):
            await self.judge.note(facts, outcome)
        return verdict

    def facts(self, request: Request) -> Facts:
        path, _, query = request.target.partition("?")
        scope = {
            "type": "http",
            "method": request.method,
            "scheme": "https" if request.https else "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "client": (request.address, 40000),
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in ({"Host": HOST} | request.headers).items()
            ],
        }
        return self.reader.read(scope, START + round(request.time * 1_000_000))


async def perform(folder: Path) -> dict[str, Account]:
    """Play a scenario; what became of each address."""
    told = tomllib.loads((folder / "traffic.toml").read_text())
    stage = Stage(told.get("robots", ""))
    requests = [
        request for place, visit in enumerate(told["visit"]) for request in requests_of(visit, f"{folder.name} {place}")
    ]
    for request in warming() if told.get("assets", True) else []:
        await stage.play(request)
    accounts: dict[str, Account] = {}
    for request in sorted(requests, key=lambda request: request.time):
        verdict = await stage.play(request)
        if verdict is not None:
            accounts.setdefault(request.address, Account()).note(verdict)
    return accounts
