"""Over-blocking: do those who were measured lately behave like people? Told from the log, away from the visitors.

Of each client that met a measure in the last hour it is asked what people do and most programs do not: rest between
pages, longer and shorter without a rhythm, and besides at least two of these: fetch what belongs to a page, come from
another page of the site, keep a session, solve a challenge. A program that drives a browser can do all that, so one
such client says little; the share of them says that limits are too tight, or that many people share an address. A
client behind which several browsers fetch what belongs to pages counts as so many.

It is an alarm for the operator, not a judgement on anybody: nobody is let go because of it.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.entry import REQUEST, Entry, entries
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import lines, segments
from scrapeguard.model import Resource, Rung

HOUR = 3_600_000_000  # microseconds
PAUSE, REST = 1_000_000, 900_000_000  # microseconds; quicker is a tab opened beside, longer the end of a visit
IRREGULAR = 0.5  # spread of the pauses, as a share of their mean; a random pause within fixed bounds stays below
FEWEST = 5  # pauses
MOST_CLIENTS = 5_000  # that are looked at, those measured last
MOST_BYTES = 256 << 20  # of the log that are read, the newest
MOST_BROWSERS = 50  # that one client counts as
EXAMPLES = 5  # references that are told
Browser = tuple[str, str]  # its fingerprint and its session, as far as they are known
MEASURED = re.compile(rb'"sub":"([0-9a-f]{32})","t":(\d+),')


@dataclass(slots=True)
class Marks:
    """What one client did within the hour before and after it was measured."""

    pages: int = 0
    assets: int = 0
    inside: int = 0  # pages asked for from another page of the same host
    kept: int = 0  # requests with a session
    requests: int = 0
    solved: bool = False  # a challenge, or it had a pass
    browsers: set[Browser] = field(default_factory=set)  # that fetched what belongs to pages
    latest: dict[Browser, int] = field(default_factory=dict)  # when each asked for its last page
    pauses: int = 0
    total: float = 0.0  # of the pauses, seconds
    squares: float = 0.0
    reference: str = ""  # of the last measure
    detectors: set[str] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        self.requests += 1
        self.kept += bool(entry.credential)
        self.solved |= entry.solved is True or bool(entry.passed)
        if entry.resource == Resource.ASSET:
            self.assets += 1
            if len(self.browsers) < MOST_BROWSERS:
                self.browsers.add((entry.fingerprint, entry.credential))
        elif entry.resource == Resource.PAGE:
            self._page(entry)
        if entry.rung is not Rung.ALLOW:
            self.reference = entry.reference
            self.detectors |= {sign.detector for sign in entry.signs if sign.mode == "enforce"}

    def _page(self, entry: Entry) -> None:
        self.pages += 1
        self.inside += bool(entry.host) and _host(entry.referer) == entry.host
        browser = entry.fingerprint, entry.credential
        pause = entry.time - self.latest.get(browser, entry.time)
        if PAUSE <= pause <= REST:
            self.pauses += 1
            self.total += pause / 1e6
            self.squares += (pause / 1e6) ** 2
        if browser in self.latest or len(self.latest) < MOST_BROWSERS:
            self.latest[browser] = entry.time

    def human(self) -> bool:
        """Whether it behaves as people do."""
        if self.pauses < FEWEST or 4 * self.pauses < self.pages:
            return False
        mean = self.total / self.pauses
        if math.sqrt(max(self.squares / self.pauses - mean * mean, 0.0)) < IRREGULAR * mean:
            return False
        fetches, comes = self.assets >= self.pages, 2 * self.inside >= self.pages
        return fetches + comes + (2 * self.kept >= self.requests) + self.solved >= 2

    def weight(self) -> int:
        """As how many clients it counts."""
        return max(1, len(self.browsers))


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: clients measured within the last hour, and those of them that behave like people."""

    measured: int
    people: int
    examples: tuple[str, ...]  # references of measures that met such clients
    detectors: dict[str, int]  # how often each spoke against one of them

    def alarming(self, least: int, percent: int) -> bool:
        return self.people >= least and 100 * self.people >= percent * self.measured

    def told(self) -> dict[str, Json]:
        """As a record (kind "alarm.overblock"), which every bundle of that time shows; so it names nobody."""
        return {
            "detectors": dict(self.detectors),
            "measured": self.measured,
            "people": self.people,
        }

    def sentence(self) -> str:
        refs = f"; see scrapeguard explain {self.examples[0]}" if self.examples else ""
        return f"{self.people} of {self.measured} clients measured in the last hour behave like people{refs}"


def look(directory: Path, now: int) -> Look:
    """Look at the hour before `now` (microseconds). Raises OSError.

    It reads the newest MOST_BYTES of the log and remembers a few numbers of MOST_CLIENTS. Without the vault's key, or
    once it is destroyed, referers and sessions are not seen, and fewer people are.
    """
    paths = _newest(directory, now)
    names = _measured(paths, now)
    found = {name: Marks() for name in names}
    for entry in entries(paths, lambda raw: _name(raw, now) in found, Openings(directory)) if found else ():
        found[entry.sub].add(entry)
    people = [marks for marks in found.values() if marks.human()]
    spoke = Counter(detector for marks in people for detector in marks.detectors)
    return Look(
        sum(marks.weight() for marks in found.values()),
        sum(marks.weight() for marks in people),
        tuple(marks.reference for marks in people[:EXAMPLES]),
        dict(spoke.most_common()),
    )


def _newest(directory: Path, now: int) -> list[Path]:
    """The segments that were written in the last hour, as far as there is time to read them."""
    told = sorted(((path.stat(), path) for path in segments(directory)), key=lambda it: -it[0].st_mtime_ns)
    chosen: list[Path] = []
    size = 0
    for stat, path in told:
        size += stat.st_size
        if stat.st_mtime_ns // 1000 < now - HOUR or (chosen and size > MOST_BYTES):
            break
        chosen.append(path)
    return chosen


def _measured(paths: list[Path], now: int) -> set[str]:
    """The pseudonyms of clients on whom something was imposed; where there are too many, of the last of them."""
    last: dict[str, int] = {}
    for path in paths:
        for line in lines(path, 0, lambda raw: raw.startswith(REQUEST) and b'"rung":"allow"' not in raw):
            found = MEASURED.search(line.raw)
            if found is not None and now - HOUR <= int(found[2]) <= now:
                last[found[1].decode()] = int(found[2])
    return set(sorted(last, key=last.__getitem__)[-MOST_CLIENTS:])


def _name(raw: bytes, now: int) -> str | None:
    """Whose request a line is, if it is one of the last hour."""
    found = MEASURED.search(raw) if raw.startswith(REQUEST) else None
    return found[1].decode() if found is not None and now - HOUR <= int(found[2]) <= now else None


def _host(referer: str) -> str:
    try:
        return (urlsplit(referer).hostname or "").lower() if referer else ""
    except ValueError:
        return ""
