"""HTTP at its edges: trailers, versions, upgrades that nobody understands; nothing there passes for what it is not."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from proxying import OK, QUICK, Line, Upstream, ask, body, complete, head, resident, sidecar, upstream
from serving import Served

TRUSTING = QUICK + '[facts]\ntrusted_proxies = ["127.0.0.1"]\n[server]\nhead_bytes = 20000\n'
CHUNKED = b"POST /form HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        running.answers["/form"] = form
        yield running


@pytest.fixture(scope="module")
def served(site: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A sidecar that believes what its peer says about the visitor."""
    with sidecar(tmp_path_factory.mktemp("wire") / "it", site.url, config=TRUSTING) as running:
        yield running
        assert "Traceback" not in running.log()


async def form(line: Line) -> None:
    """Reads a body in chunks to its end."""
    while not (await line.read(b"\r\n")).startswith(b"0"):
        pass
    await line.read(b"\r\n")
    await line.write(OK)


def test_a_trailer_is_no_header_whatever_it_is_called(site: Upstream, served: Served) -> None:
    """HAProxy passes a visitor's trailers on behind the headers that it has set itself."""
    trailers = b"X-Forwarded-For: 6.6.6.6\r\nHost: b\r\nCookie: a=b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    for request in (CHUNKED + b"0\r\n" + trailers + b"\r\n", CHUNKED + b"5\r\nhello\r\n0\r\n" + trailers + b"\r\n"):
        assert head(ask(served, request))[0] == 200
        seen = site.seen().rpartition(b"POST /form")[2]
        assert b"\r\nx-forwarded-for: 198.51.100.7\r\n" in seen
        assert b"6.6.6.6" not in seen
        assert b"cookie" not in seen


@pytest.mark.parametrize("rest", [b"0\r\nX: %b", b"0\r\n%b", b"5;%b"], ids=["a trailer", "trailers", "an extension"])
def test_what_comes_beside_a_body_without_end_takes_neither_memory_nor_time(served: Served, rest: bytes) -> None:
    before = resident(served.process.pid)
    sent = 0
    with served.socket() as line:
        line.sendall(CHUNKED)
        piece = b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 1000 if rest == b"0\r\n%b" else b"x" * 40_000
        try:
            line.sendall(rest % piece)
            while sent < 20_000_000:
                line.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
    assert sent < 20_000_000
    assert resident(served.process.pid) - before < 8 << 20
    assert head(ask(served, GET))[0] == 200


def test_a_body_in_small_chunks_is_as_long_as_it_likes(served: Served) -> None:
    with served.socket() as line:
        line.sendall(CHUNKED)
        for _ in range(100):
            line.sendall(b"1;a=b\r\nx\r\n" * 100)
        line.sendall(b"0\r\nX-Sum: 1\r\n\r\n")
        assert head(line.recv(65536))[0] == 200


@pytest.mark.parametrize("version", [b"0.9", b"2.0"])
def test_another_version_is_refused_and_passes_nothing_on(site: Upstream, served: Served, version: bytes) -> None:
    before = site.seen()
    assert head(ask(served, GET.replace(b"1.1", version)))[0] == 505
    assert head(ask(served, b"GET /\r\n\r\n"))[0] == 505
    assert site.seen() == before


def test_who_speaks_http_1_0_gets_no_chunks(site: Upstream, served: Served) -> None:
    """RFC 9112 6.1: its body ends with the connection."""
    site.answers["/parts"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    answer = whole(served, b"/parts")
    assert body(answer) == b"abcdef"
    fields = head(answer)[1]
    assert (fields.get("transfer-encoding"), fields["connection"]) == (None, "close")
    answer = whole(served, b"/")
    assert (body(answer), head(answer)[1]["content-length"]) == (b"ok", "2")
    answer = whole(served, b"/robots.txt")
    assert head(answer)[0] == 200


def whole(served: Served, path: bytes) -> bytes:
    """What comes back to a request of HTTP/1.0 until the server closes."""
    with served.socket() as line:
        line.sendall(b"GET %b HTTP/1.0\r\nHost: a\r\n\r\n" % path)
        answer = b""
        while part := line.recv(65536):
            answer += part
    return answer


def test_who_speaks_http_1_0_is_not_told_to_continue(site: Upstream, served: Served) -> None:
    """RFC 9110 10.1.1: he does not know what that is, and does not wait for it."""

    async def read(line: Line) -> None:
        await line.body(5)
        await line.write(OK)

    site.answers["/put"] = read
    asked = b"PUT /put HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"
    assert ask(served, asked).startswith(b"HTTP/1.1 200 ")


def test_what_follows_an_upgrade_that_is_not_made_is_not_read_from_its_middle(site: Upstream, served: Served) -> None:
    """The parser drops what came with it; a rest that comes later would be taken for a request of its own."""
    before = len(site.heads())
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with served.socket() as line:
        line.sendall(upgrade + b"GET /second HTTP/1.1\r\nHost: a\r\nX: ")
        answer = b""
        while not complete(answer, upgrade):
            answer += line.recv(65536)
        assert (head(answer)[0], head(answer)[1]["connection"]) == (200, "close")
        with suppress(OSError):
            line.sendall(b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n")
            assert line.recv(65536) == b""
    assert len(site.heads()) - before <= 1
    assert b"/hidden" not in site.seen()
