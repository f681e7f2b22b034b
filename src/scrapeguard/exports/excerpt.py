"""The part of the log that goes into a bundle: an incident's own lines byte for byte, and digests for the rest.

    log/<segment>/records.jsonl   the lines disclosed, each as it lies in the segment
    log/<segment>/chain.txt       "<number> <SHA-256>" for every line of the segment, disclosed or not, to its head

Disclosed are the incident's requests and the records that name nobody (where segments begin and end, what was in
force, what is missing). Of other people's requests only digests leave the house. Each disclosed line holds the
digest of the line before it, so the two files have to agree.
"""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from scrapeguard.evidence.canonical import digest
from scrapeguard.evidence.entry import REQUEST
from scrapeguard.evidence.reading import Line, lines, parse, segments

HOUSEKEEPING = (
    "start", "close", "gap", "recovery", "config.activated", "notice.published", "gap.start", "gap.end",
)  # fmt: skip
TIME = re.compile(rb'"seq":\d+,"t":(-?\d+),"v":')
KIND = re.compile(rb'\{"k":"([a-z.]+)"')


@dataclass(slots=True)
class Surveyed:
    """What has to be known of a segment before it is decided whether it goes into a bundle."""

    path: Path
    first: int | None = None  # times of its requests
    last: int | None = None
    recovers: set[str] = field(default_factory=set)  # segments whose torn end it describes


@dataclass(slots=True)
class Named:
    """What the disclosed records say was in force: SHA-256 of settings, and of notices with their names."""

    configs: dict[str, None] = field(default_factory=dict)  # in the order in which they came into force
    notices: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Named") -> None:
        self.configs |= other.configs
        self.notices |= other.notices

    def in_order(self) -> list[tuple[str, str]]:
        """(name, SHA-256) of each notice, by name."""
        return sorted((name, sha) for sha, name in self.notices.items())


def concerned(directory: Path, first: int, last: int, members: Mapping[str, Set[int]]) -> list[Path]:
    """The segments that hold the incident, were written to at its time, or say what another of them has lost."""
    surveyed = [_survey(path) for path in segments(directory)]
    chosen = {
        each.path.name
        for each in surveyed
        if each.path.name in members
        or (each.first is not None and each.last is not None and each.first <= last and each.last >= first)
    }
    return [each.path for each in surveyed if each.path.name in chosen or each.recovers & chosen]


def write(path: Path, offsets: Set[int], folder: Path) -> Named:
    """Write one segment's part of a bundle into `folder`; `offsets` are where the incident's own lines begin."""
    folder.mkdir(parents=True)
    named = Named()
    with (folder / "records.jsonl").open("wb") as records, (folder / "chain.txt").open("wb") as chain:
        for number, line in enumerate(_whole(path)):
            chain.write(f"{number} {digest(line.raw)}\n".encode())
            if _kind(line.raw) in HOUSEKEEPING:
                _name(line.raw, named)
                records.write(line.raw + b"\n")
            elif line.offset in offsets:
                records.write(line.raw + b"\n")
    return named


def _whole(path: Path) -> Iterator[Line]:
    return (line for line in lines(path) if line.whole)


def _kind(raw: bytes) -> str:
    kind = KIND.match(raw)
    return kind[1].decode() if kind else ""


def _survey(path: Path) -> Surveyed:
    surveyed = Surveyed(path)
    for line in _whole(path):
        if line.raw.startswith(REQUEST):
            found = TIME.search(line.raw)
            if found:
                time = int(found[1])
                surveyed.first = time if surveyed.first is None else min(surveyed.first, time)
                surveyed.last = time if surveyed.last is None else max(surveyed.last, time)
        elif _kind(line.raw) == "recovery":
            surveyed.recovers.add(str((parse(line.raw) or {"what": {}})["what"].get("segment")))
    return surveyed


def _name(raw: bytes, named: Named) -> None:
    record = parse(raw)
    if record is None:
        return
    active = record["what"] if record["k"] == "config.activated" else record["what"].get("active")
    if active:
        named.configs[active["config"]] = None
        named.notices |= {sha: name for name, sha in active["notices"].items()}
