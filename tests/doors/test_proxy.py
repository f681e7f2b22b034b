"""Through the sidecar a site sees the request as the visitor sent it, and the visitor the response as the site did."""

import asyncio
import hmac
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from proxying import OK, QUICK, Line, Upstream, ask, body, descriptors, head, sidecar, soon, upstream
from serving import Served

GET = b"GET %b HTTP/1.1\r\nHost: shop.example\r\n%b\r\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def served(site: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with sidecar(tmp_path_factory.mktemp("sidecar") / "it", site.url) as running:
        yield running


def told(site: Upstream, served: Served, request: bytes) -> bytes:
    """What the upstream got for a request, whole, after it was answered 200."""
    for line in site.lines:
        line.seen = b""
    answer = ask(served, request)
    assert head(answer)[0] == 200, answer
    return site.seen()


@pytest.mark.parametrize(
    "target",
    [b"/a%2Fb/%2e%2e/%zz", b"/?q=%20&&a=b=c&", b"//double//", b"/a;b=c,d'!()*~", b"/%C3%A4?%00", b"/" + b"x" * 8000],
)
def test_the_target_passes_byte_for_byte(site: Upstream, served: Served, target: bytes) -> None:
    assert told(site, served, GET % (target, b"")).startswith(b"GET " + target + b" HTTP/1.1\r\n")


def test_headers_keep_their_order_and_repetitions(site: Upstream, served: Served) -> None:
    seen = told(site, served, GET % (b"/", b"X-A: 1\r\nCookie: a=1\r\nX-A: 2\r\nX-B:  \xe9 \r\nCookie: b=2\r\n"))
    place = [seen.index(line) for line in (b"x-a: 1", b"cookie: a=1", b"x-a: 2", b"x-b: \xe9", b"cookie: b=2")]
    assert place == sorted(place)


def test_what_is_for_one_hop_only_does_not_pass(site: Upstream, served: Served) -> None:
    hop = (
        b"Connection: keep-alive, X-Secret, Host, Content-Length\r\nX-Secret: y\r\nKeep-Alive: timeout=5\r\n"
        b"TE: trailers\r\nProxy-Authorization: Basic eDp5\r\nProxy-Connection: close\r\nTrailer: x\r\n"
    )
    seen = told(site, served, GET % (b"/", hop + b"X-Kept: y\r\nAuthorization: Basic eDp5\r\n")).lower()
    for name in (b"connection", b"x-secret", b"keep-alive", b"te:", b"proxy-", b"trailer"):
        assert b"\r\n" + name not in seen
    assert b"\r\nhost: shop.example\r\n" in seen
    assert b"\r\nx-kept: y\r\n" in seen
    assert b"\r\nauthorization: basic edp5\r\n" in seen


def test_nothing_is_added_but_where_the_request_came_from(site: Upstream, served: Served) -> None:
    assert told(site, served, GET % (b"/", b"")) == (
        b"GET / HTTP/1.1\r\nhost: shop.example\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
        b'x-forwarded-host: shop.example\r\nforwarded: for=127.0.0.1;proto=http;host="shop.example"\r\n\r\n'
    )


FORGED = [
    b"X-Forwarded-For: 6.6.6.6", b"Forwarded: for=6.6.6.6", b"X-Real-IP: 6.6.6.6", b"X-Forwarded-Host: 6.6.6.6",
    b"X-Forwarded-Proto: 6.6.6.6", b"X-Forwarded-User: 6.6.6.6", b"X_Forwarded_For: 6.6.6.6",
    b"CF-Connecting-IP: 6.6.6.6", b"True-Client-IP: 6.6.6.6", b"X_Real_IP: 6.6.6.6", b"X-Original-URL: /6.6.6.6",
    b"CF_Connecting_IP: 6.6.6.6", b"Content_Length: 6.6.6.6", b"Transfer_Encoding: 6.6.6.6", b"Client-IP: 6.6.6.6",
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED)
def test_a_visitor_cannot_say_where_he_comes_from(site: Upstream, served: Served, forged: bytes) -> None:
    assert b"6.6.6.6" not in told(site, served, GET % (b"/", forged + b"\r\n"))


def test_a_trace_of_an_unknown_visitor_begins_anew(site: Upstream, served: Served) -> None:
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    seen = told(site, served, GET % (b"/", b"traceparent: " + trace + b"\r\ntracestate: a=b\r\n"))
    assert trace not in seen
    assert b"tracestate" not in seen
    assert b"\r\ntraceparent: 00-" in seen


