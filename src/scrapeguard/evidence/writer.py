"""Where records go: one segment after the other, and a count of what is missing while none can be written.

When nothing can be written (a full disk, a read-only folder) records are counted instead, the operator is told
once, and the first record that can be written again is a `gap` that says how many are missing and why.
"""

import errno
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from scrapeguard.config import values
from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import record, recovery, segment
from scrapeguard.evidence.canonical import Json, canonical
from scrapeguard.evidence.hour import Hour, hour_at, now
from scrapeguard.evidence.inforce import InForce
from scrapeguard.evidence.segment import Segment
from scrapeguard.evidence.syncer import Syncer
from scrapeguard.evidence.vault import Vault
from scrapeguard.version import __version__

log = logging.getLogger("scrapeguard.evidence")
PATIENCE = (1.0, 60.0)  # seconds until the first new attempt after a failure, and at most


class Writer:
    """Writes one segment at a time; to be called by one thread at a time."""

    def __init__(
        self, directory: Path, largest: int, unwritten: Mapping[str, Json], force: InForce, syncer: Syncer
    ) -> None:
        self.dropped = 0  # records that could not be written, ever
        self.retry = 0.0  # when to try again, by the monotonic clock
        self._directory = directory
        self._largest = largest  # bytes of a segment, about
        self._unwritten = unwritten  # how much may wait to be written or made durable: records and ms
        self._force = force
        self._syncer = syncer
        self._vault = Vault(directory)
        self._hour: Hour | None = None
        self._segment: Segment | None = None
        self._gap = recovery.Gap()
        self._fault: OSError | None = None
        self._patience = PATIENCE[0]

    def append(self, kind: str, time_us: int, what: str) -> None:
        """Write one record that names nobody, or count it as dropped."""
        current = self._current()
        if current is not None:
            try:
                current.append(kind, time_us, what)
            except OSError as error:
                self.failed(error)
            else:
                self._syncer.wrote(1)
                return
        self._drop(time_us)

    def requests(self, waiting: Sequence[record.Waiting]) -> None:
        """Write the records of requests with one write(), or count those that are not there whole as dropped."""
        whole, current = 0, self._current()
        if current is not None:
            try:
                whole = current.requests(waiting, self._now())
                if whole < len(waiting):
                    raise OSError(errno.ENOSPC, "only a part could be written")
            except (OSError, EvidenceError) as error:
                self.failed(error)
            self._syncer.wrote(whole)
        for facts, *_ in waiting[whole:]:
            self._drop(facts.time)

    def finish(self) -> None:
        """End the open segment; leave a gap on record, if there is one."""
        if self._segment is None and self._gap.count:
            self.retry = 0.0  # a last attempt
            self._turn()
        self._finish("closed")

    def failed(self, error: OSError | EvidenceError) -> None:
        """Give up the segment (a torn line stays as it is) and try a new one later, at growing intervals."""
        if self._segment is not None:
            self._segment.release()
            self._syncer.follow(None)
            self._segment = None
        self._fault = None
        name = errno.errorcode.get(error.errno or 0, "EIO") if isinstance(error, OSError) else "vault"
        if not self._gap.error:
            log.error("evidence cannot be written to %s (%s); the site is served without it", self._directory, error)
        self._gap.error = name
        self.retry = time.monotonic() + self._patience
        self._patience = min(self._patience * 2, PATIENCE[1])

    def missed(self, count: int, first: int, last: int) -> None:
        """So many records, from the first to the last moment, could not even wait while the disk stood still."""
        self.failed(OSError(errno.ETIMEDOUT, "the disk did not answer in time"))
        self.retry = 0.0  # it does again
        self._drop(first, last, count)

    def lost(self, error: OSError) -> None:
        """What was written may not be durable, so nothing more goes to that file. Called on the thread that syncs."""
        self._gap.unsynced += 1
        self._fault = error

    def _current(self) -> Segment | None:
        """The segment to write to now; None while that is not possible."""
        current = self._segment
        if current is None or current.size >= self._largest or current.crowded or self._fault is not None:
            return self._turn()
        return current

    def _now(self) -> Hour:
        """The hour that it is, with its key. Raises OSError and EvidenceError."""
        moment, hour = now(), self._hour
        if hour is None or not hour.since <= moment < hour.until:
            hour = self._hour = hour_at(moment, self._vault)
        return hour

    def _turn(self) -> Segment | None:
        """The next segment; None while writing is not possible and the next attempt is not due."""
        if self._fault is not None:
            self.failed(self._fault)
        if time.monotonic() < self.retry:
            return None
        try:
            if self._segment is not None:
                self._finish("crowded" if self._segment.crowded else "full")
            opened = self._open()
        except OSError as error:
            self.failed(error)
            return None
        if self._gap.error:
            log.warning("evidence is written again; %d records are missing", self._gap.count)
        self._gap, self._patience = recovery.Gap(), PATIENCE[0]
        self._segment = opened
        return opened

    def _open(self) -> Segment:
        """Open a segment that says where it stands: its machine, what came before, what is in force, what is lost."""
        opened = segment.create(self._directory)
        self._syncer.follow(opened.descriptor, self._directory / segment.FOLDER)
        try:
            self._force.keep(self._directory)
            previous, orphans = recovery.heads(self._directory, opened.name)
            start: dict[str, Json] = {
                "active": self._force.active,
                "boot": segment.boot(),
                "code": __version__,
                "host": segment.host(),
                "pid": os.getpid(),
                "previous": previous,
                "segment": opened.name,
                "unwritten": dict(self._unwritten),
            }
            opened.append("start", now(), canonical(start))
            for orphan in orphans:
                opened.append("recovery", now(), canonical(recovery.recover(orphan)))
            if self._gap.count or self._gap.unsynced:
                opened.append("gap", now(), canonical(dict(values(self._gap))))
        except OSError:
            segment.discard_if_empty(self._directory, opened)
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

    def _drop(self, first: int, last: int = 0, count: int = 1) -> None:
        self.dropped += count
        self._gap.count += count
        self._gap.first = min(self._gap.first or first, first)
        self._gap.last = max(self._gap.last, first, last)
