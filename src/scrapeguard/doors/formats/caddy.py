"""Caddy's access log: JSON lines, with the request as an object of its own and its headers in no order."""

from scrapeguard.doors.fields import node, request
from scrapeguard.doors.json_fields import Record, moment, number, part, record, text
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry
from scrapeguard.model import Headers

REDACTED = ["REDACTED"]  # stands for cookies and credentials: one value for everybody says nothing about anybody


def caddy(line: str, place: int) -> LogEntry:
    """The entry on a line. Raises FormatError.

    `client_ip` (2.7 and later) is the visitor behind trusted proxies, `remote_ip` (2.5) the peer, and `remote_addr`
    (before) the peer with its port.
    """
    values = record(line)
    asked = part(values, "request")
    if not asked:
        raise FormatError("It has no request in it: a line of another of Caddy's logs.")
    address, port = text(asked.get("client_ip") or asked.get("remote_ip")), number(asked.get("remote_port"))
    if address is None:
        address, port = node(text(asked.get("remote_addr")) or "")
    method, target = request(text(asked.get("method")) or "", text(asked.get("uri")) or "")
    headers = _headers(part(asked, "headers")) if "headers" in asked else None
    user = text(values.get("user_id"))
    return LogEntry(
        time=moment(values.get("ts")),
        address=address,
        port=port,
        method=method,
        target=target,
        host=text(asked.get("host")),
        scheme="https" if part(asked, "tls") else "http",
        agent=None if headers is None else headers.get("user-agent") or "",
        referer=None if headers is None else headers.get("referer") or "",
        headers=headers,
        user=user,
        status=number(values.get("status")),
        bytes=number(values.get("size")),
        micros=number(values.get("duration"), 1_000_000),
        line=place,
    )


def _headers(values: Record) -> Headers:
    """The headers by name: Caddy keeps no order, so this one is at least the same for the same names."""
    pairs = []
    for name in sorted(values):
        lines = values[name]
        if isinstance(lines, list) and lines != REDACTED:
            joined = ", ".join(text(line) or "" for line in lines)
            pairs.append(((text(name) or "").lower().encode("latin-1", "replace"), joined.encode("latin-1", "replace")))
    return Headers(pairs)
