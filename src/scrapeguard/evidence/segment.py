"""A segment: one append-only file of records, written by one process and opened by no other for writing.

    records/<host>-<boot>-<pid>-<number>.jsonl

The first line is a `start`, the last a `close` (missing when the process was killed). Each line holds the digest
of the one before. The writer holds an exclusive flock for as long as it lives, so that others can tell.
"""

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from scrapeguard.evidence import record
from scrapeguard.evidence.canonical import digest

FOLDER = "records"
BOOT = Path("/proc/sys/kernel/random/boot_id")


class Segment:
    """A segment being written. `append` is one write(); any failure leaves the segment to be abandoned."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.name = path.name
        self.descriptor = descriptor
        self.size = 0
        self.seq = 0
        self.prev = record.ZERO

    def append(self, kind: str, time_us: int, what: str, who: str = "") -> None:
        """Write one record. Raises OSError, also when only a part of the line could be written."""
        mono = time.monotonic_ns() // 1000
        line = record.line(kind, mono, self.prev, self.seq, time_us, what, who)
        length = len(line) + 1
        written = os.write(self.descriptor, line + b"\n")
        if written != length:
            raise OSError(28, f"only {written} of {length} bytes were written")
        self.prev = digest(line)
        self.seq += 1
        self.size += length

    def release(self) -> None:
        """Let go of the lock: nothing more will be written here. The descriptor stays open until it is synced."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)


def create(directory: Path) -> Segment:
    """A new segment under `directory`, durable in its folder, locked, open to its owner only. Raises OSError."""
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
        sync_folder(folder)
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


def make_private(folder: Path) -> None:
    """Make a folder of an evidence directory, and the directory, for their owner only. Raises OSError."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def host() -> str:
    """This machine's name, fit for a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", socket.gethostname())[:40].strip("-.") or "host"


def boot() -> str:
    """The kernel's name for this boot, without dashes; zeros where it has none."""
    try:
        return BOOT.read_text("ascii").strip().replace("-", "")
    except OSError:
        return "0" * 32
