"""Each format reads its lines, whoever wrote into them; and no line, however made, does more than fail to be read."""

import json
import os
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import apachelogs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scrapeguard.doors.fields import behind, request_line, unescape, written_time
from scrapeguard.doors.formats import FORMATS, guess
from scrapeguard.errors import FormatError

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[2].parent / "shared/data") / "logs"
ELASTIC, ILIOU = DATA / "elastic-apache-2015.log", DATA / "iliou-phase1-dev.tsv"

NOON = 1_431_864_303_000_000  # 2015-05-17 12:05:03 UTC
T = "[17/May/2015:12:05:03 +0000]"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GET = '"GET /a?b=1 HTTP/1.1" 200 17'
PLAIN = {"time": NOON, "method": "GET", "target": "/a?b=1", "status": 200, "bytes": 17}
FULL = {**PLAIN, "address": "192.0.2.7", "referer": "https://example.org/", "agent": FIREFOX, "headers": None}
TAIL = f'"https://example.org/" "{FIREFOX}"'

AWS = "https 2015-05-17T12:05:03.000000Z app/lb/50dc 192.0.2.7:2817 10.0.0.1:80 0.001 0.002 0.000"

WORDS = {  # what is special about it: (format, line, some of what it says)
    "combined": ("combined", f"192.0.2.7 - - {T} {GET} {TAIL}", FULL),
    "common": ("common", f"192.0.2.7 - - {T} {GET}", {**PLAIN, "address": "192.0.2.7", "agent": None, "referer": None}),
    "common with a time taken": ("common", f"192.0.2.7 - - {T} {GET} 0.005", PLAIN),
    "another zone": ("common", '192.0.2.7 - - [17/May/2015:14:35:03 +0230] "GET / HTTP/1.1" 200 1', {"time": NOON}),
    "a zone to the west": ("common", '::1 - - [17/May/2015:04:05:03 -0800] "GET / HTTP/1.1" 200 1', {"time": NOON}),
    "parts of a second": (
        "common",
        '::1 - - [17/May/2015:12:05:03.25 +0000] "GET / HTTP/1.1" 200 1',
        {"time": NOON + 250_000},
    ),
    "an ISO time": ("combined", f"192.0.2.7 - - [2015-05-17T12:05:03+00:00] {GET} {TAIL}", FULL),
    "a user": ("combined", f"192.0.2.7 - alice {T} {GET} {TAIL}", {**FULL, "user": "alice"}),
    "a user with spaces and brackets": (
        "combined",
        f"192.0.2.7 - a [b] c {T} {GET} {TAIL}",
        {**FULL, "user": "a [b] c"},
    ),
    "a user who writes a log line": (
        "combined",
        rf"192.0.2.7 - x [01/Jan/2020:00:00:00 +0000] \"GET /forged HTTP/1.1\" 200 5 {T} {GET} {TAIL}",
        {**FULL, "address": "192.0.2.7"},
    ),
    "a user who writes an address": ("combined", f"192.0.2.7 - 1.1.1.1 - {T} {GET} {TAIL}", FULL),
    "a virtual host and port": (
        "combined",
        f"www.Example.com:443 192.0.2.7 - - {T} {GET} {TAIL}",
        {**FULL, "host": "www.Example.com:443", "scheme": "https"},
    ),
    "a virtual host": ("combined", f"example.com 192.0.2.7 - - {T} {GET} {TAIL}", {**FULL, "host": "example.com"}),
    "a virtual host, common": ("common", f"example.com:80 192.0.2.7 - - {T} {GET}", {"scheme": "http"}),
    "a virtual host and a client's name": (
        "combined",
        f"example.com:80 crawl.example.net - - {T} {GET} {TAIL}",
        {**FULL, "address": "crawl.example.net", "host": "example.com:80"},
    ),
    "an IPv6 virtual host": ("combined", f"[2001:db8::1]:80 192.0.2.7 - - {T} {GET} {TAIL}", FULL),
    "a forwarding chain for the address": (
        "combined",
        f"1.2.3.4, 192.0.2.7, 10.0.0.3 - - {T} {GET} {TAIL}",
        {**FULL, "user": ""},
    ),
    "a chain after the agent, behind a proxy": (
        "combined",
        f'10.0.0.1 - - {T} {GET} {TAIL} "6.6.6.6, 192.0.2.7"',
        FULL,
    ),
    "a chain behind another field": (
        "combined",
        f'10.0.0.1 - - {T} {GET} {TAIL} 7 "a \\"b" "6.6.6.6, 192.0.2.7"',
        FULL,
    ),
    "a chain in a field with a name": ("combined", f'10.0.0.1 - - {T} {GET} {TAIL} xff="192.0.2.7"', FULL),
    "an address with its port": ("combined", f"192.0.2.7:4711 - a b {T} {GET} {TAIL}", {**FULL, "port": 4711}),
    "an IPv6 address with its port": (
        "common",
        f"[2001:db8::1]:9 - - {T} {GET}",
        {"address": "2001:db8::1", "port": 9},
    ),
    "a chain from a visitor": ("combined", f'192.0.2.7 - - {T} {GET} {TAIL} "6.6.6.6"', FULL),
    "no chain after the agent": ("combined", f'192.0.2.7 - - {T} {GET} {TAIL} "-"', FULL),
    "fields after the agent": ("combined", f'192.0.2.7 - - {T} {GET} {TAIL} rt=0.005 uct="0.000" "x y"', FULL),
    "a field before the referer": ("combined", f"192.0.2.7 - - {T} {GET} 0.005 {TAIL}", FULL),
    "a session instead of an address": (
        "combined",
        f'- - {T} {GET} "https://example.org/" dr09rk5e "{FIREFOX}"',
        {**FULL, "address": "dr09rk5e"},
    ),
    "a session beside the address": (
        "combined",
        f'192.0.2.7 - - {T} {GET} "https://example.org/" dr09 "{FIREFOX}"',
        FULL,
    ),
    "a quoted field before the agent": (
        "combined-field",
        f'192.0.2.7 - - {T} {GET} "https://example.org/" "dr09" "{FIREFOX}"',
        FULL,
    ),
    "an agent alone": ("combined-agent", f'192.0.2.7 - - {T} {GET} "{FIREFOX}"', {**FULL, "referer": None}),
    "nothing after the quotes of Apache": (
        "combined",
        rf'::1 - - {T} "GET /\"q\" HTTP/1.1" 200 - "-" "a\\b \"c\" \xe4\n"',
        {"target": '/"q"', "bytes": 0, "referer": "", "agent": 'a\\b "c" \xe4\n', "address": "::1"},
    ),
    "the quotes of nginx": (
        "combined",
        rf'::1 - - {T} "GET /\x22 HTTP/1.1" 200 5 "-" "\x5C\x22"',
        {"target": '/"', "agent": '\\"'},
    ),
    "an agent that ends in a backslash": ("combined", rf'::1 - - {T} {GET} "-" "a\\"', {"agent": "a\\"}),
    "an empty agent": ("combined", f'::1 - - {T} {GET} "" ""', {"agent": "", "referer": ""}),
    "a TLS greeting": (
        "combined",
        rf'::1 - - {T} "\x16\x03\x01" 400 0 "-" "-"',
        {"method": "", "target": "\x16\x03\x01"},
    ),
    "a connection without a word": ("combined", f'::1 - - {T} "-" 408 - "-" "-"', {"method": "", "status": 408}),
    "HTTP/0.9": ("common", f'::1 - - {T} "GET /a" 200 5', {"method": "GET", "target": "/a"}),
    "a target with spaces": ("common", f'::1 - - {T} "GET /a b c HTTP/1.1" 200 5', {"target": "/a b c"}),
    "a proxy's target": ("common", f'::1 - - {T} "GET http://e.org/x HTTP/1.1" 200 5', {"target": "http://e.org/x"}),
    "no status": ("common", f'::1 - - {T} "GET / HTTP/1.1" - -', {"status": None, "bytes": 0}),
    "NULs and bytes that are no UTF-8": ("combined", f'::1 - - {T} {GET} "\0" "\xff\xfe\0"', {"agent": "\xff\xfe\0"}),
    "Traefik in words": (
        "traefik-clf",
        f'192.0.2.7 - - {T} {GET} {TAIL} 42 "web@docker" "http://172.18.0.2:80" 12ms',
        {**FULL, "micros": 12_000},
    ),
    "AWS": (
        "aws-alb",
        f'{AWS} 200 200 34 17 "GET https://example.com:443/a?b=1 HTTP/1.1" "{FIREFOX}" ECDHE TLSv1.2 arn 0 new "f"',
        {**FULL, "target": "https://example.com:443/a?b=1", "referer": None, "port": 2817, "micros": 3000},
    ),
    "AWS, malformed": (
        "aws-alb",
        'http 2015-05-17T12:05:03.0Z app/lb/1 [2001:db8::1]:2817 - -1 -1 -1 400 - 0 2 "- http://e.org:80- -" "-" - "-"',
        {"method": "", "status": 400, "agent": "", "address": "2001:db8::1", "micros": 0},
    ),
}