@pytest.mark.parametrize(
    ("framing", "sent", "comes"),
    [
        (b"Content-Length: 5", b"hello", b"hello"),
        (b"Content-Length: 0", b"", b""),
        (b"Transfer-Encoding: chunked", b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    ],
)
def test_a_body_passes_as_it_was_framed(
    site: Upstream, served: Served, framing: bytes, sent: bytes, comes: bytes
) -> None:
    async def read_it(line: Line) -> None:
        await line.body(len(comes))
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    site.answers["/form"] = read_it
    request = b"POST /form HTTP/1.1\r\nHost: shop.example\r\n" + framing + b"\r\n\r\n" + sent
    seen = told(site, served, request)
    assert seen.endswith(b"\r\n\r\n" + comes)
    assert framing.lower() in seen.lower()


def test_a_response_keeps_status_headers_and_body(site: Upstream, served: Served) -> None:
    site.answers["/r"] = (
        b"HTTP/1.1 418 Teapot\r\nSet-Cookie: a=1\r\nX-Z: 1\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\n"
        b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nLocation: /elsewhere\r\nDate: never\r\n"
        b"Server: brand\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\xff"
    )
    answer = ask(served, GET % (b"/r", b"Accept-Encoding: gzip\r\n"))
    status, fields = head(answer)
    assert (status, body(answer)) == (418, b"\x1f\x8b\x00\xff")
    lines = answer.lower().split(b"\r\n")
    order = [lines.index(it) for it in (b"set-cookie: a=1", b"x-z: 1", b"set-cookie: b=2", b"content-encoding: gzip")]
    assert order == sorted(order)
    assert (fields["date"], fields["server"], fields["location"]) == ("never", "brand", "/elsewhere")
    assert "x-hop" not in fields
    assert "keep-alive" not in fields


def test_a_response_without_a_date_gets_one(served: Served) -> None:
    assert head(ask(served, GET % (b"/", b"")))[1]["date"].endswith(" GMT")


ODD_RESPONSES = {
    "of HTTP/1.0 that ends with the connection": (b"HTTP/1.0 200 OK\r\n\r\nall of it", 200, b"all of it"),
    "of HTTP/1.1 without a length": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", 200, b"all of it"),
    "with hints before it": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + OK, 200, b"ok"),
    "204 with a body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n", 304, b""),
    "206 of a range": (
        b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 1-2/9\r\nContent-Length: 2\r\n\r\nbc", 206, b"bc"
    ),
    "without a reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    "with a head of 100 KB": (OK.replace(b"\r\n", b"\r\nX: " + b"y" * 100_000 + b"\r\n", 1), 200, b"ok"),
    "with another behind it": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n", 200, b"ok"),
}  # fmt: skip


@pytest.mark.parametrize("what", ODD_RESPONSES)
def test_an_odd_response_comes_right(site: Upstream, served: Served, what: str) -> None:
    sent, status, whole = ODD_RESPONSES[what]

    async def once(line: Line) -> None:
        await line.write(sent)
        line.writer.close()

    site.answers["/odd"] = once
    answer = ask(served, GET % (b"/odd", b""))
    assert (head(answer)[0], body(answer).removeprefix(b"9\r\n").removesuffix(b"\r\n0\r\n\r\n")) == (status, whole)
    assert head(ask(served, GET % (b"/", b"")))[0] == 200
    assert "Traceback" not in served.log()


