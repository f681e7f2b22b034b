"""Read segments back: line by line, never a whole file at once, and a damaged line is skipped, not fatal.

Openings that are sealed under a record come with it; what they say is for openings.py.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrapeguard.evidence import record
from scrapeguard.evidence.segment import FOLDER

LONGEST = record.LONGEST + 1  # with the newline
SEALED = b"~"  # begins the line with the sealed openings of the record above it
ERASED = b"~-"  # begins such a line whose openings were overwritten
LONGEST_SEALED = 2 * LONGEST


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


def lines(path: Path, offset: int = 0) -> Iterator[Line]:
    """Every line of a segment from an offset on with the openings under it, a torn last one too. Raises OSError."""
    before: Line | None = None
    with path.open("rb") as file:
        file.seek(offset)
        for number, raw in enumerate(iter(lambda: file.readline(LONGEST_SEALED), b""), 1):
            if raw.startswith(SEALED):
                if before is not None:
                    yield _with(before, raw)
                before = None
            else:
                if before is not None:
                    yield before
                whole = raw.endswith(b"\n") and len(raw) <= LONGEST
                before = Line(number, offset, raw[:-1] if whole else raw, whole)
            offset += len(raw)
    if before is not None:
        yield before


def _with(line: Line, sealed: bytes) -> Line:
    """A line and the one with its openings."""
    if not sealed.endswith(b"\n"):
        return Line(line.number, line.offset, line.raw, line.whole, torn=sealed)
    if sealed.startswith(ERASED):
        return line
    return Line(line.number, line.offset, line.raw, line.whole, sealed[1:-1])


def parse(raw: bytes) -> dict[str, Any] | None:
    """The record on a line; None when the line is no record of ours."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    envelope = isinstance(value, dict) and isinstance(value.get("k"), str) and isinstance(value.get("what"), dict)
    return value if envelope and type(value.get("seq")) is int and type(value.get("t")) is int else None
