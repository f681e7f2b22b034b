"""An incident over its time: what was served and refused, interval by interval, and how what was taken grew."""

from dataclasses import dataclass, field

from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.incident import CONTENT
from scrapeguard.evidence.known import Known
from scrapeguard.model import Rung

INTERVALS = 60


@dataclass(slots=True)
class Story:
    """`add` every request of the incident, in the order of time, the last of which is `last`.

    Numbers are for each of 60 equal intervals between the first and the last.
    """

    last: int
    first: int = 0
    served: list[int] = field(default_factory=lambda: [0] * INTERVALS)
    refused: list[int] = field(default_factory=lambda: [0] * INTERVALS)
    other: list[int] = field(default_factory=lambda: [0] * INTERVALS)  # errors, redirects
    fresh: list[int] = field(default_factory=lambda: [0] * INTERVALS)  # objects taken for the first time
    paths: list[str] = field(default_factory=list)  # the first objects asked for
    _known: Known = field(default_factory=Known)

    def add(self, entry: Entry) -> None:
        self.first = self.first or entry.time
        at = self.place(entry.time)
        if entry.rung is not Rung.ALLOW:
            self.refused[at] += 1
        elif entry.served:
            self.served[at] += 1
        else:
            self.other[at] += 1
        if entry.served and entry.resource in CONTENT and self._known.add(hash(entry.object)):
            self.fresh[at] += 1
            if len(self.paths) < 12:
                self.paths.append(entry.object)

    def place(self, time: int) -> int:
        """The interval a time falls into."""
        return min(max((time - self.first) * INTERVALS // max(self.last - self.first, 1), 0), INTERVALS - 1)

    def grown(self) -> list[int]:
        """How many objects had been taken by the end of each interval."""
        total, sums = 0, []
        for fresh in self.fresh:
            total += fresh
            sums.append(total)
        return sums