CADDY = {
    "ts": 1431864303.25,
    "request": {
        "remote_ip": "10.0.0.1",
        "remote_port": "4711",
        "client_ip": "192.0.2.7",
        "proto": "HTTP/2.0",
        "method": "GET",
        "host": "example.com",
        "uri": "/a?b=1",
        "headers": {
            "User-Agent": [FIREFOX],
            "Cookie": ["REDACTED"],
            "Referer": ["https://example.org/"],
            "Accept": ["a", "b"],
        },
        "tls": {"version": 772},
    },
    "user_id": "",
    "duration": 0.000123,
    "size": 17,
    "status": 200,
}
OLD_CADDY = {
    "ts": 1431864303.25,
    "request": {"remote_addr": "[2001:db8::1]:4711", "method": "GET", "host": "e.com", "uri": "/", "headers": {}},
    "status": 200,
}
TRAEFIK = {
    "ClientAddr": "192.0.2.7:4711",
    "ClientHost": "192.0.2.7",
    "ClientPort": "4711",
    "ClientUsername": "-",
    "DownstreamContentSize": 17,
    "DownstreamStatus": 200,
    "Duration": 12_000_000,
    "RequestHost": "example.com",
    "RequestMethod": "GET",
    "RequestPath": "/a?b=1",
    "RequestScheme": "https",
    "StartUTC": "2015-05-17T12:05:03.000000001Z",
    "request_User-Agent": FIREFOX,
    "request_Referer": "https://example.org/",
}
CLOUDFLARE = {
    "ClientIP": "192.0.2.7",
    "ClientRequestHost": "example.com",
    "ClientRequestMethod": "GET",
    "ClientRequestURI": "/a?b=1",
    "ClientRequestUserAgent": FIREFOX,
    "ClientRequestReferer": "https://example.org/",
    "EdgeResponseBytes": 17,
    "EdgeResponseStatus": 200,
    "EdgeStartTimestamp": 1431864303000000000,
}
NGINX = {
    "time_iso8601": "2015-05-17T14:05:03+02:00",
    "remote_addr": "192.0.2.7",
    "remote_user": "",
    "request": "GET /a?b=1 HTTP/1.1",
    "status": "200",
    "body_bytes_sent": "17",
    "http_referer": "https://example.org/",
    "http_user_agent": FIREFOX,
    "request_time": "0.005",
    "host": "example.com",
}
OBJECTS = {
    "Caddy": (
        "caddy-json",
        CADDY,
        {**FULL, "time": NOON + 250_000, "port": 4711, "scheme": "https", "micros": 123, "headers": ...},
    ),
    "Caddy before 2.5": (
        "caddy-json",
        OLD_CADDY,
        {"address": "2001:db8::1", "port": 4711, "scheme": "http", "agent": "", "referer": ""},
    ),
    "Traefik": ("traefik-json", TRAEFIK, {**FULL, "port": 4711, "scheme": "https", "micros": 12_000, "user": ""}),
    "Traefik that keeps no headers": (
        "traefik-json",
        {key: value for key, value in TRAEFIK.items() if not key.startswith("request_")},
        {**FULL, "agent": None, "referer": None},
    ),
    "Cloudflare in ns": ("cloudflare-json", CLOUDFLARE, {**FULL, "host": "example.com"}),
    "Cloudflare in seconds": ("cloudflare-json", {**CLOUDFLARE, "EdgeStartTimestamp": 1431864303}, FULL),
    "Cloudflare in RFC 3339": ("cloudflare-json", {**CLOUDFLARE, "EdgeStartTimestamp": "2015-05-17T12:05:03Z"}, FULL),
    "nginx": ("json", NGINX, {**FULL, "micros": 5000, "host": "example.com", "user": ""}),
    "nginx by msec": ("json", {**NGINX, "msec": "1431864303.250"}, {**FULL, "time": NOON + 250_000}),
    "nginx by time_local": (
        "json",
        {**{key: value for key, value in NGINX.items() if key != "time_iso8601"}, "time_local": T.strip("[]")},
        FULL,
    ),
    "nginx behind a proxy": (
        "json",
        {**NGINX, "remote_addr": "10.0.0.1", "http_x_forwarded_for": "6.6.6.6, 192.0.2.7"},
        FULL,
    ),
    "an address with its port in JSON": ("json", {**NGINX, "remote_addr": "192.0.2.7:99"}, {**FULL, "port": 99}),
    "nginx in parts": (
        "json",
        {
            "ts": NOON // 1000,
            "ip": "192.0.2.7",
            "method": "GET",
            "uri": "/a",
            "args": "b=1",
            "status": 200,
            "bytes": 17,
        },
        {**PLAIN, "agent": None, "referer": None},
    ),
    "Apache": (
        "json",
        {
            "time": T.strip("[]"),
            "remoteIP": "192.0.2.7",
            "request": "/a",
            "query": "?b=1",
            "method": "GET",
            "status": "200",
            "userAgent": FIREFOX,
            "referer": "-",
        },
        {"method": "GET", "target": "/a?b=1", "agent": FIREFOX, "referer": ""},
    ),
    "a text in Unicode": ("json", {**NGINX, "http_user_agent": "Mozilla/☃"}, {"agent": "Mozilla/\xe2\x98\x83"}),
    "a lone surrogate": ("json", {**NGINX, "http_user_agent": "\ud800"}, {"agent": "\xed\xa0\x80"}),
}
TABLE = {**WORDS, **{name: (form, json.dumps(value), expected) for name, (form, value, expected) in OBJECTS.items()}}


