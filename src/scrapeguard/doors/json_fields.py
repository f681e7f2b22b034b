"""How access logs of JSON lines write their values: one object a line, read without trust in any type."""

import json
import math
from collections.abc import Mapping
from typing import Any

from scrapeguard.doors.fields import sane, written_time
from scrapeguard.errors import FormatError

Record = Mapping[str, Any]


def record(line: str) -> Record:
    """The object on a line. Raises FormatError."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FormatError("It is not valid JSON.") from error
    if not isinstance(value, dict):
        raise FormatError("It is not a JSON object.")
    return value


def part(values: Record, key: str) -> Record:
    """The object under a key; empty when there is none."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """A field as text, one character a byte as in the other doors; "" for the "-" of an empty field; None for none."""
    if isinstance(value, str):
        return "" if value == "-" else _bytewise(value)
    return str(value) if isinstance(value, (int, float)) else None


def _bytewise(value: str) -> str:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass").decode("latin-1")
    return value


def number(value: object, scale: float = 1) -> int | None:
    """A number, or a text that is one, times `scale`, as a whole number from 0 up; None for anything else."""
    if not isinstance(value, (str, int, float)):
        return None
    try:
        result = float(value) * scale
    except (ValueError, OverflowError):
        return None
    return round(result) if math.isfinite(result) and 0 <= result < 2**53 else None


def moment(value: object) -> int:
    """Microseconds since 1970 of a time that is text, or a number of seconds, ms, µs or ns. Raises FormatError."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        return written_time(value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise FormatError("There is no time in it.")
    try:
        amount = float(value)
    except (ValueError, OverflowError) as error:
        raise FormatError("Its time is not a number.") from error
    for limit, scale in ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1), (1e20, 0.001)):
        if abs(amount) < limit:
            return sane(round(amount * scale))
    raise FormatError("Its time is not between 1970 and 2200.")
