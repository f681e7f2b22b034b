"""Which leaves of the log a bundle discloses, and which stretch of each month's tree it needs: found in one pass.

The trees are read, as they are what is proved, and not the writers' files, which retention takes away. A record's
writer follows from its chain: it is whoever wrote the record whose digest it holds. What is found goes to a file, as
memory must not grow with an incident.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import checkpoint as notes
from scrapeguard.evidence.entry import REQUEST
from scrapeguard.evidence.hour import hour_of
from scrapeguard.evidence.sequencer import FOLDER
from scrapeguard.evidence.tiles import Tiles
from scrapeguard.evidence.verify import SKEW

HOUSEKEEPING = {
    b"start", b"close", b"gap", b"recovery", b"clock", b"overflow", b"config.activated", b"notice.published",
    b"window.close", b"anchor", b"anchor.delayed", b"anchor.resumed", b"damage", b"key.rotated", b"selftest.result",
    b"retention", b"redaction", b"fsck", b"gap.start", b"gap.end", b"link.rejected", b"alarm.overblock",
}  # fmt: skip
SINCE = {  # since when it was missing
    b"gap": "first", b"gap.end": "start", b"anchor.resumed": "since", b"recovery": "last",
}  # fmt: skip
IN_FORCE = (b"start", b"config.activated")
CHAIN = re.compile(rb'\{"k":"([a-z.]+)","mono":\d+,(?:"n":\d+,)?"prev":"([0-9a-f]{64})"')
SUBJECT = re.compile(rb'"sub":"([0-9a-f]{32})"')
HOUR = re.compile(rb'"win":"([0-9T-]{13})"\}$')


@dataclass(frozen=True, slots=True)
class Whose:
    """The records that are disclosed: of these pseudonyms, in the hours from `first` to `last`, both included."""

    subjects: frozenset[str]
    first: str
    last: str

    def has(self, raw: bytes) -> bool:
        subject, hour = SUBJECT.search(raw), HOUR.search(raw)
        if subject is None or hour is None or subject[1].decode() not in self.subjects:
            return False
        return self.first <= hour[1].decode() <= self.last


@dataclass(slots=True)
class Month:
    """One month's log: where in it the incident's records lie, and its counts."""

    name: str
    folder: Path
    note: bytes  # its newest checkpoint when this began; the log may grow meanwhile
    size: int
    found: Path  # "<leaf> <writer>" of each record that may be disclosed, in order
    own: tuple[int, int] | None = None  # the first and the last request of the actor
    closed: int = -1  # the last leaf of the closes of the hours disclosed
    told: int = -1  # the last leaf that tells of something missing
    anchors: list[tuple[int, int, bool]] = field(default_factory=list)  # leaf, size anchored, by a clock that was ahead
    forces: list[tuple[int, str]] = field(default_factory=list)  # leaf and writer of what put settings in force
    counts: list[tuple[int, int, bool]] = field(default_factory=list)  # by close: events from, to; of an hour disclosed
    start: int = 0  # of the stretch that is shown
    stop: int = 0

    def places(self, start: int, stop: int) -> Iterator[tuple[int, str]]:
        """(leaf, writer) of the records in the leaves [start, stop)."""
        with self.found.open() as file:
            for line in file:
                index, writer = line.split()
                if start <= int(index) < stop:
                    yield int(index), writer

    def choose(self) -> None:
        """The stretch that is shown: the actor's requests, with all that was counted together with them."""
        first = self.own[0] if self.own else self.size
        last = max(self.own[1] if self.own else 0, self.closed, self.told)
        for start, stop, wanted in self.counts:
            if wanted or start <= first < stop:
                first, last = min(first, start), max(last, stop - 1)
        end = last
        for leaf, size, ahead in self.anchors:  # with those that say why times and stamps do not fit
            last = max(last, leaf) if ahead else last
            if size > end:
                break
        kept = self.archived()
        self.start = max((size for size in kept if size <= first), default=0)
        self.stop = min((size for size in kept if size > last), default=self.size)

    def ends(self) -> list[tuple[int, str]]:
        """(leaf, writer) of the actor's first and last request here."""
        return [place for place in self.places(0, self.size) if self.own and place[0] in self.own]

    def archived(self) -> list[int]:
        """The sizes of the checkpoints that are kept."""
        return sorted(int(path.name) for path in (self.folder / "checkpoints").glob("*") if path.name.isdigit())