def read(form: str, line: str) -> dict[str, object]:
    entry = FORMATS[form](line, 3)
    return {name: getattr(entry, name) for name in type(entry).__slots__}


@pytest.mark.parametrize("name", TABLE)
def test_a_line_says(name: str) -> None:
    form, line, expected = TABLE[name]
    entry = read(form, line)
    assert {key: entry[key] for key, value in expected.items() if value is not ...} == {
        key: value for key, value in expected.items() if value is not ...
    }
    assert entry["line"] == 3


@pytest.mark.parametrize("name", TABLE)
def test_its_format_is_guessed(name: str) -> None:
    form, line, _ = TABLE[name]
    assert guess(["not a log line", line]) == form


REFUSED = {
    "nothing": "",
    "no time": '192.0.2.7 - - "GET / HTTP/1.1" 200 5',
    "a day that is not": '::1 - - [31/Feb/2015:12:05:03 +0000] "GET / HTTP/1.1" 200 5',
    "a month that is not": '::1 - - [01/Foo/2015:12:05:03 +0000] "GET / HTTP/1.1" 200 5',
    "the year 0": '::1 - - [01/Jan/0000:12:05:03 +0000] "GET / HTTP/1.1" 200 5',
    "the year 9999": '::1 - - [01/Jan/9999:12:05:03 +0000] "GET / HTTP/1.1" 200 5',
    "before 1970": '::1 - - [01/Jan/1969:12:05:03 +0000] "GET / HTTP/1.1" 200 5',
    "a line that is cut": f'::1 - - {T} {GET} "-" "Mozilla/5.0',
    "a status of four digits": f'::1 - - {T} "GET / HTTP/1.1" 2000 5',
    "an endless number": f'::1 - - {T} "GET / HTTP/1.1" 200 {"9" * 5000}',
    "JSON that is cut": json.dumps(NGINX)[:-9],
    "JSON without end": "[" * 60_000,
    "a number without end": '{"ts":' + "9" * 6000 + ',"request":"GET / HTTP/1.1"}',
    "infinity for a time": '{"ts":1e999,"request":"GET / HTTP/1.1"}',
    "no number for a time": '{"ts":NaN,"request":"GET / HTTP/1.1"}',
    "an object for a time": '{"ts":{},"request":"GET / HTTP/1.1"}',
    "true for a time": '{"ts":true,"request":"GET / HTTP/1.1"}',
    "a list of lists": "[[]]",
    "another of Caddy's lines": '{"level":"info","ts":1431864303.1,"logger":"admin","msg":"stopped"}',
    "AWS with no numbers": TABLE["AWS"][1].replace("0.001", "0..01"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_format_reads(name: str) -> None:
    for form, parse in FORMATS.items():
        with pytest.raises(FormatError) as refused:
            parse(REFUSED[name], 1)
        assert refused.value.message.endswith("."), form
    assert guess([REFUSED[name]]) is None


START = f"::1 - - {T} "
MEGABYTE = {
    "quotes": '"' * 1_000_000,
    "escaped quotes": '\\"' * 500_000,
    "quotes after a good start": START + '"' * 1_000_000,
    "opened quotes": START + '"' + 'a "' * 300_000,
    "quoted fields": START + '"GET / HTTP/1.1" 200 1' + ' "a"' * 250_000 + ' "',
    "bare fields": START + '"GET / HTTP/1.1" 200 1' + " a" * 500_000 + ' "',
    "backslashes": START + '"' + "\\" * 1_000_001,
    "brackets": "[" * 1_000_000,
    "times": T * 40_000,
    "spaces": " " * 1_000_000,
    "words": "1 " * 500_000,
    "an address": "1" * 1_000_000,
    "a chain": START + '"GET / HTTP/1.1" 200 1 "-" "-" "' + "1," * 500_000 + '"',
    "braces": "{" * 1_000_000,
    "keys": "{" + ",".join(f'"{i}":1' for i in range(80_000)) + "}",
    "AWS": "https " * 160_000,
}


@pytest.mark.parametrize("name", MEGABYTE)
def test_a_megabyte_of_malice_takes_no_time(name: str) -> None:
    began = time.process_time()
    guess([MEGABYTE[name]])
    assert time.process_time() - began < 5


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
@example(b"\x00" * 300)
@example(b"\xff\xfe")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for parse in FORMATS.values():
        with suppress(FormatError):
            parse(data.decode("latin-1"), 1)


PIECES = st.sampled_from(
    ["192.0.2.7", " ", " - ", '"', "\\", '\\"', T, f" {T} ", GET, TAIL, "[", "]", "200", "\0", "é", ",", "x" * 50]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=20).map("".join))
def test_shuffled_pieces_of_lines_are_read_or_refused(line: str) -> None:
    for parse in FORMATS.values():
        try:
            entry = parse(line, 1)
        except FormatError:
            continue
        assert 0 <= entry.time < 2**53


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
KEYS = sorted({*CADDY, *CADDY["request"], *TRAEFIK, *CLOUDFLARE, *NGINX, "ts", "headers"})


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=30), st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_fields_of_any_type_are_read_or_refused(record: dict[str, object], request: dict[str, object]) -> None:
    for base in ({}, CADDY, TRAEFIK, CLOUDFLARE, NGINX):
        line = json.dumps({**base, **record, **({"request": request} if request else {})})
        for parse in FORMATS.values():
            try:
                entry = parse(line, 1)
            except FormatError:
                continue
            texts = (entry.address, entry.method, entry.target, entry.host, entry.scheme, entry.agent, entry.referer)
            assert all(text is None or isinstance(text, str) for text in texts)
            assert all(n is None or (isinstance(n, int) and n >= 0) for n in (entry.status, entry.bytes, entry.micros))


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_what_apache_escapes_comes_back(text: str) -> None:
    escaped = "".join(
        {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}.get(c, c if " " <= c <= "~" else f"\\x{ord(c):02x}")
        for c in text
    )
    assert unescape(escaped) == ("" if text == "-" else text)


