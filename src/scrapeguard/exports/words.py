"""Numbers, times and other people's text as a report shows them."""

from datetime import UTC, datetime, timedelta
from html import escape

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LINE_ENDS = {9: "\\t", 10: "\\n"}
UNPRINTABLE = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))} | {
    code: f"\\u{code:04x}" for code in (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
}


def printable(text: str) -> str:
    """Text from outside that does nothing to a terminal or a page but show; line ends are kept."""
    return text.translate(UNPRINTABLE).encode("utf-8", "backslashreplace").decode()


def shown(text: str, longest: int = 300) -> str:
    """Text from outside as HTML: escaped, controls and direction marks made visible, lone surrogates too, cut."""
    visible = printable(text.translate(LINE_ENDS))
    return escape(visible if len(visible) <= longest else visible[:longest] + "…")


def block(text: str, longest: int = 4000) -> str:
    """Text of several lines as HTML, as `shown`, its line ends kept."""
    lines = text[:longest].splitlines() + (["…"] if len(text) > longest else [])
    return "\n".join(shown(line, longest) for line in lines)


def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def many(value: int, one: str, more: str = "") -> str:
    """A number with its noun, such as "1 request" or "1,200 requests"."""
    return f"{value:,} {one if value == 1 else more or one + 's'}"


def size(value: int) -> str:
    """Bytes in the unit that suits them, such as "3.4 MB" (millions of bytes)."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= scale:
            return f"{value / scale:.1f} {unit}"
    return many(value, "byte")


def moment(micros: int) -> str:
    """Microseconds since 1970 as "2026-11-05 10:11:12 UTC"; what no calendar holds, as the number."""
    try:
        return (EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%d %H:%M:%S UTC")
    except OverflowError:
        return f"{micros} µs since 1970"


def clock(micros: int) -> str:
    """The time of day of `moment`."""
    return moment(micros)[11:19]


def lasting(micros: int) -> str:
    """A span of time, such as "45 ms", "0.4 s", "12 s", "3 min 20 s", "5 h 12 min", "3 days 4 h"."""
    seconds = micros // SECOND
    if 0 < micros < SECOND // 10:
        return f"{micros // 1000} ms"
    if seconds < 10:
        return f"{micros / SECOND:.1f} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s".removesuffix(" 0 s")
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min".removesuffix(" 0 min")
    return f"{many(seconds // 86_400, 'day')} {seconds % 86_400 // 3600} h"
