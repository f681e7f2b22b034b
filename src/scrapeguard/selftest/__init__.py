"""The self-test: each detector is fired by made-up traffic, a person passes, the challenge is solved; else an alarm.

Everything happens beside the site, on a store of its own, under addresses that nobody has (RFC 5737): no visitor is
counted, no counter is changed. The result is evidence: on that day, the measure worked.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from scrapeguard.evidence.canonical import Json
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.model import Facts, Outcome, Rung, Verdict
from scrapeguard.parts import Parts
from scrapeguard.selftest.challenge import Trial
from scrapeguard.selftest.traffic import PERSON, RECIPES, Recipe, Request
from scrapeguard.stores.memory import MemoryStore

log = logging.getLogger("scrapeguard.selftest")
MOST = 20_000  # requests; a detector that needs more to say something is silent


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one trial."""

    name: str  # of the detector, or "person", or "challenge"
    state: Literal["fired", "silent", "passed", "stopped", "broken", "off"]
    requests: int  # made-up ones, until it fired
    said: str

    @property
    def good(self) -> bool:
        return self.state in ("fired", "passed", "off")


async def run(parts: Parts, now: int, most: int = MOST) -> list[Result]:
    """Try every detector of a configuration, one person and the challenge, at `now` (microseconds).

    Takes well under a second.
    """
    settings = parts.config.known()["facts"]
    assert isinstance(settings, FactsSettings)
    settings = replace(settings, trusted_proxies=())
    reader = FactsReader(settings, parts.notices.forbidden)
    results = [await _try(name, recipe, parts, reader, now, most) for name, recipe in RECIPES.items()]
    trial = Trial(parts, settings, MemoryStore(16, salt=b"").spend, now)
    return [*results, await _person(parts, reader, now), await _challenge(trial)]


async def _try(name: str, recipe: Recipe, parts: Parts, reader: FactsReader, now: int, most: int) -> Result:
    detector = parts.panel.detectors.get(name)
    if detector is None:
        return Result(name, "off", 0, "it is switched off")
    requests = recipe.requests(detector)
    if requests is None:
        return Result(name, "off", 0, "there is nothing in its settings to fire it with")
    store, count = MemoryStore(16, salt=b""), 0
    for count, request in enumerate(requests, 1):
        facts = _facts(request, reader, now)
        for signal in (await _judged(parts, store, facts)).signals:
            if signal.detector == name:
                return Result(name, "fired", count, signal.reason)
        await _after(parts, store, facts, request.status)
        if count == most:
            break
    return Result(name, "silent", count, f"{count:,} requests made to fire it did not")


async def _person(parts: Parts, reader: FactsReader, now: int) -> Result:
    store, count = MemoryStore(16, salt=b""), 0
    for request in PERSON:
        count += 1
        facts = _facts(request, reader, now)
        if parts.notices.covers(facts):
            continue
        verdict = await _judged(parts, store, facts)
        if verdict.rung is not Rung.ALLOW:
            reasons = "; ".join(signal.reason for signal in verdict.signals)
            return Result(
                "person", "stopped", count, f"request {count} of a person's visit met {verdict.rung.label}: {reasons}"
            )
        await _after(parts, store, facts, request.status)
    return Result("person", "passed", count, f"{count} requests of a person's visit were let through")


async def _challenge(trial: Trial) -> Result:
    fault = await trial.fault()
    said = fault or "it was solved, its pass is good, and the same solution was refused a second time"
    return Result("challenge", "broken" if fault else "passed", trial.requests, said)


async def _judged(parts: Parts, store: MemoryStore, facts: Facts) -> Verdict:
    """What both looks at a request make of it; nobody is put on a rung."""
    panel = parts.panel
    tally = await store.observe(facts, panel.plan)
    signals, doubt = panel.detect(facts, tally), panel.doubt(facts, tally)
    if doubt is not None:
        closer = panel.detect_closer(facts, tally, await store.observe(facts, panel.closer, doubt))
        signals += closer
    verdict = parts.policy.decide(signals, tally, facts.time, "enforce", parts.policy.excuse(facts, signals))
    if doubt is not None:
        await store.observe(facts, panel.closer, doubt.decided(verdict.rung, closer))
    return verdict


async def _after(parts: Parts, store: MemoryStore, facts: Facts, status: int) -> None:
    outcome = Outcome(status, 1000, 1000, complete=True)
    if parts.panel.wants(facts, outcome):
        await store.observe(facts, parts.panel.plan, outcome)


def _facts(request: Request, reader: FactsReader, now: int) -> Facts:
    facts = reader.read(request.scope(), now + round(request.time * 1_000_000))
    return replace(facts, **request.given) if request.given else facts


def told(results: list[Result]) -> dict[str, Json]:
    """The results as a record of the evidence (kind "selftest.result")."""
    return {
        "good": all(result.good for result in results),
        "results": {result.name: {"requests": result.requests, "state": result.state} for result in results},
    }


class Periodic:
    """Runs the self-test of the parts in force, on a thread of its own, every so many seconds, until it is ended."""

    def __init__(self, every: float, parts: Callable[[], Parts]) -> None:
        self._every = every
        self._parts = parts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrapeguard-selftest", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop after the test that is under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            parts = self._parts()
            results = asyncio.run(run(parts, now()))
            for result in results:
                if not result.good:
                    log.error("self-test: %s is %s: %s", result.name, result.state, result.said)
            parts.evidence.event("selftest.result", told(results))


def begin(parts: Parts, current: Callable[[], Parts]) -> Periodic | None:
    """Begin to test periodically, if this configuration asks for it."""
    minutes = parts.selftest.every_minutes
    return Periodic(minutes * 60, current) if minutes else None


def now() -> int:
    return time.time_ns() // 1000