@pytest.mark.parametrize(
    ("peer", "chain", "visitor"),
    [
        ("192.0.2.7", "1.1.1.1", "192.0.2.7"),
        ("10.0.0.1", "-", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("fd00::1", "[2001:db8::7]:99", "2001:db8::7"),
        ("10.0.0.1", "10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("10.0.0.1", "1" * 100_000, "10.0.0.1"),
        ("", "1.1.1.1, 192.0.2.7", "192.0.2.7"),
    ],
)
def test_only_the_sites_own_proxy_speaks_for_a_visitor(peer: str, chain: str, visitor: str) -> None:
    assert behind(peer, chain) == visitor


def test_a_method_is_a_word() -> None:
    assert request_line("GET / HTTP/1.1") == ("GET", "/")
    assert request_line("M-SEARCH * HTTP/1.1") == ("M-SEARCH", "*")
    assert request_line("\x01\x02 / HTTP/1.1")[0] == ""
    assert request_line("GET  HTTP/1.1")[0] == ""


def test_a_leap_second_is_a_time() -> None:
    assert written_time("30/Jun/2015:23:59:60 +0000") == written_time("01/Jul/2015:00:00:00 +0000")


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)),
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from(["", ".5", ".123456"]),
)
def test_a_time_is_the_moment_that_is_written(moment: datetime, ahead: int, fraction: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=ahead)))
    text = f"{moment:%d/%b/%Y:%H:%M:%S}{fraction} {moment:%z}"
    assert written_time(text) == int(moment.timestamp()) * 1_000_000 + round(float(fraction or 0) * 1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "17/May/2015:12:60:03 +0000",
        "17/May/2015:12:05:70 +0000",
        "17/May/2015:12:5:003 +0000",
        "17/May/2015x12:05:03 +0000",
        "17/May/2015:12:05:03",
        "17/May/2015:12:05:03 +0000 ",
        "17/May/2015:12:+5:03 +0000",
        "17/Mai/2015:12:05:03 +0000",
        "31/Jun/2015:12:05:03 +0000",
        "01/Jan/1970:00:00:00 +0001",
        "31/Dec/2199:23:59:59 -0001",
    ],
)
def test_what_is_no_time_is_refused_as_it_stands(text: str) -> None:
    for _ in range(2):  # an hour that was read before vouches for nothing
        written_time("17/May/2015:12:05:03 +0000")
        with pytest.raises(FormatError):
            written_time(text)


