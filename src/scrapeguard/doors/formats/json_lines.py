"""JSON lines with the names that nginx (`log_format … escape=json`) and Apache users give their fields."""

from collections.abc import Mapping
from functools import lru_cache

from scrapeguard.doors.fields import Request, behind, node, request, request_line
from scrapeguard.doors.json_fields import moment, number, record, text
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry

NAMES = {  # what a field means: the names it is found under, lower-case and without "_", "-", "." and "$"; best first
    "time": "msec timeiso8601 timestamp @timestamp timelocal time ts datetime date",
    "address": "realipremoteaddr remoteaddr clientip remoteip ip client clientaddr clientaddress remotehost realip",
    "port": "remoteport clientport",
    "chain": "httpxforwardedfor xforwardedfor xff forwardedfor",
    "request": "request requestline",
    "method": "requestmethod method verb httpmethod",
    "target": "requesturi uri url target path requestpath",
    "query": "args querystring query",
    "host": "httphost host vhost virtualhost servername domain requesthost",
    "scheme": "scheme requestscheme",
    "agent": "httpuseragent useragent agent ua",
    "referer": "httpreferer httpreferrer referer referrer",
    "user": "remoteuser user username",
    "status": "status statuscode responsestatus code",
    "bytes": "bodybytessent bytessent bytes size bodybytes responsesize",
    "seconds": "requesttime requestduration",
}
DROPPED = str.maketrans("", "", "_-.$")


def json_lines(line: str, place: int) -> LogEntry:
    """The entry on a line. Raises FormatError."""
    values = record(line)
    found = {meaning: values[key] for meaning, key in _keys(tuple(values)).items()}
    if "time" not in found:
        raise FormatError("None of its keys names a time.")
    method, target = _request(found)
    address, port = node(text(found.get("address")) or "")
    return LogEntry(
        time=moment(found["time"]),
        address=behind(address, text(found.get("chain")) or ""),
        port=number(found.get("port")) or port,
        method=method,
        target=target,
        host=text(found.get("host")),
        scheme=text(found.get("scheme")) or None,
        agent=text(found["agent"]) or "" if "agent" in found else None,
        referer=text(found["referer"]) or "" if "referer" in found else None,
        headers=None,
        user=text(found.get("user")),
        status=number(found.get("status")),
        bytes=number(found.get("bytes")),
        micros=number(found.get("seconds"), 1_000_000),
        line=place,
    )


@lru_cache(maxsize=256)
def _keys(keys: tuple[str, ...]) -> dict[str, str]:
    """Which of these keys holds what."""
    plain = {key.lower().translate(DROPPED): key for key in reversed(keys[:200])}
    found = {}
    for meaning, names in NAMES.items():
        for name in names.split():
            if name in plain:
                found[meaning] = plain[name]
                break
    return found


def _request(found: Mapping[str, object]) -> Request:
    """The whole request line where there is one, else its parts; Apache users call the path alone "request"."""
    whole = text(found.get("request")) or ""
    if " " in whole or ("target" not in found and "method" not in found and "request" in found):
        return request_line(whole)
    target = text(found.get("target")) or whole
    if not target:
        raise FormatError("None of its keys names the request.")
    query = (text(found.get("query")) or "").removeprefix("?")
    if query and "?" not in target:
        target = f"{target}?{query}"
    return request(text(found.get("method")) or "", target)
