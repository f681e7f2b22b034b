"""How access logs write times, requests, texts and addresses; each format puts these together in its own way.

All text is kept as the other doors keep it: bytes read as latin-1, one character a byte.
"""

import re
from datetime import UTC, date, datetime
from functools import lru_cache

from scrapeguard.errors import FormatError
from scrapeguard.facts.address import parse_node
from scrapeguard.facts.networks import Networks

LATEST = 7_258_118_400_000_000  # the year 2200: a later time comes from a broken clock, or is not a time
EPOCH = date(1970, 1, 1).toordinal()
NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS = {name: number for number, name in enumerate(NAMES, 1)}
CLF_HOUR = re.compile(  # without its minute and second
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-2][0-9]):(?:\.([0-9]{1,9}))? ([+-])([0-9]{2})([0-9]{2})"
)
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
LETTERS = {"b": "\b", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f"}
USUAL = frozenset(("GET", "HEAD", "POST"))
METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
PRIVATE = Networks(
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1"],
    "private networks",
)

IN_HOUR = {  # microseconds, by minute and second as they are written; a leap second is one, and some clocks go further
    f"{minute:02}:{second:02}": (minute * 60 + second) * 1_000_000 for minute in range(60) for second in range(70)
}

Request = tuple[str, str]  # method and target; no method = what came was not HTTP, or nothing came


def written_time(text: str) -> int:
    """Microseconds since 1970 of "17/May/2015:10:05:03 +0000" or of an ISO 8601 time. Raises FormatError."""
    if text[2:3] != "/":
        return iso_time(text)
    within = IN_HOUR.get(text[15:20])
    hour = None if within is None else _hour(text[:15] + text[20:])  # which many lines have in common
    if within is None or hour is None:
        raise FormatError(f"{text[:40]!r} is not a time.")
    return sane(hour + within)


@lru_cache(maxsize=256)
def _hour(text: str) -> int | None:
    """Microseconds from 1970 to "17/May/2015:10: +0000", before 1970 too; None for no time. Raises FormatError."""
    match = CLF_HOUR.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, fraction, sign, hours_ahead, minutes_ahead = match.groups()
    ahead = int(hours_ahead) * 3600 + int(minutes_ahead) * 60
    seconds = midnight(day, month, year) + int(hour) * 3600
    seconds += ahead if sign == "-" else -ahead
    return seconds * 1_000_000 + int(((fraction or "") + "000000")[:6])


@lru_cache(maxsize=256)
def midnight(day: str, month: str, year: str) -> int:
    """Seconds from 1970 to the beginning of a day. Raises FormatError when there is no such day."""
    try:
        return (date(int(year), MONTHS[month], int(day)).toordinal() - EPOCH) * 86_400
    except (KeyError, ValueError) as error:
        raise FormatError(f"There is no day {day}/{month}/{year}.") from error


@lru_cache(maxsize=1024)
def iso_time(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time; UTC when it names no zone. Raises FormatError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return sane(int(moment.timestamp()) * 1_000_000 + moment.microsecond)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{text[:40]!r} is not a time.") from error


def sane(micros: int) -> int:
    """A time that lies between 1970 and 2200. Raises FormatError for any other."""
    if not 0 <= micros < LATEST:
        raise FormatError("Its time is not between 1970 and 2200.")
    return micros


def unescape(text: str) -> str:
    r"""The text that Apache (`\"`, `\\`, `\n`, `\xHH`) or nginx (`\xHH`) escaped; "" for the "-" of an empty field."""
    if text == "-":
        return ""
    return ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    code, letter = match.groups()
    return chr(int(code, 16)) if code else LETTERS.get(letter, letter)


def request_line(text: str) -> Request:
    """Method and target of "GET /path HTTP/1.1"; a target with spaces in it is kept whole."""
    method, _, rest = text.partition(" ")
    target, _, protocol = rest.rpartition(" ")
    return request(method, target if protocol.startswith("HTTP/") else rest)  # HTTP/0.9 says no version


def request(method: str, target: str) -> Request:
    """Method and target where a log has them apart."""
    if target and (method in USUAL or METHOD.fullmatch(method)):
        return method, target
    return "", target or method


@lru_cache(maxsize=4096)
def node(text: str) -> tuple[str, int | None]:
    """Address and port of "192.0.2.7:4711" or "[2001:db8::1]:80"; a name, or anything else, as it is."""
    found = parse_node(text) if len(text) < 80 else None
    return (str(found[0]), found[1]) if found else (text[:255], None)


def behind(peer: str, chain: str) -> str:
    """The visitor's address, where a log has a forwarding chain ("client, proxy, …") beside the peer.

    A public peer is the visitor: he may have written the chain himself. A private one, or none, is the site's own
    proxy; then it is the last public address of the chain, or its farthest private one. The chain's last 256
    characters are read.
    """
    return _behind(peer, chain[-256:]) if chain not in ("", "-") else peer


@lru_cache(maxsize=4096)
def _behind(peer: str, chain: str) -> str:
    if peer and peer not in PRIVATE:
        return peer
    address = peer
    for element in reversed(chain.split(",")):
        hop = parse_node(element.strip())
        if hop is None:
            break
        address = str(hop[0])
        if address not in PRIVATE:
            break
    return address
