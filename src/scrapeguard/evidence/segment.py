"""A segment: one append-only file of records, written by one process and opened by no other for writing.

    records/<host>-<boot>-<pid>-<number>.jsonl

The first line is a `start`, the last a `close` (missing when the process was killed). Each line holds the digest
of the one before; only the sealed lines, which begin with "~" and belong to the record above them, are in no chain, so
that they can be erased. The writer holds an exclusive flock for as long as it lives, so that others can tell.
"""

import errno
import fcntl
import os
import re
import socket
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, count
from pathlib import Path

from scrapeguard.evidence import record
from scrapeguard.evidence.commitments import Committer
from scrapeguard.evidence.durable import make_private
from scrapeguard.evidence.hour import Hour

FOLDER = "records"
BOOT = Path("/proc/sys/kernel/random/boot_id")
MOST_SUBJECTS = 10_000  # counted one by one in an hour; with more, the next segment begins: some 3 MB of memory


class Segment:
    """A segment being written. `append` and `requests` are one write(); any failure leaves it to be abandoned."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.name = path.name
        self.descriptor = descriptor
        self.size = 0
        self.seq = 0
        self.prev = record.ZERO
        self._committer = Committer()
        self._hour, self._since = "", 0
        self._subjects: dict[str, tuple[str, int]] = {}  # client key -> its pseudonym, and how often it was recorded

    @property
    def crowded(self) -> bool:
        """Whether it is time for the next segment: there are too many subjects, or the clock was set back.

        Numbers of an hour that is written a second time begin again, so they must be another writer's.
        """
        return len(self._subjects) >= MOST_SUBJECTS or time.time_ns() // 1000 < self._since

    def append(self, kind: str, time_us: int, what: str) -> None:
        """Write one record that names nobody. Raises OSError, also when only a part of it could be written."""
        mono = time.monotonic_ns() // 1000
        line = record.line(kind, mono, self.prev, self.seq, time_us, what)
        self._write(line + b"\n")
        self.prev = sha256(line).hexdigest()

    def requests(self, waiting: Sequence[record.Waiting], hour: Hour) -> int:
        """Write records of requests, their groups committed to and sealed; how many of them are there, whole.

        Fewer than all: the segment is to be abandoned, as after the OSError that this raises.
        """
        if hour.name != self._hour:
            self._hour, self._since, self._subjects = hour.name, hour.since, {}
        mono = time.monotonic_ns() // 1000
        lines = [self._request(each, mono, hour) for each in waiting]
        written = os.write(self.descriptor, b"".join(lines))
        self.size += written
        ends = list(accumulate(map(len, lines)))
        return bisect_right(ends, written)

    def _request(self, waiting: record.Waiting, mono: int, hour: Hour) -> bytes:
        """One record with its sealed openings, the next of the chain."""
        facts = waiting[0]
        subject = facts.client.key
        what, groups = record.request(*waiting)
        sub, n = self._subjects.get(subject) or (hour.key.pseudonym(subject), 0)
        self._subjects[subject] = sub, n + 1
        sd, openings, nonce = self._committer.commit(groups)
        line = record.request_line(mono, n + 1, self.prev, sd, self.seq, sub, facts.time, what, hour.name)
        digest = sha256(line)
        self.prev = digest.hexdigest()
        self.seq += 1
        return b"%b\n~%b\n" % (line, hour.key.seal(openings, digest.digest(), nonce))

    def _write(self, data: bytes) -> None:
        written = os.write(self.descriptor, data)
        if written != len(data):
            raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written")
        self.seq += 1
        self.size += written

    def release(self) -> None:
        """Let go of the lock: nothing more will be written here. The descriptor stays open until it is synced."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)


def create(directory: Path) -> Segment:
    """A new segment under `directory`, locked, open to its owner only; its folder is still to sync. Raises OSError."""
    folder = directory / FOLDER
    make_private(folder)
    stem = f"{host()}-{boot()[:8]}-{os.getpid()}"
    for path in _names(folder, stem):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            continue
        break
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        owner = folder.stat()
        if os.geteuid() == 0 != owner.st_uid:  # whoever keeps the evidence must be able to read what root adds to it
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    except OSError:
        os.close(descriptor)
        raise
    return Segment(path, descriptor)


def discard_if_empty(directory: Path, opened: Segment) -> None:
    """Take away a segment that nothing could be written to, so that a full disk does not fill with empty files."""
    path = directory / FOLDER / opened.name
    if os.fstat(opened.descriptor).st_size == 0:
        path.unlink(missing_ok=True)


def _names(folder: Path, stem: str) -> Iterator[Path]:
    return (folder / f"{stem}-{number:04}.jsonl" for number in count(1))


def alive(path: Path) -> bool:
    """Whether the process that writes this segment still lives (it holds the lock). Raises OSError."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def host() -> str:
    """This machine's name, fit for a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", socket.gethostname())[:40].strip("-.") or "host"


def boot() -> str:
    """The kernel's name for this boot, without dashes; zeros where it has none."""
    try:
        return BOOT.read_text("ascii").strip().replace("-", "")
    except OSError:
        return "0" * 32
