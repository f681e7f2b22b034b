"""What our own servers put up with: slow heads, slow bodies, silence, and heads without end; others are served on."""

import asyncio
import base64
import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from fronts import auth
from proxying import OK, QUICK, Line, ask, body, complete, descriptors, head, sidecar, soon, upstream
from serving import Served

BOUNDS = """
[server]
head_seconds = 1.0
body_seconds = 1.0
head_bytes = 20000
headers = 50
target_bytes = 2000
"""
PATIENT = '[guard]\nmode = "observe"\n[proxy]\ndrain_seconds = 0.1\n'
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WELL = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def opened(door: str, folder: Path) -> Iterator[tuple[Served, bytes]]:
    """A server of ours, and a request that it answers 200."""
    if door == "auth":
        with auth(folder / "it", '[facts]\ntrusted_proxies = ["127.0.0.1"]\n' + BOUNDS) as served:
            yield served, WELL
    else:
        with upstream() as site, sidecar(folder / "it", site.url, config=QUICK + BOUNDS) as served:
            yield served, GET


@pytest.mark.parametrize("door", ["proxy", "auth"])
def test_two_hundred_that_send_a_byte_now_and_then_stop_nobody_and_are_closed(door: str, tmp_path: Path) -> None:
    with opened(door, tmp_path) as (served, request):
        before = descriptors(served.process.pid)
        began = time.monotonic()
        slow = [served.socket() for _ in range(200)]
        for line in slow[:100]:
            line.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        longest = 0.0
        while time.monotonic() < began + 0.9:
            for line in slow[:100]:
                line.sendall(b"a")  # and the other hundred say nothing at all
            asked = time.monotonic()
            assert head(ask(served, request))[0] == 200
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.1)
        assert longest < 0.5
        answers = []
        for line in slow:
            line.settimeout(5)
            answers.append(line.recv(65536).partition(b"\r\n")[0])
            line.close()
        assert answers == [b"HTTP/1.1 408 Request Timeout"] * 100 + [b""] * 100
        assert time.monotonic() - began < 4
        assert soon(lambda: descriptors(served.process.pid) <= before + 2)
        assert head(ask(served, request))[0] == 200


def long(lines: int = 0, size: int = 0, target: int = 1) -> bytes:
    fields = b"".join(b"X-%d: a\r\n" % number for number in range(lines))
    return b"GET /%b HTTP/1.1\r\nHost: a\r\n%bX: %b\r\n\r\n" % (b"a" * (target - 1), fields, b"b" * size)


HEADS = (
    (long(), 200),
    (long(lines=47, size=15_000, target=2000), 200),
    (long(lines=49), 431),
    (long(size=20_000), 431),
    (long(size=500_000), 431),
    (long(lines=100_000), 431),
    (long(target=2001), 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 30_000, 431),  # without an end
    (b"GET /" + b"a" * 30_000, 414),
    (b"\x16\x03\x01\x02\x00" + b"a" * 30_000, 400),
)


def test_a_head_that_is_too_large_is_refused_and_never_seen_by_the_site(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK + BOUNDS) as served:
        for request, status in HEADS:
            before = site.seen()
            answer = ask(served, request)
            assert head(answer)[0] == status, request[:40]
            if status != 200:
                assert head(answer)[1]["connection"] == "close"
                assert body(answer).endswith((b".\n", b"received.\n"))
                assert site.seen() == before
        assert served.process.poll() is None
        assert "Traceback" not in served.log()


def test_a_head_that_comes_after_a_request_is_bounded_as_well(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK + BOUNDS) as served:
        for second, said in ((long(lines=60), b"431"), (b"GET / HTT", b"408"), (b"\r\n", b"")):
            with served.socket() as line:
                for _ in range(3):
                    line.sendall(GET)
                    answer = b""
                    while not complete(answer, GET):
                        answer += line.recv(65536)
                    assert head(answer)[0] == 200
                line.sendall(second)
                assert said in line.recv(65536)[:20]
                line.settimeout(5)
                assert line.recv(65536) == b""


def test_a_body_that_stops_coming_ends_the_request_at_the_site_too(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK + BOUNDS) as served:
        ended: list[bool] = []

        async def swallow(line: Line) -> None:
            try:
                await line.body(100)
            finally:
                ended.append(True)

        site.answers["/slow"] = swallow
        with served.socket() as line:
            line.sendall(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"a" * 50)
            with suppress(ConnectionResetError):
                assert line.recv(65536) == b""
        assert soon(lambda: ended == [True])


