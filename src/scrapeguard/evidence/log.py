"""The evidence log of one process: append a record, never wait for the disk, never stop the site.

Requests wait until there are a few of them, or until it is time to make them durable: to seal and write them one after
the other costs a third of doing so between two visitors. A thread writes them, so that a disk which stands still holds
up nobody. Where no event loop runs they are written by whoever adds to them, and events at once.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from scrapeguard.config import Config
from scrapeguard.evidence import record
from scrapeguard.evidence.canonical import Json, canonical
from scrapeguard.evidence.hour import now
from scrapeguard.evidence.inforce import InForce
from scrapeguard.evidence.syncer import Syncer
from scrapeguard.evidence.writer import Writer
from scrapeguard.model import Facts, Mode, Outcome, Verdict

TOGETHER = 64  # requests written at once: a millisecond, for which visitors may wait
MOST = 8192  # requests that wait while the disk stands still; of more, only how many they were is kept


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """[evidence]"""

    directory: str = "scrapeguard-evidence"  # "" = keep no evidence
    record: Literal["all", "signals"] = "all"
    fsync_records: int = 512
    fsync_ms: int = 50
    max_segment_mb: int = 64
    idle_minutes: int = 30  # an incident ends when its actor did nothing odd for so long
    link_error_percent: int = 1  # addresses are taken for one actor when chance joins strangers at most so often
    catalogue: int = 0  # pages and data objects that the site publishes, to tell which share was taken; 0 = not told
    retention_days: int = 180  # then a day's personal facts can be read by nobody any more; 0 = never


class Event(NamedTuple):
    """Something that is no request, as it waits to be written."""

    kind: str
    time: int  # microseconds since 1970
    what: str  # canonical


class EvidenceLog:
    """Writes segments of its own; a forked worker gets others. Safe to use from several threads."""

    def __init__(self, settings: EvidenceSettings, path: Callable[[str], Path]) -> None:
        self.directory = path(settings.directory) if settings.directory else None
        self.retention_days = settings.retention_days
        self._settings = settings
        self._every_request = settings.record == "all"
        self._together = max(1, min(TOGETHER, settings.fsync_records // 2))
        self._force = InForce()
        self._begin()

    @property
    def dropped(self) -> int:
        """Records of this process that could not be written."""
        return self._writer.dropped

    def request(
        self,
        facts: Facts,
        verdict: Verdict,
        outcome: Outcome,
        source: record.Source | None = None,
        exchange: str = "",
        told: record.Told | None = None,
    ) -> None:
        """Record one request. `source`: SHA-256 and line number of the log it was read from; `exchange`: captured;
        `told`: name and SHA-256 of the notice that the answer was, or that a refusal led to.
        """
        if self.directory is None or not (self._every_request or record.odd(facts, verdict)):
            return
        if self._pid != os.getpid() or not self._closing:
            self._ready()
        waiting = self._waiting
        if len(waiting) >= MOST:
            self._miss(facts.time)
            return
        imported = 0 if source is None else now()
        waiting.append((facts, verdict, outcome, self._force.short, source, imported, exchange, told))
        several = len(waiting) >= self._together
        if several and not _visited():
            self.flush()
        else:
            self._syncer.wake(hurry=several)

    def logged(self, heard: Iterable[tuple[Facts, Verdict, Outcome, record.Source | None]]) -> None:
        """Record requests that were read from a log, all with one write."""
        if self.directory is None:
            return
        self._ready()
        force, moment = self._force.short, now()
        self._waiting += [
            (facts, verdict, outcome, force, source, 0 if source is None else moment, "", None)
            for facts, verdict, outcome, source in heard
            if self._every_request or record.odd(facts, verdict)
        ]
        with self._lock:
            self._flush(MOST)
        self._syncer.wake()

    def event(self, kind: str, fields: Mapping[str, Json]) -> None:
        """Record something that is no request. Raises TypeError for floats and the like: see canonical.py."""
        if self.directory is None:
            return
        event = Event(kind, now(), canonical(fields))
        self._ready()
        if len(self._waiting) >= MOST:
            self._miss(event.time)
            return
        self._waiting.append(event)
        if not _visited():
            self.flush()
        self._syncer.wake()

    def activate(self, mode: Mode, config: Config, published: Mapping[str, bytes]) -> None:
        """Record that a configuration and its notices are in force from now on; their bytes are kept by digest."""
        if self.directory is None:
            return
        self._ready()
        with self._lock:
            self._flush()
            records = self._force.change(mode, config, published)
            try:
                self._force.keep(self.directory)
            except OSError as error:
                self._writer.failed(error)
            for kind, fields in records:  # need not be durable soon
                self._writer.append(kind, now(), canonical(fields))

    def flush(self) -> None:
        """Write what waits. The thread that makes it durable calls it too."""
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Write `close`, make everything durable. Safe to call twice; a later record opens a new segment."""
        if self.directory is None or self._pid != os.getpid():
            return
        self._syncer.stop()
        with self._lock:
            self._flush()
            self._writer.finish()
            self._syncer.close()
            dropped = self._writer.dropped
        self._begin(dropped)
        atexit.unregister(self.close)

    def _begin(self, dropped: int = 0) -> None:
        """Begin with nothing open: a new log, a closed one, or a child of fork."""
        self._pid, self._closing = os.getpid(), False
        self._lock = threading.Lock()
        self._waiting: list[record.Waiting | Event] = []  # appended to without the lock
        self._missing = threading.Lock()  # held for no longer than it takes to count
        self._missed: tuple[()] | tuple[int, int, int] = ()
        setting = self._settings
        self._syncer = Syncer(setting.fsync_records - self._together, setting.fsync_ms / 1000, self.flush, self._lost)
        largest, unwritten = setting.max_segment_mb << 20, {"ms": setting.fsync_ms, "records": setting.fsync_records}
        self._writer = Writer(self.directory or Path(), largest, unwritten, self._force, self._syncer)
        self._writer.dropped = dropped

    def _flush(self, together: int = TOGETHER) -> None:
        """Write what waits, a few at once, so that the event loop has its turn between; more where many wait."""
        left = len(self._waiting)
        while left:
            some = self._waiting[: min(left, max(together, left // 4))]
            del self._waiting[: len(some)]
            left -= len(some)
            self._write(some)
        if self._missed:
            with self._missing:
                missed, self._missed = self._missed, ()
            self._writer.missed(*missed)

    def _write(self, some: list[record.Waiting | Event]) -> None:
        """Write these in order, requests that follow one another with one write."""
        requests: list[record.Waiting] = []
        for each in some:
            if not isinstance(each, Event):
                requests.append(each)
                continue
            if requests:
                self._writer.requests(requests)
                requests = []
            self._writer.append(*each)
        if requests:
            self._writer.requests(requests)

    def _miss(self, time: int) -> None:
        """Count what cannot even wait: how many, and when the first and the last was."""
        with self._missing:
            count, first, last = self._missed or (0, time, time)
            self._missed = count + 1, min(first, time), max(last, time)

    def _ready(self) -> None:
        """Before anything is written: who writes is this process, and what waits is written when it ends."""
        if self._pid != os.getpid():  # forked: the open segment, and the requests that wait, are the parent's
            self._syncer.forget()
            self._begin()
        if not self._closing:
            self._closing = True
            atexit.unregister(self.close)
            atexit.register(self.close)

    def _lost(self, error: OSError) -> None:
        self._writer.lost(error)


def _visited() -> bool:
    """Whether an event loop runs here, in which somebody may wait: it must not wait for the disk."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
