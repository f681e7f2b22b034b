"""The evidence log of one process: append a record, never wait for the disk, never stop the site.

When nothing can be written (a full disk, a read-only folder) records are counted instead, the operator is told
once, and the first record that can be written again is a `gap` that says how many are missing and why.
"""

import atexit
import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scrapeguard.config import Config, values
from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import record, recovery, segment
from scrapeguard.evidence.canonical import Json, canonical
from scrapeguard.evidence.hour import Hour, hour_at
from scrapeguard.evidence.inforce import InForce
from scrapeguard.evidence.segment import Segment
from scrapeguard.evidence.syncer import Syncer
from scrapeguard.evidence.vault import Vault
from scrapeguard.model import Facts, Mode, Outcome, Verdict
from scrapeguard.version import __version__

log = logging.getLogger("scrapeguard.evidence")
PATIENCE = (1.0, 60.0)  # seconds until the first new attempt after a failure, and at most


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """[evidence]"""

    directory: str = "scrapeguard-evidence"  # "" = keep no evidence
    record: Literal["all", "signals"] = "all"
    fsync_records: int = 512
    fsync_ms: int = 50
    max_segment_mb: int = 64
    idle_minutes: int = 30  # an incident ends when its actor did nothing odd for so long
    link_error_percent: int = 5  # addresses are taken for one actor when chance joins strangers at most so often
    catalogue: int = 0  # pages and data objects that the site publishes, to tell which share was taken; 0 = not told
    retention_days: int = 180  # then a day's personal facts can be read by nobody any more; 0 = never


