"""One access log, opened for reading: plain, gzip or zstd by its first bytes, a file or standard input."""

import gzip
import hashlib
import io
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scrapeguard.errors import InputError

try:
    import zstandard
except ImportError:  # an extra: few logs need it
    zstandard = None  # type: ignore[assignment, unused-ignore]

STDIN = "-"
LONGEST = 65_536  # bytes of a line; servers refuse requests long before that
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
DAMAGE = (OSError, EOFError, zlib.error, *((zstandard.ZstdError,) if zstandard else ()))


class LogFile:
    """`lines` gives the log line by line; `damage` says afterwards why it ended early, or is empty."""

    def __init__(self, name: str, raw: io.BufferedReader) -> None:
        self.name = name
        self.damage = ""
        self._raw = raw
        self._stream = _unpacked(name, raw)

    def position(self) -> int:
        """How many bytes of the file, packed as it is, have been taken."""
        try:
            return self._raw.tell()
        except OSError:  # a pipe
            return 0

    def lines(self) -> Iterator[str | None]:
        """Each line without its end, a byte a character; None for one that is longer than LONGEST."""
        try:
            while line := self._stream.readline(LONGEST + 1):
                if len(line) <= LONGEST or line.endswith(b"\n"):
                    yield line.decode("latin-1").rstrip("\r\n")
                    continue
                while line and not line.endswith(b"\n"):
                    line = self._stream.readline(LONGEST)
                yield None
        except DAMAGE as error:
            self.damage = f"{self.name} cannot be read to its end: {error or type(error).__name__}"


def _unpacked(name: str, raw: io.BufferedReader) -> BinaryIO | gzip.GzipFile | io.BufferedReader:
    magic = raw.peek(4)[:4]
    if magic.startswith(GZIP):
        return gzip.GzipFile(fileobj=raw)
    if magic != ZSTD:
        return raw
    if zstandard is None:
        raise InputError(f"{name} is packed with zstd.", "Install what reads it: pip install 'scrapeguard[zstd]'.")
    return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))


@contextmanager
def open_log(name: str) -> Iterator[LogFile]:
    """The log of this name, "-" being standard input. Raises InputError."""
    standard_input = name == STDIN
    try:
        with open(0 if standard_input else name, "rb", closefd=not standard_input) as raw:
            yield LogFile("standard input" if standard_input else name, raw)
    except OSError as error:
        raise unreadable(name, error) from error


def unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"{name} cannot be read ({error.strerror}).", "Name an access log, or - for standard input.")


def digest(name: str) -> str:
    """The SHA-256 of a log file as it is, packed or not. Raises InputError."""
    try:
        with Path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(name, error) from error


def size(name: str) -> int:
    """The bytes of a log file as it is; 0 for what has no size, such as a pipe. Raises InputError."""
    if name == STDIN:
        return 0
    try:
        found = Path(name).stat()
    except OSError as error:
        raise unreadable(name, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{name} is a folder.", f"Name the logs in it, such as {name.rstrip('/')}/access.log.")
    return found.st_size
