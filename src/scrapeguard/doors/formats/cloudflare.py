"""Cloudflare's Logpush of the data set http_requests: JSON lines, with the fields that the job selected."""

from scrapeguard.doors.fields import request
from scrapeguard.doors.json_fields import moment, number, record, text
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry


def cloudflare(line: str, place: int) -> LogEntry:
    """The entry on a line. Raises FormatError. Times are whole ns, seconds or RFC 3339, as the job was told."""
    values = record(line)
    if "EdgeStartTimestamp" not in values:
        raise FormatError("It has no EdgeStartTimestamp.")
    target = text(values.get("ClientRequestURI")) or text(values.get("ClientRequestPath"))
    if target is None:
        raise FormatError("It has neither ClientRequestURI nor ClientRequestPath.")
    method, target = request(text(values.get("ClientRequestMethod")) or "", target)
    return LogEntry(
        time=moment(values["EdgeStartTimestamp"]),
        address=text(values.get("ClientIP")) or "",
        port=number(values.get("ClientSrcPort")),
        method=method,
        target=target,
        host=text(values.get("ClientRequestHost")),
        scheme=text(values.get("ClientRequestScheme")),
        agent=text(values.get("ClientRequestUserAgent")),
        referer=text(values.get("ClientRequestReferer")),
        headers=None,
        user=None,
        status=number(values.get("EdgeResponseStatus")),
        bytes=number(values.get("EdgeResponseBytes")),
        micros=None,
        line=place,
    )
