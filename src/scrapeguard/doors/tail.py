"""Lines of an access log as they come: from a file that is rotated, from standard input, or as syslog datagrams."""

import io
import logging
import os
import re
import select
import socket
import stat
import time
from collections.abc import Generator
from pathlib import Path

from scrapeguard.doors.log_file import GZIP, ZSTD
from scrapeguard.errors import InputError

log = logging.getLogger("scrapeguard.watch")

PAUSE = 0.2  # seconds between two looks at what may have come
CHUNK = 1 << 18  # bytes taken at a time
LONGEST = 65_536  # bytes of a line
MOST = 1000  # datagrams taken at a time
OLD_HEAD = rb"[A-Z][a-z]{2} [ \d]\d [\d:]{8} [^:]{0,80}: "  # RFC 3164, as nginx writes it
NEW_HEAD = rb"\d (?:[^ ]{1,255} ){5}(?:-|\[[^\]]{0,1000}\]) "  # RFC 5424
SYSLOG = re.compile(rb"\A<\d{1,3}>(?:%b|%b)" % (NEW_HEAD, OLD_HEAD))

Batches = Generator[
    list[str], None, None
]  # each is what has come; empty when nothing has, so that the caller can look at the time


class Splitter:
    """Pieces of bytes in, whole lines out; a byte a character. A line that is too long is left out."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def lines(self, chunk: bytes) -> list[str]:
        *pieces, self._rest = (self._rest + chunk).split(b"\n")
        if pieces and self._skipping:
            del pieces[0]
            self._skipping = False
        if len(self._rest) > LONGEST:
            self._rest, self._skipping = b"", True
        return [piece.rstrip(b"\r").decode("latin-1") for piece in pieces if len(piece) <= LONGEST]

    def rest(self) -> list[str]:
        """What has come behind the last line end, where nothing follows."""
        return self.lines(b"\n") if self._rest else []


def follow(path: Path, from_start: bool = False) -> Batches:
    """What is appended to a file, for ever: also when it is renamed and made anew, or cut to nothing (copytruncate).

    A line that is copied away and cut off between two looks is lost, as it is to everybody who reads such a file.
    A named pipe is read as one, whoever writes into it. Raises InputError for a file that is not there at first.
    """
    try:
        if path.is_fifo():
            return piped(os.open(path, os.O_RDWR))  # to write as well, so that it never ends
        file = _opened(path)
        if file.read(4).startswith((GZIP, ZSTD)):
            file.close()
            raise InputError(f"{path} is packed, and never written to again.", "Judge it with scrapeguard replay.")
        file.seek(0, os.SEEK_SET if from_start else os.SEEK_END)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", "Name an access log.") from error
    return _followed(path, file)


def _opened(path: Path) -> io.FileIO:
    """Raises OSError for what is no file; never waits for anybody."""
    file = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(0, "it is no file")
    return file


def _followed(path: Path, file: io.FileIO) -> Batches:
    split, complaint = Splitter(), ""
    try:
        while True:
            if chunk := file.read(CHUNK):
                yield split.lines(chunk)
                continue
            yield []
            try:
                other = _instead(path, file)
            except FileNotFoundError:  # between its renaming and its making
                other = None
            except OSError as error:
                other = None
                if complaint != (complaint := str(error.strerror)):
                    log.error("%s has been made anew and cannot be read (%s): nothing is judged now", path, complaint)
            if other is None:
                time.sleep(PAUSE)
            elif chunk := file.read(CHUNK):  # written after the look that found nothing
                other.close()
                yield split.lines(chunk)
            else:
                file.close()
                file, split, complaint = other, Splitter(), ""
    finally:
        file.close()


def _instead(path: Path, file: io.FileIO) -> io.FileIO | None:
    """What is to be read instead of an open file: another that has its name now, or itself from its start if cut.

    Raises OSError.
    """
    other = _opened(path)
    here, there = os.fstat(file.fileno()), os.fstat(other.fileno())
    same = (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    if same and here.st_size >= file.tell():
        other.close()
        return None
    return other


def piped(handle: int) -> Batches:
    """What comes through a pipe, until its end."""
    split = Splitter()
    while True:
        if not select.select([handle], [], [], PAUSE)[0]:
            yield []
            continue
        chunk = os.read(handle, CHUNK)
        if not chunk:
            yield split.rest()
            return
        yield split.lines(chunk)


def datagrams(bound: socket.socket) -> Batches:
    """The messages of syslog datagrams (RFC 3164 or 5424), for ever: one line each, without what syslog puts before."""
    bound.setblocking(False)
    while True:
        select.select([bound], [], [], PAUSE)
        lines: list[str] = []
        try:
            while len(lines) < MOST:
                data = bound.recv(LONGEST)
                lines.append(SYSLOG.sub(b"", data, count=1).rstrip(b"\r\n\0").decode("latin-1"))
        except BlockingIOError:
            pass
        yield lines
