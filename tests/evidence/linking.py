"""Logs in which somebody changes his address, among people, for tests of actors and of evasion."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import building
from building import BLOCKED, FINE, HELD, REFUSED, SERVED, open_log

from scrapeguard.model import Client, Facts, Outcome, Resource, Rung, Verdict

NOTICE = Verdict(Rung.ALLOW, Rung.ALLOW, "notice")
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
BOT, POPULAR = "b0b0b0b0b0b0b0b0", "c0c0c0c0c0c0c0c0"  # fingerprints


def facts(
    second: float,
    path: str,
    address: str,
    print_: str = POPULAR,
    credential: str | None = None,
    reference: str = "7H2K-9QXA",
    **more: object,
) -> Facts:
    made = building.facts(second, path, address, reference=reference, **more)  # type: ignore[arg-type]
    network = address.rpartition(".")[0] + ".0/24"
    port = 40_000 + int(second) % 20_000
    return replace(
        made, client=Client(address, address, network, port, address, "peer"), fingerprint=print_, credential=credential
    )


class Busy:
    """A site with so many workers: what happens is written in the order of time, by one worker or another."""

    def __init__(self, folder: Path, workers: int = 1, zero: int = building.START) -> None:
        self._zero = zero  # when it begins, microseconds
        self._logs = [open_log(folder) for _ in range(workers)]
        self._requests: list[tuple[Facts, Verdict, Outcome]] = []

    def request(self, facts: Facts, verdict: Verdict, outcome: Outcome) -> None:
        self._requests.append((facts, verdict, outcome))

    def close(self) -> None:
        for number, each in enumerate(sorted(self._requests, key=lambda each: each[0].time)):
            made = replace(each[0], time=each[0].time - building.START + self._zero)
            self._logs[number % len(self._logs)].request(made, *each[1:])
        for log in self._logs:
            log.close()


def people(log: Busy, count: int, seconds: float = 3600, seed: int = 1) -> None:
    """So many people, each with a few pages, spread over the time, all with one popular browser."""
    chance = random.Random(seed)
    for second, person in sorted((chance.random() * seconds, person) for person in range(count)):
        address = f"198.{18 + person // 62_500}.{person // 250 % 250}.{person % 250 + 1}"
        for page in range(2):
            log.request(facts(second + page * 3, f"/story/{chance.randrange(900)}", address, raw=CHROME), FINE, SERVED)


def walk(log: Busy, address: str, start: float, item: int, print_: str = BOT, taken: int = 20, **more: object) -> float:
    """Take items one after the other, one a second, are blocked, and try twice more; answers the second of the end."""
    for number in range(taken):
        log.request(facts(start + number, f"/item/{item + number}", address, print_, **more), FINE, SERVED)  # type: ignore[arg-type]
    end = start + taken
    last = f"/item/{item + taken}"
    reference = f"ST0P-{item:04}"
    log.request(facts(end, last, address, print_, reference=reference, **more), BLOCKED, REFUSED)  # type: ignore[arg-type]
    for again in (1, 2):
        log.request(facts(end + again, last, address, print_, **more), HELD, REFUSED)  # type: ignore[arg-type]
    return end + 2


def rotation(
    folder: Path,
    addresses: int = 4,
    crowd: int = 300,
    print_: str = BOT,
    start: float = 1000,
    zero: int = building.START,
) -> list[str]:
    """A crowd; a scraper that asks robots.txt, and after each block goes on from the next address 4 s later."""
    log = Busy(folder, 1, zero)
    people(log, crowd)
    second, used = start, [f"203.0.{113 + number}.{7 + number}" for number in range(addresses)]
    robots = facts(second - 1, "/robots.txt", used[0], print_, resource=Resource.NOTICE)
    log.request(robots, NOTICE, Outcome(200, 60, 90, complete=True))
    for number, address in enumerate(used):
        second = walk(log, address, second, number * 20, print_) + 4
    log.close()
    return used


def subjects(addresses: list[str]) -> Iterator[str]:
    return (f"address:{address}" for address in addresses)
