"""Traefik's access log as JSON lines; its other one, of words, is among the combined formats."""

from scrapeguard.doors.fields import request
from scrapeguard.doors.json_fields import moment, number, record, text
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry


def traefik(line: str, place: int) -> LogEntry:
    """The entry on a line. Raises FormatError.

    Traefik keeps those request headers that its configuration names; so a header that is not there was either not
    sent or not kept, and nothing is said about it.
    """
    values = record(line)
    if "RequestMethod" not in values:
        raise FormatError("It has no RequestMethod: a line of another of Traefik's logs.")
    headers = {key.lower(): value for key, value in values.items() if key.startswith("request_")}
    method, target = request(text(values["RequestMethod"]) or "", text(values.get("RequestPath")) or "")
    return LogEntry(
        time=moment(values.get("StartUTC") or values.get("time")),
        address=text(values.get("ClientHost")) or "",
        port=number(values.get("ClientPort")),
        method=method,
        target=target,
        host=text(values.get("RequestHost")),
        scheme=text(values.get("RequestScheme")),
        agent=text(headers.get("request_user-agent")),
        referer=text(headers.get("request_referer")),
        headers=None,
        user=text(values.get("ClientUsername")),
        status=number(values.get("DownstreamStatus")),
        bytes=number(values.get("DownstreamContentSize")),
        micros=number(values.get("Duration"), 0.001),
        line=place,
    )
