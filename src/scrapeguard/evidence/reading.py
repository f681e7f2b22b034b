"""Read segments back: line by line, never a whole file at once, and a damaged line is skipped, not fatal."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrapeguard.evidence import record
from scrapeguard.evidence.segment import FOLDER

LONGEST = record.LONGEST + 1  # with the newline


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a segment, as it lies there."""

    number: int  # from 1, counted from where reading began
    offset: int  # bytes before it
    raw: bytes  # without its newline
    whole: bool  # it ends in a newline and is not too long


def segments(directory: Path) -> list[Path]:
    """The segments in an evidence directory, by name; empty when there are none yet."""
    return sorted((directory / FOLDER).glob("*.jsonl"))


def lines(path: Path, offset: int = 0) -> Iterator[Line]:
    """Every line of a segment from an offset on, a torn last one included. Raises OSError."""
    with path.open("rb") as file:
        file.seek(offset)
        for number, raw in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            whole = raw.endswith(b"\n")
            yield Line(number, offset, raw[:-1] if whole else raw, whole)
            offset += len(raw)


def parse(raw: bytes) -> dict[str, Any] | None:
    """The record on a line; None when the line is no record of ours."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    envelope = isinstance(value, dict) and isinstance(value.get("k"), str) and isinstance(value.get("what"), dict)
    return value if envelope and type(value.get("seq")) is int and type(value.get("t")) is int else None