class Survey:
    """Every month's log looked through; files are made in `out`, which the caller removes. Raises EvidenceError."""

    def __init__(self, directory: Path, whose: Whose, out: Path) -> None:
        self.whose = whose
        self.asked: set[str] = set()  # writers that have requests of the actor
        self.months: list[Month] = []
        self._heads: dict[bytes, str] = {}  # digest of a writer's last record -> writer
        for path in sorted((directory / FOLDER).glob("*/checkpoint")):
            note = path.read_bytes()
            size, found = notes.parse(note)[0].size, out / f"found-{path.parent.name}"
            self.months.append(Month(path.parent.name, path.parent, note, size, found))
            self._look(self.months[-1])
        for month in self.months:
            if month.own or month.closed >= 0:
                month.choose()

    def before(self, month: Month) -> list[tuple[int, str]]:
        """What put settings in force for the actor's requests, and lies before the stretch that is shown."""
        last = max((each.name for each in self.months if each.own), default="")
        return [
            (index, writer)
            for index, writer in month.forces
            if writer in self.asked and month.name <= last and (index < month.start or month.start == month.stop)
        ]

    def _look(self, month: Month) -> None:
        with month.found.open("wb") as file:
            for index, raw in enumerate(Tiles(month.folder, month.size, reader=True).leaves(0, month.size)):
                chain = CHAIN.match(raw)
                if chain is None:  # the first leaf of a month
                    continue
                writer = self._writer(chain, raw)
                if raw.startswith(REQUEST):
                    if not self.whose.has(raw):
                        continue
                    month.own = month.own[0] if month.own else index, index
                    self.asked.add(writer)
                elif chain[1] in HOUSEKEEPING:
                    self._note(month, index, chain[1], writer, raw)
                else:
                    continue
                file.write(f"{index} {writer}\n".encode())

    def _writer(self, chain: re.Match[bytes], raw: bytes) -> str:
        first = chain[1] == b"start"
        writer = str(json.loads(raw)["what"]["segment"]) if first else self._heads.pop(chain[2], "")
        if not writer:
            raise EvidenceError("A record in the tree continues no writer's chain.", "Run `scrapeguard fsck`.")
        if chain[1] != b"close":
            self._heads[sha256(raw).hexdigest().encode()] = writer
        return writer

    def _note(self, month: Month, index: int, kind: bytes, writer: str, raw: bytes) -> None:
        if kind in IN_FORCE:
            month.forces.append((index, writer))
        elif kind == b"window.close":
            what = json.loads(raw)["what"]
            wanted = self.whose.first <= what["win"] <= self.whose.last
            month.closed = index if wanted else month.closed
            for each in self.months if not what["part"] else ():
                events = what["events"].get(each.name)
                if events is not None:
                    each.counts.append((events["from"], what["upto"] if each is month else each.size, wanted))
        elif kind == b"anchor":
            what = json.loads(raw)["what"]
            own = str(what["origin"]).endswith(f"/{month.name}")
            month.anchors += [(index, what["size"], (what.get("ahead_us") or 0) > SKEW // 2)] if own else []
        elif kind in SINCE:  # written when it was over, which may be long after the last hour disclosed
            since = json.loads(raw)["what"].get(SINCE[kind])
            if since and hour_of(since) <= self.whose.last:
                month.told = index
        elif kind == b"link.rejected" and month.own:
            month.told = index
