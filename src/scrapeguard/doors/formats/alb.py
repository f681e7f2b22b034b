"""The access log of AWS Application Load Balancers: words and quotes; newer ones have more fields at the end.

type time elb client:port target:port request_time target_time response_time status target_status received sent
"METHOD URL HTTP/1.1" "agent" cipher tls …
"""

import re

from scrapeguard.doors.fields import iso_time, node, request_line, unescape
from scrapeguard.errors import FormatError
from scrapeguard.facts.logged import LogEntry

INSIDE = r'(?:[^"\\]++|\\.)*+'
LINE = re.compile(
    r"(?P<kind>https?|h2|grpcs?|wss?) (?P<time>[0-9TZ:.+-]{19,40}) [^ ]++ (?P<client>[^ ]{1,64}+) [^ ]++ "
    r"(?P<first>-?[0-9.]{1,12}) (?P<second>-?[0-9.]{1,12}) (?P<third>-?[0-9.]{1,12}) "
    r"(?P<status>[0-9]{3}|-) (?:[0-9]{3}|-) [0-9]{1,18} (?P<bytes>[0-9]{1,18}) "
    rf'"(?P<request>{INSIDE})" "(?P<agent>{INSIDE})"(?: .*)?',
    re.DOTALL,
)


def alb(line: str, place: int) -> LogEntry:
    """The entry on a line. Raises FormatError. The time is when the answer was sent; a phase that failed takes -1."""
    match = LINE.fullmatch(line)
    if match is None:
        raise FormatError("Its fields are not those of the format.")
    field = match.groupdict()
    address, port = node(field["client"])
    method, target = request_line(unescape(field["request"]))
    if method == "-":  # nothing readable came: "- http://example.com:80- -"
        method = ""
    return LogEntry(
        time=iso_time(field["time"]),
        address="" if address == "-" else address,
        port=port,
        method=method,
        target=target,
        host=None,
        scheme="https" if field["kind"] in ("https", "h2", "grpcs", "wss") else "http",
        agent=unescape(field["agent"]),
        referer=None,
        headers=None,
        user=None,
        status=None if field["status"] == "-" else int(field["status"]),
        bytes=int(field["bytes"]),
        micros=_micros(field["first"], field["second"], field["third"]),
        line=place,
    )


def _micros(*phases: str) -> int:
    """The phases together, in microseconds. Raises FormatError."""
    try:
        return sum(max(0, round(float(phase) * 1_000_000)) for phase in phases)
    except ValueError as error:
        raise FormatError("Its durations are not numbers.") from error
