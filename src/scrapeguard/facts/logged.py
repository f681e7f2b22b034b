"""One line of an access log, whatever its format, and what its target and its first field say."""

import re
from functools import lru_cache
from typing import NamedTuple

from scrapeguard.facts import address as addresses
from scrapeguard.facts.target import object_of, resource_of
from scrapeguard.fleeting import fleeting
from scrapeguard.model import Client, Headers, Resource

SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
HOST = re.compile(r"([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{0,5})?")
REMEMBERED, LONG = 4096, 256  # targets; characters up to which one is remembered
ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://([^/?#]*)")


@fleeting
class LogEntry:
    """One line of an access log. `None` = the format has no such field; "" = the field was empty, or "-"."""

    time: int  # microseconds since 1970, UTC
    address: str
    port: int | None
    method: str
    target: str  # as in the request line
    host: str | None
    scheme: str | None
    agent: str | None
    referer: str | None
    headers: Headers | None
    user: str | None
    status: int | None
    bytes: int | None
    micros: int | None
    line: int


class Wanted(NamedTuple):
    """What is asked for."""

    scheme: str | None  # of an absolute URL, as is the host; None = the target does not say
    host: str | None
    path: str
    query: str
    whole: str  # path with query
    resource: Resource  # by the path alone
    object: str


def named(value: str | bytes) -> str:
    """Lower-case, without port; "" for what is no host."""
    text = value if isinstance(value, str) else value.decode("latin-1")
    match = HOST.fullmatch(text.lower())
    return match[1] if match else ""


def wanted(target: str) -> Wanted:
    """What a request line's target says: a path, an absolute URL, "*", or garbage."""
    return (_remembered if len(target) <= LONG else _wanted)(target)


def _wanted(target: str) -> Wanted:
    scheme = host = None
    absolute = None if target.startswith("/") else ABSOLUTE.match(target)
    if absolute is not None:
        scheme, host, target = absolute[1].lower(), absolute[2], target[absolute.end() :]
    path, _, query = target.partition("#")[0].partition("?")
    path = path or "/"
    whole = f"{path}?{query}" if query else path
    return Wanted(scheme, host, path, query, whole, resource_of(path), object_of(path, query))


_remembered = lru_cache(REMEMBERED)(_wanted)


def from_log(text: str, port: int | None) -> Client:
    """A client from a log's first field; a name instead of an address is counted under that name."""
    address = addresses.parse(text)
    if address is None:
        name = text[:255] if text != "-" else ""
        return Client(name, name, "", port, None, "log")
    return Client(str(address), *addresses.keys(address), port, None, "log")
