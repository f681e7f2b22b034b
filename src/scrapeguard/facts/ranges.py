"""The addresses that operators say their robots come from: lists as they publish them, read and checked.

    {"creationTime": "2026-09-02T14:41:05Z", "url": "https://…", "prefixes": [{"ipv4Prefix": "192.0.2.0/24"}, …]}

is Google's form, which most others took over (draft-illyes-webbotauth-jafar; it adds `formatVersion`); `url` is ours.
Ahrefs writes {"ips": [{"ip_address": "192.0.2.7"}, …]}. What is not known in a list is passed over.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scrapeguard.errors import ConfigError, FormatError
from scrapeguard.facts.networks import parse

WIDEST = {4: 8, 6: 16}  # no robot comes from more than such a part of the internet
MOST = 50_000  # prefixes of a list
LARGEST = 4 << 20  # bytes of a list
MEMBERS = ("ipv4Prefix", "ipv6Prefix", "ip_address")
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class RangeList:
    """One list at one time."""

    url: str  # where its operator publishes it
    time: int  # when it was made, or else read; microseconds since 1970
    prefixes: tuple[str, ...]  # canonical, each once, in the order given


def read(data: bytes, place: str) -> Json:
    """A list as JSON, whatever stray characters are in it (a zero-width space was seen). Raises FormatError."""
    if len(data) > LARGEST:
        raise FormatError(f"{place}: is {len(data):,} bytes long; the limit is {LARGEST:,}.")
    try:
        value = json.loads(data.decode("ascii", "ignore"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{place}: is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise FormatError(f"{place}: is not a JSON object.")
    if str(value.get("formatVersion", "1.0")).partition(".")[0] != "1":
        raise FormatError(f"{place}: has the format version {value['formatVersion']!r}; only 1 is known.")
    return value


def prefixes(value: Json, place: str) -> tuple[str, ...]:
    """The prefixes of a list. Raises FormatError unless each is a public network of a credible size."""
    rows = value.get("prefixes", value.get("ips"))
    if not isinstance(rows, list) or len(rows) > MOST:
        raise FormatError(f"{place}: has no list of at most {MOST:,} prefixes.")
    found = dict.fromkeys(_checked(text, place) for text in _texts(rows))
    if not found:
        raise FormatError(f"{place}: has no prefix in it.")
    return tuple(found)


def _texts(rows: list[object]) -> Iterable[str]:
    for row in rows:
        texts = [row[name] for name in MEMBERS if name in row] if isinstance(row, dict) else [row]
        if len(texts) == 1 and isinstance(texts[0], str):  # both or neither: passed over, as the draft says
            yield texts[0]


def _checked(text: str, place: str) -> str:
    try:
        network = parse(text, place)
    except ConfigError as error:
        raise FormatError(error.message, error.hint) from error
    if network.prefixlen < WIDEST[network.version]:
        raise FormatError(f"{place}: {text} is wider than /{WIDEST[network.version]}; no robot comes from so much.")
    if not network.is_global or network.is_multicast:
        raise FormatError(f"{place}: {text} is no part of the public internet.")
    return str(network)


def load(folder: Path) -> dict[str, RangeList]:
    """The lists in a folder, by URL; empty when there is none. Raises FormatError, ConfigError naming the file."""
    lists = {}
    for path in sorted(folder.glob("*.json")):
        try:
            value = read(path.read_bytes(), str(path))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror}).", "Make it readable.") from error
        url = str(value.get("url", ""))
        lists[url] = RangeList(url, moment(value.get("creationTime"), str(path)), prefixes(value, str(path)))
    return lists


def moment(value: object, place: str) -> int:
    """A time in ISO 8601 as microseconds since 1970. Raises FormatError."""
    try:
        time = datetime.fromisoformat(str(value))
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()) * 1_000_000
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{place}: creationTime is {value!r}, which is no time.") from error


def changed(before: RangeList, after: tuple[str, ...]) -> int:
    """How much the size of a list has changed, in per cent of what it was."""
    return abs(len(after) - len(before.prefixes)) * 100 // len(before.prefixes)