def test_a_body_that_the_site_takes_slowly_is_waited_for(tmp_path: Path) -> None:
    """The visitor would send on; it is the site that does not take more."""
    size = 8 << 20

    async def later(line: Line) -> None:
        await asyncio.sleep(2.5)
        left = size
        while left:
            left -= len(await line.reader.read(1 << 16))
        await line.write(OK)

    config = '[guard]\nmode = "observe"\n' + BOUNDS
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=config) as served:
        site.answers["/later"] = later
        with served.socket() as line:
            line.settimeout(10)
            line.sendall(b"PUT /later HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            line.sendall(bytes(size))
            assert head(line.recv(65536))[0] == 200


def test_a_websocket_may_be_silent(tmp_path: Path) -> None:
    async def echo(line: Line) -> None:
        key = line.head.lower().partition(b"sec-websocket-key: ")[0]
        key = line.head[len(key) :].split(b"\r\n")[0].split(b": ")[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        await line.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        await asyncio.sleep(30)

    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK + BOUNDS) as served:
        site.answers["/ws"] = echo
        with served.socket() as line:
            line.sendall(
                b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            line.settimeout(2)
            assert b" 101 " in line.recv(65536)
            with pytest.raises(socket.timeout):
                line.recv(65536)


UPGRADE = b" / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
HANDSHAKES = {
    "with a body": b"GET" + UPGRADE + b"Content-Length: 5\r\n\r\nhello",
    "with a body that does not come": b"GET" + UPGRADE + b"Content-Length: 5\r\n\r\n",
    "in chunks": b"POST" + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "with a long line": b"GET" + UPGRADE + b"X: " + b"y" * 10_000 + b"\r\n\r\n",
    "behind a request": GET + b"GET" + UPGRADE + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
}


def test_no_handshake_of_a_websocket_keeps_a_connection_for_ever(tmp_path: Path) -> None:
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=QUICK + BOUNDS) as served:
        before = descriptors(served.process.pid)
        for what, handshake in HANDSHAKES.items():
            with served.socket() as line:
                line.settimeout(4)
                line.sendall(handshake)
                answer = b""
                with suppress(ConnectionResetError):
                    while part := line.recv(65536):
                        answer += part
                assert answer[:12] in (b"", b"HTTP/1.1 400"), what
        assert soon(lambda: descriptors(served.process.pid) <= before + 1, 15)
        assert "Traceback" not in served.log()


def test_an_answer_that_is_not_taken_ends_with_its_connection(tmp_path: Path) -> None:
    """Else a few who ask for much and read nothing have all connections to the site."""

    async def pour(line: Line) -> None:
        with suppress(OSError):
            await line.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(9_000_000))

    with upstream() as site, sidecar(tmp_path / "it", site.url, config=PATIENT + BOUNDS) as served:
        site.answers["/pour"] = pour
        assert head(ask(served, GET))[0] == 200
        before = descriptors(served.process.pid)
        with ExitStack() as open_:
            for _ in range(5):
                line = open_.enter_context(socket.socket())
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                line.connect(("127.0.0.1", served.port))
                line.sendall(b"GET /pour HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert soon(lambda: descriptors(served.process.pid) >= before + 5)
            assert soon(lambda: descriptors(served.process.pid) <= before + 1, 20)
        assert "Traceback" not in served.log()


def test_an_answer_that_is_taken_slowly_is_sent_to_its_end(tmp_path: Path) -> None:
    size = 3_000_000
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=PATIENT + BOUNDS) as served:
        site.answers["/much"] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", served.port))
            line.sendall(b"GET /much HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            got, began = 0, time.monotonic()
            while part := line.recv(65536):
                got += len(part)
                if time.monotonic() < began + 3:
                    time.sleep(0.02)
        assert got > size


def test_more_connections_than_are_allowed_are_told_so(tmp_path: Path) -> None:
    config = QUICK + "[server]\nconnections = 5\n"
    with upstream() as site, sidecar(tmp_path / "it", site.url, config=config) as served:
        idle = [served.socket() for _ in range(6)]
        assert soon(lambda: head(ask(served, GET))[0] == 503)
        for line in idle:
            line.close()
        assert soon(lambda: head(ask(served, GET))[0] == 200)