@pytest.mark.skipif(not ELASTIC.exists(), reason=f"{ELASTIC} is missing: 10,000 real lines go unread")
def test_ten_thousand_real_lines_are_read_as_another_parser_reads_them() -> None:
    oracle = apachelogs.LogParser(apachelogs.COMBINED)
    refused = []
    lines = ELASTIC.read_bytes().decode("latin-1").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            ours = FORMATS["combined"](line, number)
        except FormatError:
            refused.append(number)
            with pytest.raises(apachelogs.InvalidEntryError):
                oracle.parse(line)
            continue
        theirs = oracle.parse(line)
        method, target = theirs.request_line.split(" ")[:2]
        assert ours.time == theirs.request_time.timestamp() * 1_000_000
        assert (ours.address, ours.status, ours.bytes) == (
            theirs.remote_host,
            theirs.final_status,
            theirs.bytes_sent or 0,
        )
        assert (ours.method, ours.target, ours.user) == (method, target, theirs.remote_user or "")
        assert ours.agent == (theirs.headers_in["User-Agent"] or "")
        assert ours.referer == (theirs.headers_in["Referer"] or "")
    assert (len(lines), refused) == (10_000, [8899])  # the log itself is cut there, in the middle of an agent


@pytest.mark.skipif(not ILIOU.exists(), reason=f"{ILIOU} is missing: its sessions go unread")
def test_a_log_without_addresses_is_counted_by_session() -> None:
    rows = [row.split("\t") for row in ILIOU.read_bytes().decode("latin-1").splitlines()]
    assert guess([line for _, _, _, line in rows[:200]]) == "combined"
    for number, (_, session, epoch, line) in enumerate(rows, 1):
        entry = FORMATS["combined"](line, number)
        assert (entry.address, entry.time) == (session, int(epoch) * 1_000_000)
        assert entry.agent
        assert entry.agent.startswith("Mozilla/")
