"""What each detector costs a request: CPU of the judge with all of them, and with each switched off in turn.

    python benchmarks/detectors.py [--requests 20000] [--rounds 9] [--json results/detectors.json]

No server and no HTTP: facts that were read before go through the judge and the memory store. Two kinds of traffic:
people, with what belongs to their pages, and a fleet of addresses that take pages only, so that every request is
looked at twice. Nobody is stopped, since the panel is only observed. Rounds are interleaved; the figures are medians of
the differences to the whole panel in the same round. The control is a judge without any detector.
"""

import argparse
import asyncio
import gc
import itertools
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from scrapeguard.config import load
from scrapeguard.guard import Judge
from scrapeguard.model import Facts
from scrapeguard.parts import examine
from scrapeguard.selftest.traffic import ASSET, COMMON, HOST, PAGE, Request
from scrapeguard.signals import DETECTORS, Panel
from scrapeguard.stores.memory import MemoryStore

NOW = 1_790_000_000_000_000
SHOP = (b"referer", b"https://" + HOST + b"/catalogue")
CONTROL, ALL = "no detector", "all"


def people() -> Iterator[Request]:
    """Two hundred at a time, each reading ten pages with two assets each, then followed by others."""
    for n in itertools.count():
        who, turn = n // 6000 * 200 + n // 3 % 200, n // 600 % 10
        page = f"/item/{who * 7 % 4999 + turn * 13}"
        path, sent = ((page, PAGE), (f"/static{page}.jpg", ASSET), (f"/static/{turn}.css", ASSET))[n % 3]
        yield Request(n * 0.01, path, (*COMMON, *sent, SHOP), f"198.{18 + who // 60000}.{who // 250 % 250}.{who % 250}")


def fleet() -> Iterator[Request]:
    """Five hundred addresses that share the catalogue, a page at a time."""
    for n in itertools.count():
        who = n * 7919 % 500
        yield Request(n * 0.01, f"/item/{n * 6007 % 99991}", (*COMMON, *PAGE), f"198.18.{who // 250}.{who % 250}")


TRAFFIC: dict[str, Callable[[], Iterator[Request]]] = {"people": people, "fleet": fleet}


def read(requests: Iterator[Request], count: int) -> list[Facts]:
    reader = examine(load({"evidence": {"directory": ""}})).reader
    given = itertools.islice(requests, count)
    return [replace(reader.read(r.scope(), NOW + round(r.time * 1e6)), has_assets=True) for r in given]


async def cost(panel: Panel, facts: list[Facts]) -> float:
    """Microseconds of CPU a request, on a store of its own."""
    parts = examine(load({"evidence": {"directory": ""}}))
    judge = Judge(MemoryStore(salt=b""), panel, parts.policy, parts.lists, "observe")
    gc.collect()
    began = time.process_time()
    for each in facts:
        await judge(each)
    return (time.process_time() - began) / len(facts) * 1e6


def measured(facts: list[Facts], rounds: int) -> dict[str, float]:
    """The cost of the judge without and with all detectors, and what each of them adds to the others."""
    every = {name: detector() for name, detector in DETECTORS.items()}
    panels = {CONTROL: Panel({}), ALL: Panel(every)}
    panels |= {name: Panel({other: every[other] for other in every if other != name}) for name in every}
    found: dict[str, list[float]] = {name: [] for name in panels}
    for _ in range(rounds):
        for name, panel in panels.items():
            found[name].append(asyncio.run(cost(panel, facts)))
    added = {
        name: statistics.median(whole - less for whole, less in zip(found[ALL], found[name], strict=True))
        for name in every
    }
    return {CONTROL: statistics.median(found[CONTROL]), ALL: statistics.median(found[ALL]), **added}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "detectors.json")
    options = parser.parse_args()
    results = {kind: measured(read(make(), options.requests), options.rounds) for kind, make in TRAFFIC.items()}
    names = [CONTROL, ALL, *DETECTORS]
    print(f"| us of CPU a request | {' | '.join(results)} |\n|---|{'---|' * len(results)}")
    for name in names:
        plus = "+" if name in DETECTORS else ""
        print(f"| {name} | {' | '.join(f'{plus}{round(costs[name], 1)}' for costs in results.values())} |")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    told = {"python": platform.python_version(), "machine": platform.machine(), "requests": options.requests}
    options.json.write_text(json.dumps({**told, "rounds": options.rounds, "microseconds": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