def test_head_has_the_length_and_no_body_and_the_connection_lives(site: Upstream, served: Served) -> None:
    site.answers["/h"] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with served.socket() as line:
        for _ in range(2):
            line.sendall(b"HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = line.recv(65536)
            assert b"content-length: 1000000\r\n" in answer
            assert body(answer) == b""


def test_parts_of_a_response_pass_as_they_come(site: Upstream, served: Served) -> None:
    """Server-sent events: each is there before the next is made."""
    go = threading.Event()

    async def events(line: Line) -> None:
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for n in range(3):
            await line.write(b"9\r\ndata: %d\n\n\r\n" % n)
            await asyncio.to_thread(go.wait, 5)
            go.clear()
        await line.write(b"0\r\n\r\n")

    site.answers["/events"] = events
    with served.socket() as line:
        line.sendall(GET % (b"/events", b""))
        got = b""
        for n in range(3):
            while b"data: %d\n\n" % n not in got:
                got += line.recv(65536)
            assert b"data: %d" % (n + 1) not in got
            go.set()


def test_an_upstream_is_asked_again_over_the_same_connection(site: Upstream, served: Served) -> None:
    before = len(site.lines)
    for _ in range(20):
        assert head(ask(served, GET % (b"/", b"")))[0] == 200
    assert len(site.lines) - before <= 1


def test_a_body_that_must_be_asked_for_is_sent_when_the_upstream_asks(site: Upstream, served: Served) -> None:
    asked = threading.Event()

    async def asks(line: Line) -> None:
        assert asked.wait(0) is False
        await line.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await line.body(5)
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    site.answers["/expect"] = asks
    with served.socket() as line:
        line.sendall(b"PUT /expect HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert line.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"hello")
        assert head(line.recv(65536))[0] == 200


def test_a_body_that_the_upstream_does_not_want_is_never_asked_for(site: Upstream, served: Served) -> None:
    site.answers["/refuse"] = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    with served.socket() as line:
        line.sendall(b"PUT /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        status, fields = head(line.recv(65536))
    assert (status, fields["connection"]) == (413, "close")


def test_a_fast_sender_waits_for_a_slow_reader(site: Upstream, served: Served) -> None:
    """Both ways: what the slower side has not taken stays with the sender, and not in the memory of the sidecar."""
    sent = 0

    async def pour(line: Line) -> None:
        nonlocal sent
        await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n")
        while sent < 400_000_000:
            await line.write(bytes(1_000_000))
            sent += 1_000_000

    site.answers["/pour"] = pour
    with served.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        line.sendall(GET % (b"/pour", b""))
        last = -1
        while last != sent:  # until it stands still
            last = sent
            time.sleep(0.2)
        assert 0 < sent < 40_000_000
    assert soon(lambda: site.lines[-1].writer.transport.is_closing() or site.lines[-1].reader.at_eof())


def test_a_visitor_who_goes_takes_his_request_with_him(site: Upstream, served: Served) -> None:
    """The upstream sees the connection close, long before it would have answered; nothing is left open."""
    gone = threading.Event()

    async def wait(line: Line) -> None:
        await line.reader.read(1)
        gone.set()

    site.answers["/slow"] = wait
    ask(served, GET % (b"/", b""))
    before = descriptors(served.process.pid)
    lines = [served.socket() for _ in range(5)]
    for line in lines:
        line.sendall(GET % (b"/slow", b""))
    time.sleep(0.2)
    for line in lines:
        line.close()
    assert gone.wait(0.35)  # before the upstream's time to answer is up
    assert soon(lambda: descriptors(served.process.pid) <= before)


def test_an_attested_address_passes_on_and_its_header_does_not(
    site: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The record says which addresses were attested, and no secret is in the evidence."""
    now, secret = int(time.time()), "s3cret"
    said = f"scrapeguard-edge-1\n{now}\n198.51.100.9\n\nGET\nshop.example".encode()
    stamp = f"t={now};a=198.51.100.9;j=;s={hmac.digest(secret.encode(), said, 'sha256').hex()}".encode()
    config = QUICK + f'[facts]\nattestation_header = "x-edge"\nattestation_secret = "{secret}"\n'
    with sidecar(tmp_path_factory.mktemp("edge") / "it", site.url, config=config) as edge:
        seen = told(site, edge, GET % (b"/", b"X-Edge: " + stamp + b"\r\n"))
        assert b"\r\nx-forwarded-for: 198.51.100.9\r\n" in seen
        assert b"x-edge" not in seen
        seen = told(site, edge, GET % (b"/", b"X-Edge: " + stamp.replace(b".9", b".8") + b"\r\n"))
        assert b"\r\nx-forwarded-for: 127.0.0.1\r\n" in seen
        assert b"x-edge" not in seen
        assert soon(lambda: sources(edge) == [("198.51.100.9", "attested"), ("127.0.0.1", "untrusted-header")])
        kept = [file.read_bytes() for file in (edge.folder / "evidence").rglob("*") if file.is_file()]
        assert not any(secret.encode() in it for it in kept)


def sources(served: Served) -> list[tuple[str, str]]:
    return [(it["who"]["address"], it["who"]["source"]) for it in served.records() if it["k"] == "request"]
