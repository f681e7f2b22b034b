"""What the guard said about every request, and what that makes of each client."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.detection.site import items_in
from scrapeguard.guard import Judge
from scrapeguard.model import Facts, Outcome, Resource, Rung, Tally, Verdict
from scrapeguard.signals import Panel

Kind = Literal["scraper", "person", "machine"]
OBJECTS = (Resource.PAGE, Resource.DATA)


@dataclass(frozen=True, slots=True)
class Line:
    """One request and the verdict on it; None = a notice, which is never judged."""

    facts: Facts
    verdict: Verdict | None


class Witness:
    """Stands where the judge stands, asks it, and writes down what it said."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.panel: Panel = judge.panel
        self.spend = judge.spend
        self.lines: list[Line] = []

    async def __call__(self, facts: Facts) -> Verdict:
        verdict = await self.judge(facts)
        self.lines.append(Line(facts, verdict))
        return verdict

    async def note(self, facts: Facts, outcome: Outcome | None = None) -> Tally:
        if outcome is None:
            self.lines.append(Line(facts, None))
        return await self.judge.note(facts, outcome)


@dataclass(slots=True)
class Account:
    """One client: numbers are those at the first signal and at the first measure, that request included."""

    name: str
    kind: Kind
    style: str
    requests: int = 0
    objects: int = 0
    items: int = 0  # whose records it got, in all
    signal: tuple[int, int] | None = None  # requests, objects
    measure: tuple[int, int, int] | None = None  # requests, objects, items it had got before
    cause: list[str] = field(default_factory=list)  # the signals of the first measure
    signals: dict[str, int] = field(default_factory=dict)
    measures: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    addresses: int = 0
    measured_addresses: int = 0
    note: str = ""

    def row(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def account(name: str, kind: Kind, style: str, lines: Iterable[Line]) -> Account:
    """What became of one client, from its lines in the order of time."""
    made = Account(name, kind, style)
    objects: set[str] = set()
    items: set[int] = set()
    addresses: set[str] = set()
    measured: set[str] = set()
    for line in lines:
        facts, verdict = line.facts, line.verdict
        made.requests += 1
        addresses.add(facts.client.address)
        if facts.resource in OBJECTS:
            objects.add(facts.object)
        if verdict is None:
            continue
        for signal in verdict.signals:
            made.signals[signal.detector] = made.signals.get(signal.detector, 0) + 1
            made.reasons[signal.detector] = f"{signal.weight}: {signal.reason}"
        if verdict.signals and made.signal is None:
            made.signal = (made.requests, len(objects))
        if verdict.rung is Rung.ALLOW:
            items.update(items_in(f"{facts.path}?{facts.query}" if facts.query else facts.path))
            continue
        measured.add(facts.client.address)
        made.measures[verdict.rung.label] = made.measures.get(verdict.rung.label, 0) + 1
        if made.measure is None:
            made.measure = (made.requests, len(objects), len(items))
            made.cause = [signal.detector for signal in verdict.signals]
    made.objects, made.items = len(objects), len(items)
    made.addresses, made.measured_addresses = len(addresses), len(measured)
    return made


def by_client(lines: Iterable[Line], names: Mapping[str, str]) -> dict[str, list[Line]]:
    """The lines of each client; `names` says who has an address."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        name = names.get(line.facts.client.address)
        if name is not None:
            found.setdefault(name, []).append(line)
    return found
