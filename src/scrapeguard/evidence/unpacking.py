"""Read a bundle's zip without believing it: nothing is written to disk, nothing is larger than it may be.

A bundle's zip has one layout (scrapeguard.exports.container writes it): entries in the order of its directory, one
after the other, stored and not compressed, no comment, no extra field, no link, times of 1980. Anything else is
refused, so that every byte of the file is accounted for. Imports the standard library only.
"""

import json
import re
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,2}")
MOST_FILES = 10_000
MOST_BYTES = 2_000_000_000  # below what would need another layout (zip64)
MOST_SMALL = 16 << 20  # of a file that is read as a whole
LONGEST_LINE = 65_536
BLOCK = 1 << 20
BROKEN = (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, EOFError, RuntimeError)


class UnusableError(Exception):
    """What was given cannot be read as a bundle at all."""


class InvalidError(Exception):
    """The bundle contradicts itself or the key: the sentence, the file, and the line in it (0 = the whole file)."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.message, self.file, self.line = message, file, line


class Unpacked:
    """The files of a bundle. Raises OSError, UnusableError for what is no zip, InvalidError for a doctored one."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:  # noqa: PTH123
            if file.read(2) != b"PK":
                raise UnusableError(f"{path} is not a zip file.")
            try:
                self._zip = zipfile.ZipFile(path)
            except (*BROKEN, struct.error) as error:
                raise InvalidError(f"the zip container is damaged ({error})") from error
            infos = self._zip.infolist()
            if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_BYTES:
                raise UnusableError(f"{path} unpacks to more than {MOST_FILES} files or {MOST_BYTES} bytes.")
            self.names = {info.filename for info in infos}
            _check_names(infos)
            _check_layout(file, infos)
        self._sizes = {info.filename: info.file_size for info in infos}

    def close(self) -> None:
        self._zip.close()

    def blocks(self, name: str) -> Iterator[bytes]:
        """A file in blocks of at most a mebibyte. Raises InvalidError."""
        with self._opened(name) as file:
            while block := file.read(BLOCK):
                yield block

    def small(self, name: str) -> bytes:
        """A file as a whole. Raises InvalidError when it is missing or larger than 16 MiB."""
        if self._sizes.get(name, 0) > MOST_SMALL:
            raise InvalidError(f"it is larger than {MOST_SMALL} bytes", name)
        return b"".join(self.blocks(name))

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a file without their newlines. Raises InvalidError for one that is too long or not ended."""
        with self._opened(name) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), 1):
                if not line.endswith(b"\n"):
                    raise InvalidError(f"it does not end within {LONGEST_LINE} bytes", name, number)
                yield line[:-1]

    @contextmanager
    def _opened(self, name: str) -> Iterator[Any]:
        if name not in self.names:
            raise InvalidError("it is missing", name)
        try:
            with self._zip.open(name) as file:
                yield file
        except BROKEN as error:
            raise InvalidError(f"it cannot be unpacked ({error})", name) from error


def parsed(data: bytes, file: str, line: int = 0) -> dict[str, Any]:
    """A JSON object in canonical form (see canonical.py). Raises InvalidError for any other spelling."""
    try:
        value = json.loads(data)
        again = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidError("it is not JSON of the kind we write", file, line) from error
    if not isinstance(value, dict) or again != data:
        raise InvalidError("it is not canonical JSON", file, line)
    return value


@contextmanager
def shaped(file: str, line: int = 0) -> Iterator[None]:
    """Turn a surprise about types or fields inside into InvalidError."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InvalidError(
            f"it has not the shape it must have ({type(error).__name__}: {error})", file, line
        ) from error


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    for name, number in Counter(info.filename for info in infos).items():
        if number > 1:
            raise InvalidError(f"there are {number} entries of this name", ascii(name)[1:-1])
        if not NAME.fullmatch(name):
            raise InvalidError("no file of a bundle has such a name", ascii(name)[1:-1])


def _check_layout(file: BinaryIO, infos: list[zipfile.ZipInfo]) -> None:
    """Write the zip's headers anew from names, sizes and CRCs, and find them where they must be, byte for byte."""
    place, directory = 0, b""
    for info in infos:
        name = info.filename.encode()
        sizes = (info.CRC, info.file_size, info.file_size, len(name), 0)
        common = struct.pack("<5H3L2H", 20, 0, 0, 0, 33, *sizes)
        file.seek(place)
        if file.read(30 + len(name)) != b"PK\3\4" + common + name:
            raise InvalidError("its zip entry was changed, or packed again by another program", info.filename)
        directory += b"PK\1\2\x14\3" + common + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, place) + name
        place += 30 + len(name) + info.file_size
    end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, len(infos), len(infos), len(directory), place, 0)
    file.seek(place)
    if file.read(len(directory) + len(end) + 1) != directory + end:
        raise InvalidError("the zip directory was changed, or the bundle packed again by another program")
