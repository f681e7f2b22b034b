"""One person's side of the evidence: what is recorded about an address, and how it is erased.

Erasing overwrites the sealed openings of the address's records where they lie. The public lines and the tree stay as
they are: a commitment without its salt tells nothing. What remains until the day's key is destroyed by retention is
the pseudonym in the public line: who holds the vault key and already knows the address can still see how often it
came that day. Copies elsewhere (backups, bundles handed out) are out of reach, and a case that is held keeps its own.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrapeguard.errors import EvidenceError, InputError
from scrapeguard.evidence.cases import Cases
from scrapeguard.evidence.entry import REQUEST
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import ERASED, SEALED, Line, lines, parse, segments
from scrapeguard.facts import address as addresses


@dataclass(slots=True)
class Subject:
    """What is recorded about one client key."""

    key: str
    records: list[dict[str, Any]] = field(default_factory=list)  # time, and everything that was opened
    days: Counter[str] = field(default_factory=Counter)  # of writing -> records
    erased: int = 0  # records whose openings are gone
    held: dict[str, int] = field(default_factory=dict)  # incident -> records that its case keeps


def key_of(address: str) -> str:
    """The key under which an address is counted. Raises InputError."""
    parsed = addresses.parse(address.partition("/")[0])
    if parsed is None:
        raise InputError(f"{address!r} is no address.", "Give an IPv4 or IPv6 address.")
    return addresses.keys(parsed)[0]


def report(directory: Path, key: str) -> Subject:
    """Everything that can be read about a subject. Raises EvidenceError without the vault's key."""
    openings = _unlocked(directory)
    subject = Subject(key)
    names = set(openings.pseudonyms(key))
    found = (each for path in segments(directory) for each in _lines_of(path, names))
    for path, line, record in found:
        groups = openings.groups(record, line.raw, line.sealed)
        subject.days[record["win"][:10]] += 1
        if groups:
            verdict = record["what"]["verdict"]["rung"]
            subject.records.append(
                {"t": record["t"], "writer": path.name, "seq": record["seq"], "rung": verdict, **groups}
            )
        else:
            subject.erased += 1
    subject.held = held(openings.cases, key)
    return subject


def erase(directory: Path, key: str) -> Subject:
    """Erase a subject's openings; answers what was there, without the records. Raises EvidenceError and OSError."""
    openings = _unlocked(directory)
    subject = Subject(key, held=held(openings.cases, key))
    names = set(openings.pseudonyms(key))
    for path in segments(directory):
        places = []
        for _, line, record in _lines_of(path, names):
            if line.sealed:
                places.append((line.offset + len(line.raw) + 1, len(line.sealed)))
                subject.days[record["win"][:10]] += 1
        if places:
            _overwrite(path, places)
            subject.erased += len(places)
    return subject


def held(cases: Cases, key: str) -> dict[str, int]:
    """Which incidents' cases keep records of a subject, and how many."""
    names, found = set(cases.pseudonyms(key)), Counter[str]()
    for path in cases.files():
        found[path.parent.name] += sum(1 for _ in _lines_of(path, names))
    return {incident: count for incident, count in found.items() if count}


def _unlocked(directory: Path) -> Openings:
    openings = Openings(directory)
    if openings.locked:
        raise EvidenceError(
            f"{directory}: the vault key is missing.", "Without keys/vault.key nobody can be found in it."
        )
    return openings


def _lines_of(path: Path, names: set[str]) -> Iterator[tuple[Path, Line, dict[str, Any]]]:
    for line in lines(path):
        record = parse(line.raw) if line.whole and line.raw.startswith(REQUEST) else None
        if record is not None and record.get("sub") in names:
            yield path, line, record


def _overwrite(path: Path, places: list[tuple[int, int]]) -> None:
    """Overwrite sealed lines, each given by the offset of its "~" and its length without that and the newline."""
    times = path.stat()
    descriptor = os.open(path, os.O_RDWR)
    try:
        for offset, length in places:
            if os.pread(descriptor, 1, offset) != SEALED:
                raise EvidenceError(f"{path}: there are no openings at byte {offset}.", "Run `scrapeguard fsck`.")
            os.pwrite(descriptor, ERASED[:1] + b"-" * length, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # retention goes by when the file was last written
