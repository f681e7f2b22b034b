"""One access log, opened for reading: plain, gzip or zstd by its first bytes, a file or standard input."""

import gzip
import hashlib
import io
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scrapeguard.errors import InputError

try:
    import zstandard
except ImportError:  # an extra: few logs need it
    zstandard = None  # type: ignore[assignment, unused-ignore]

STDIN = "-"
LONGEST = 65_536  # bytes of a line; servers refuse requests long before that
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
DAMAGE = (OSError, EOFError, zlib.error, *((zstandard.ZstdError,) if zstandard else ()))
CHUNK = 65_536  # bytes unpacked at a time
BITE = 1024  # bytes of zstd taken at a time; each may unpack to 32 KiB


class LogFile:
    """`lines` gives the log line by line; `damage` says afterwards why it ended early, or is empty."""

    def __init__(self, name: str, raw: io.BufferedReader) -> None:
        self.name = name
        self.damage = ""
        self._raw = raw
        self._chunks = _unpacked(name, raw)

    def position(self) -> int:
        """How many bytes of the file, packed as it is, have been taken."""
        try:
            return self._raw.tell()
        except OSError:  # a pipe
            return 0

    def lines(self) -> Iterator[str | None]:
        """Each line without its end, a byte a character; None for one that is longer than LONGEST."""
        rest, skipping = b"", False
        try:
            for chunk in self._chunks:
                *pieces, rest = (rest + chunk).split(b"\n")
                for piece in pieces:
                    yield None if skipping or len(piece) > LONGEST else _text(piece)
                    skipping = False
                if skipping or len(rest) > LONGEST:
                    rest, skipping = b"", True
        except DAMAGE as error:
            self.damage = f"{self.name} cannot be read to its end: {error or type(error).__name__}"
            return
        if rest or skipping:
            yield None if skipping else _text(rest)


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("latin-1")


def _unpacked(name: str, raw: io.BufferedReader) -> Iterator[bytes]:
    """The content, piece by piece. Raises InputError at once when nothing here can unpack it."""
    magic = raw.peek(4)[:4]
    if magic.startswith(GZIP):
        return iter(partial(gzip.GzipFile(fileobj=raw).read1, CHUNK), b"")
    if magic != ZSTD:
        return iter(partial(raw.read1, CHUNK), b"")
    if zstandard is None:
        raise InputError(f"{name} is packed with zstd.", "Install what reads it: pip install 'scrapeguard[zstd]'.")
    return _zstd(raw)


def _zstd(raw: io.BufferedReader) -> Iterator[bytes]:
    """Frame after frame. The package's own reader takes a frame that is cut for a whole one."""
    frame = None
    while data := raw.read(BITE):
        while data:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("a zstd frame ends too early")


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
