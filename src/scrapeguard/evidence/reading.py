"""Read segments back: line by line, never a whole file at once, and a damaged line is skipped, not fatal.

Openings that are sealed under a record come with it; what they say is for openings.py.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scrapeguard.evidence import record
from scrapeguard.evidence.segment import FOLDER

LONGEST = record.LONGEST + 1  # with the newline
SEALED = b"~"  # begins the line with the sealed openings of the record above it
ERASED = b"~-"  # begins such a line whose openings were overwritten
LONGEST_SEALED = 3 * LONGEST  # base64 of all the groups of a record, a captured exchange among them
BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a segment, as it lies there."""

    number: int  # from 1, counted from where reading began
    offset: int  # bytes before it
    raw: bytes  # without its newline
    whole: bool  # it ends in a newline and is not too long
    sealed: bytes = b""  # the openings under it, without "~" and newline; b"" when there are none, or only a part
    torn: bytes = b""  # the part of the openings that is there, when it is only a part


def segments(directory: Path) -> list[Path]:
    """The segments in an evidence directory, by name; empty when there are none yet."""
    return sorted((directory / FOLDER).glob("*.jsonl"))


def lines(path: Path, offset: int = 0, wanted: Callable[[bytes], bool] | None = None) -> Iterator[Line]:
    """Every line of a segment from an offset on with the openings under it, a torn last one too. Raises OSError.

    With `wanted` only those of which it is true, asked with the line as it lies there: to pass over a line is cheap.
    """
    before: tuple[int, int, bytes] | None = None
    with path.open("rb") as file:
        file.seek(offset)
        for number, raw in enumerate(iter(partial(file.readline, LONGEST_SEALED), b""), 1):
            if raw[:1] == SEALED:
                if before is not None:
                    yield _line(*before, raw)
                before = None
            else:
                if before is not None:
                    yield _line(*before)
                before = (number, offset, raw) if wanted is None or wanted(raw) else None
            offset += len(raw)
            if not raw.endswith(b"\n") and len(raw) < LONGEST_SEALED:
                break  # the end, as it is now: the rest of a line that is being written is no line of its own
    if before is not None:
        yield _line(*before)


def marked(directory: Path, needle: bytes) -> Iterator[tuple[Path, Line]]:
    """The lines on which a piece of canonical JSON stands, segment by segment, found without reading the others."""
    for path in segments(directory):
        for start in _starts(path, needle):
            yield path, next(lines(path, start))


def _starts(path: Path, needle: bytes) -> Iterator[int]:
    """Where the lines with the needle begin; a torn last line is left out.

    The file is read block by block: mapped into memory, all of it would count as this process's own.
    """
    offset, rest = 0, b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            data = rest + block
            end = data.rfind(b"\n") + 1
            place = data.find(needle, 0, end)
            while place >= 0:
                yield offset + data.rfind(b"\n", 0, place) + 1
                place = data.find(needle, data.index(b"\n", place), end)
            if not end and len(data) > LONGEST_SEALED:
                end = len(data)  # no line of ours is that long
            offset, rest = offset + end, data[end:]


def _line(number: int, offset: int, raw: bytes, sealed: bytes = b"") -> Line:
    """A line, and the one with its openings."""
    whole = raw.endswith(b"\n") and len(raw) <= LONGEST
    raw = raw[:-1] if whole else raw
    if not sealed.endswith(b"\n"):
        return Line(number, offset, raw, whole, torn=sealed)
    return Line(number, offset, raw, whole, b"" if sealed.startswith(ERASED) else sealed[1:-1])


def parse(raw: bytes) -> dict[str, Any] | None:
    """The record on a line; None when the line is no record of ours."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    envelope = isinstance(value, dict) and isinstance(value.get("k"), str) and isinstance(value.get("what"), dict)
    return value if envelope and type(value.get("seq")) is int and type(value.get("t")) is int else None