class EvidenceLog:
    """Writes one segment at a time; a forked worker gets its own. Safe to use from several threads."""

    def __init__(self, settings: EvidenceSettings, path: Callable[[str], Path]) -> None:
        self.directory = path(settings.directory) if settings.directory else None
        self.retention_days = settings.retention_days
        self.dropped = 0  # records of this process that could not be written, ever
        self._settings = settings
        self._largest, self._every_request = settings.max_segment_mb << 20, settings.record == "all"
        self._force = InForce()
        self._vault = None if self.directory is None else Vault(self.directory)
        self._hour: Hour | None = None
        self._reset()

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
        imported = 0 if source is None else now()
        what, groups = record.request(facts, verdict, outcome, self._force.short, source, imported, exchange, told)
        self._append("request", facts.time, what, groups, facts.client.key)

    def event(self, kind: str, fields: Mapping[str, Json]) -> None:
        """Record something that is no request. Raises TypeError for floats and the like: see canonical.py."""
        if self.directory is not None:
            self._append(kind, now(), canonical(fields))

    def activate(self, mode: Mode, config: Config, published: Mapping[str, bytes]) -> None:
        """Record that a configuration and its notices are in force from now on; their bytes are kept by digest."""
        if self.directory is None:
            return
        moment, records = now(), self._force.change(mode, config, published)
        try:
            self._force.keep(self.directory)
        except OSError as error:
            self._failed(error)
        for kind, fields in records:
            self._append(kind, moment, canonical(fields), calm=True)

    def close(self) -> None:
        """Write `close`, make everything durable. Safe to call twice; a later record opens a new segment."""
        if self.directory is None or self._pid != os.getpid():
            return
        with self._lock:
            if self._segment is None and self._gap.count:
                self._retry = 0.0  # a last attempt, to leave the gap on record
                self._turn()
            self._finish("closed")
            self._syncer.close()
        self._reset()
        atexit.unregister(self.close)

    def _reset(self) -> None:
        """Begin with nothing open: a new log, a closed one, or a child of fork."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._segment: Segment | None = None
        self._gap = recovery.Gap()
        self._fault: OSError | None = None
        self._patience, self._retry = PATIENCE[0], 0.0
        self._syncer = Syncer(self._settings.fsync_records, self._settings.fsync_ms / 1000, self._lost)

    def _append(
        self,
        kind: str,
        time_us: int,
        what: str,
        groups: Sequence[record.Group] = (),
        subject: str = "",
        *,
        calm: bool = False,
    ) -> None:
        """Write one record where it belongs now, or count it as dropped. `calm`: need not be durable soon."""
        if self._pid != os.getpid():
            self._syncer.forget()
            self._reset()
        with self._lock:
            current = self._segment
            if current is None or current.size >= self._largest or current.crowded or self._fault is not None:
                current = self._turn()
            if current is None:
                self._drop(time_us)
                return
            try:
                if groups:
                    current.request(time_us, what, groups, subject, self._now())
                else:
                    current.append(kind, time_us, what)
            except (OSError, EvidenceError) as error:
                self._failed(error)
                self._drop(time_us)
                return
            if not calm:
                self._syncer.wrote()

    def _now(self) -> Hour:
        """The hour that it is, with its key. Raises OSError and EvidenceError."""
        moment, hour = now(), self._hour
        if hour is None or not hour.since <= moment < hour.until:
            assert self._vault is not None
            hour = self._hour = hour_at(moment, self._vault)
        return hour

    def _turn(self) -> Segment | None:
        """The next segment; None while writing is not possible and the next attempt is not due."""
        if self._fault is not None:
            self._failed(self._fault)
        if time.monotonic() < self._retry:
            return None
        try:
            if self._segment is not None:
                self._finish("crowded" if self._segment.crowded else "full")
            opened = self._open()
        except OSError as error:
            self._failed(error)
            return None
        if self._gap.error:
            log.warning("evidence is written again; %d records are missing", self._gap.count)
        self._gap, self._patience = recovery.Gap(), PATIENCE[0]
        self._segment = opened
        atexit.unregister(self.close)
        atexit.register(self.close)
        return opened

    def _open(self) -> Segment:
        """Open a segment that says where it stands: its machine, what came before, what is in force, what is lost."""
        assert self.directory is not None
        opened = segment.create(self.directory)
        self._syncer.follow(opened.descriptor, self.directory / segment.FOLDER)
        try:
            self._force.keep(self.directory)
            previous, orphans = recovery.heads(self.directory, opened.name)
            start: dict[str, Json] = {
                "active": self._force.active,
                "boot": segment.boot(),
                "code": __version__,
                "host": segment.host(),
                "pid": os.getpid(),
                "previous": previous,
                "segment": opened.name,
            }
            opened.append("start", now(), canonical(start))
            for orphan in orphans:
                opened.append("recovery", now(), canonical(recovery.recover(orphan)))
            if self._gap.count or self._gap.unsynced:
                opened.append("gap", now(), canonical(dict(values(self._gap))))
        except OSError:
            segment.discard_if_empty(self.directory, opened)
            raise
        return opened

    def _finish(self, why: str) -> None:
        """End the open segment with a `close`, if it can still be written."""
        try:
            if self._segment is not None:
                self._segment.append("close", now(), canonical({"why": why}))
        except OSError as error:
            log.error("the evidence segment %s could not be closed: %s", self._segment, error)
        self._segment = None

    def _failed(self, error: OSError | EvidenceError) -> None:
        """Give up the segment (a torn line stays as it is) and try a new one later, at growing intervals."""
        if self._segment is not None:
            self._segment.release()
            self._syncer.follow(None)
            self._segment = None
        self._fault = None
        name = errno.errorcode.get(error.errno or 0, "EIO") if isinstance(error, OSError) else "vault"
        if not self._gap.error:
            log.error("evidence cannot be written to %s (%s); the site is served without it", self.directory, error)
        self._gap.error = name
        self._retry = time.monotonic() + self._patience
        self._patience = min(self._patience * 2, PATIENCE[1])

    def _lost(self, error: OSError) -> None:
        """Called on the thread that syncs: what was written may be lost, so nothing more goes to that file."""
        self._gap.unsynced += 1
        self._fault = error

    def _drop(self, time_us: int) -> None:
        self.dropped += 1
        self._gap.count += 1
        self._gap.first = min(self._gap.first or time_us, time_us)
        self._gap.last = max(self._gap.last, time_us)


def now() -> int:
    """Microseconds since 1970, by this machine's clock."""
    return time.time_ns() // 1000
