r"""The log formats of Apache and nginx that are lines of words, brackets and quotes, and Traefik's, their heir.

    [vhost[:port]] address ident user [time] "request" status bytes [field…] ["referer" [field…] "agent" [field…]]

Quotes inside quotes are escaped (`\"` by Apache, `\x22` by nginx). Every pattern is possessive: a line is read once,
whatever is in it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from scrapeguard.doors.fields import behind, node, request_line, unescape, written_time
from scrapeguard.errors import FormatError
from scrapeguard.facts.address import parse, parse_node
from scrapeguard.facts.logged import LogEntry

INSIDE = r'(?:[^"\\]++|\\.)*+'
BARE = r'(?: [^" ][^ ]*+)*+'
START = (
    r"(?P<head>[^\[]{0,1024}+|.{0,1024}?) ?\[(?P<time>[^\[\]]{10,40})\] "
    rf'"(?P<request>{INSIDE})" (?P<status>[0-9]{{3}}|-) (?P<bytes>[0-9]{{1,18}}|-){BARE}'
)
MORE = rf'(?P<more>(?: (?:"{INSIDE}"|[^" ][^ ]*+))*+)'
IN_QUOTES = re.compile(f'"({INSIDE})"')
FIELDS = ("head", "time", "request", "status", "bytes", "referer", "between", "agent", "more", "millis")
HOST_AND_PORT = re.compile(r"(?:[^:]+|\[.*\]):([0-9]{1,5})")
SCHEMES = {"80": "http", "443": "https"}


class Who(NamedTuple):
    """What stands before the time."""

    host: str | None
    scheme: str | None
    address: str
    port: int | None
    user: str


@lru_cache(maxsize=8192)
def who(head: str) -> Who:
    """Virtual host, address and user. A user name may have spaces; a forwarding chain may stand for the address."""
    words = head.split()
    host, scheme = None, None
    hosted = HOST_AND_PORT.fullmatch(words[0]) if len(words) > 3 and words[1] != "-" else None
    if hosted or (len(words) > 1 and parse(words[1]) and not words[0].endswith(",")):
        name = words.pop(0)
        host = "" if name == "-" else name
        scheme = SCHEMES.get(hosted[1]) if hosted else None
    if len(words) == 2:  # "- -": ident and user, and no address
        words.insert(0, "")
    address = words.pop(0) if words else ""
    while address.endswith(",") and words:
        address += words.pop(0)
    address, port = (behind("", address), None) if "," in address else node(address)
    user = " ".join(words[1:])
    return Who(host, scheme, "" if address == "-" else address, port, "" if user == "-" else user)


@dataclass(frozen=True, slots=True)
class Layout:
    """One order of fields; called with a line and its number, it gives the entry. Raises FormatError."""

    pattern: re.Pattern[str]
    places: tuple[int, ...]  # of the groups of FIELDS in the pattern

    def __call__(self, line: str, number: int) -> LogEntry:
        match = self.pattern.fullmatch(line)
        if match is None:
            raise FormatError(complaint(line))
        head, written, asked, status, size, referer, between, agent, more, millis = match.group(*self.places)
        client = who(head)
        address = forwarded(client.address, more) if more else client.address
        method, target = request_line(unescape(asked))
        return LogEntry(
            written_time(written),
            # Some sites log a session before the agent instead of an address: then that is who is counted.
            address or (between or "").strip(),
            client.port,
            method,
            target,
            client.host,
            client.scheme,
            None if agent is None else unescape(agent),
            None if referer is None else unescape(referer),
            None,
            client.user,
            None if status == "-" else int(status),
            0 if size == "-" else int(size),
            None if millis is None else int(millis) * 1000,
            number,
        )


def forwarded(address: str, more: str) -> str:
    """The visitor behind the site's own proxy, when one of the fields after the agent is a forwarding chain."""
    for text in IN_QUOTES.findall(more):
        if parse_node(text.rpartition(",")[2].strip()):
            return behind(address, text)
    return address


def complaint(line: str) -> str:
    """Why a line fits no layout: the first thing that is missing."""
    if not re.search(r"\[[^\[\]]{10,40}\] ", line[:1100]):
        return "There is no [time] in it."
    if len(re.findall(r'(?<!\\)"', line)) % 2:
        return "A quote is opened and never closed: the line is cut, or something wrote quotes unescaped."
    return "Its fields are not those of the format."


def quoted(*names: str) -> str:
    """Quoted fields of these names one after the other; bare fields may stand between them."""
    return f"(?P<between>{BARE})".join(rf' "(?P<{name}>{INSIDE})"' for name in names)


def layout(fields: str) -> Layout:
    """The layout that has these fields after the bytes."""
    absent = "".join(f"(?P<{name}>(?!))?" for name in FIELDS if f"(?P<{name}>" not in START + fields)
    pattern = re.compile(f"{START}{fields} ?{absent}", re.DOTALL)
    return Layout(pattern, tuple(pattern.groupindex[name] for name in FIELDS))


common = layout("")
combined = layout(quoted("referer", "agent") + MORE)
combined_field = layout(quoted("referer") + BARE + f' "{INSIDE}"' + BARE + quoted("agent") + MORE)
combined_agent = layout(quoted("agent") + BARE)
traefik_words = layout(quoted("referer", "agent") + rf' [0-9]+ "{INSIDE}" "{INSIDE}" (?P<millis>[0-9]{{1,12}})ms')
