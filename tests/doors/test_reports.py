"""Reports are read from what proxies really write; what is none of them says nothing, whatever it is made of."""

import json

import pytest

from scrapeguard.doors.reports import LONGEST, Report, read

REFERENCE = "7K3F-9Q2M-T0XD"
CADDY = {"level": "info", "msg": "handled request", "user_id": REFERENCE, "duration": 0.01, "size": 5120, "status": 200}


def caddy(**changed: object) -> bytes:
    return json.dumps(CADDY | changed).encode() + b"\n"


@pytest.mark.parametrize(
    ("data", "status", "size", "whole"),
    [
        (b"sg=7K3F-9Q2M-T0XD 200 5 end=OK", 200, 5, True),  # nginx
        (b"<190>Nov 24 15:39:35 nginx: sg=7K3F-9Q2M-T0XD 200 5 end=", 200, 5, False),
        (b"sg=7K3F-9Q2M-T0XD 200 5 end=--\n", 200, 5, True),  # HAProxy
        (b"sg=7K3F-9Q2M-T0XD 200 5 end=CD\n", 200, 5, False),
        (b"sg=7K3F-9Q2M-T0XD 200 5000 end=CD of=700\n", 200, 700, False),  # announced, and so much of it sent
        (b"sg=7K3F-9Q2M-T0XD 200 5000 end=-- of=5200\n", 200, 5000, True),
        (b"sg=7K3F-9Q2M-T0XD 200 - end=-- of=5200\n", 200, 0, True),  # not known: no more is claimed than is
        (b"sg=7K3F-9Q2M-T0XD 200 5 end=+", 200, 5, True),  # Apache
        (b"sg=7K3F-9Q2M-T0XD 200 5 end=-", 200, 5, True),
        (b"sg=7K3F-9Q2M-T0XD 200 5 end=X", 200, 5, False),
        (b"sg=7K3F-9Q2M-T0XD 200 5120", 200, 5120, True),
        (b"<190>Nov 24 15:39:35 nginx: sg=7K3F-9Q2M-T0XD 404 0", 404, 0, True),
        (b"<13>Nov 24 15:39:35 host apache: sg=7K3F-9Q2M-T0XD 304 0", 304, 0, True),
        (b"<13>1 2026-11-24T15:39:35+00:00 host apache - - - sg=7K3F-9Q2M-T0XD 206 17\n", 206, 17, True),
        (b"sg=7K3F-9Q2M-T0XD 200 -\n", 200, 0, True),
        (caddy(), 200, 5120, True),
        (caddy(bytes_read=0, status=499), 499, 5120, True),
        (caddy(status=0, size=0), 0, 0, False),  # nothing was answered
        (
            caddy(request={"uri": '/","user_id":"0000-0000-0000"', "headers": {"X": ["sg=0000-0000-0000 200 5"]}}),
            200,
            5120,
            True,
        ),
    ],
)
def test_what_a_proxy_writes_is_read(data: bytes, status: int, size: int, whole: bool) -> None:
    report = read(data)
    assert report == Report(REFERENCE, status, size, whole)
    assert read(report.line()) == report


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 5000,
        b"sg=7K3F-9Q2M-T0XD 200",
        b"sg=7K3F-9Q2M-T0XD 999999 5",
        b"sg=7K3F-9Q2M-T0XD 200 5 and more",
        b"sg=7K3F-9Q2M-T0XD 200 5 end=OK and more",
        b"sg=7K3F-9Q2M-T0XD 200 5 end=" + b"X" * 9,
        b"sg=7K3F-9Q2M-T0XD 200 " + b"9" * 16,
        b"sg=7k3f-9q2m-t0xd 200 5",
        b"sg=7K3F-9Q2M-T0XD 200 5" + b" " * 300,
        b"{}",
        b"{",
        b'{"a":' * 1600,
        b'{"size":' + b"9" * 8000 + b"}",
        caddy(user_id=""),
        caddy(user_id=None),
        caddy(user_id=[REFERENCE]),
        caddy(user_id=f"{REFERENCE} 200 5 sg={REFERENCE}"),
        caddy(user_id="\ud800\n"),
        caddy(size=-1),
        caddy(size=1.5),
        caddy(size=1e300),
        caddy(size=True),
        caddy(status="200 5\n"),
        caddy(status={"a": 1}),
        caddy(request={"headers": {"Cookie": ["c" * LONGEST]}})[:LONGEST],  # cut off
        caddy()[:-3],
    ],
)
def test_what_is_no_report_is_none(data: bytes) -> None:
    assert read(data) is None
