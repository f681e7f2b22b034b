"""Adapting: whether an actor's behaviour changed when the rules did, how fast, and how often it changes anyway.

A rule change is a `config.activated` that puts other settings in force than before. Compared are the ten minutes
before and after it, where each has at least five requests: the mean time between requests (doubled or halved), and
whether an agent is sent that was not sent before. How often that happens by itself is counted in the same way between
any two neighbouring stretches of ten minutes of the incident without a rule change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from scrapeguard.evidence.canonical import digest
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.reading import marked, parse

WINDOW = 600_000_000  # microseconds
FEWEST = 5  # requests on each side
STRETCHES = 500  # of an incident that are looked at, at most
AGENTS = 20


@dataclass(frozen=True, slots=True)
class Change:
    """Other settings came into force."""

    time: int
    config: str  # SHA-256 of the settings
    digest: str  # SHA-256 of the record's line


def changes(directory: Path) -> list[Change]:
    """Every rule change in the log, in the order of time."""
    activated = []
    for _, line in marked(directory, b'{"k":"config.activated"'):
        record = parse(line.raw) if line.whole else None
        if record is not None and record["k"] == "config.activated":
            activated.append(Change(record["t"], str(record["what"].get("config", "")), digest(line.raw)))
    activated.sort(key=lambda each: each.time)
    return [now for before, now in pairwise(activated) if now.config != before.config]


@dataclass(slots=True)
class Behaviour:
    """How an actor behaved in a stretch of time."""

    count: int = 0
    first: int = 0
    last: int = 0
    agents: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        self.count += 1
        self.first, self.last = self.first or entry.time, entry.time
        if len(self.agents) < AGENTS:
            self.agents.add(entry.agent)

    @property
    def spacing(self) -> int:
        """Microseconds between requests, on average."""
        return (self.last - self.first) // max(self.count - 1, 1)

    def differs(self, before: "Behaviour") -> str:
        """How it differs from before: "agent", "slower", "faster"; "" when it does not, or cannot be told."""
        if min(self.count, before.count) < FEWEST:
            return ""
        if self.agents - before.agents:
            return "agent"
        if self.spacing >= 2 * before.spacing > 0:
            return "slower"
        return "faster" if 0 < 2 * self.spacing <= before.spacing else ""


@dataclass(slots=True)
class Around:
    """An actor before and after one rule change."""

    change: Change
    before: Behaviour = field(default_factory=Behaviour)
    after: Behaviour = field(default_factory=Behaviour)
    how: str = ""  # it differed first
    when: int = 0  # the request at which it did
    reference: str = ""
    digest: str = ""

    def add(self, entry: Entry) -> None:
        passed = entry.time - self.change.time
        if -WINDOW <= passed < 0:
            self.before.add(entry)
        elif 0 <= passed <= WINDOW:
            self.after.add(entry)
            if not self.how:
                self.how = self.after.differs(self.before)
                if self.how:
                    self.when, self.reference, self.digest = entry.time, entry.reference, digest(entry.raw)


@dataclass(slots=True)
class Adapting:
    """`add` every request of an incident in the order of time."""

    changes: Sequence[Change] = ()
    around: list[Around] = field(default_factory=list)
    _stretches: dict[int, Behaviour] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.around = [Around(change) for change in self.changes]

    def add(self, entry: Entry) -> None:
        if not self.around:
            return
        for each in self.around:
            each.add(entry)
        stretch = entry.time // WINDOW
        if stretch in self._stretches or len(self._stretches) < STRETCHES:
            self._stretches.setdefault(stretch, Behaviour()).add(entry)

    def by_itself(self) -> tuple[int, int]:
        """How often behaviour changed between neighbouring stretches without a rule change, and of how many."""
        changed = {change.time // WINDOW for change in self.changes}
        pairs = [
            (before, self._stretches[at + 1])
            for at, before in self._stretches.items()
            if at + 1 in self._stretches and not {at, at + 1} & changed
        ]
        pairs = [pair for pair in pairs if min(pair[0].count, pair[1].count) >= FEWEST]
        return sum(bool(after.differs(before)) for before, after in pairs), len(pairs)
