"""Attacks: whatever a visitor writes, the upstream reads those requests that the guard has judged, and no other."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httptools
import pytest
from proxying import OK, Line, Upstream, ask, head, sidecar, soon, upstream
from serving import Served

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data")
REQUESTS = DATA / "bad-requests" / "gunicorn"

INNER = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
ATTACKS = {
    "a length beside chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n" + INNER,
    "chunks beside a length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n"
    b"0\r\n\r\n" + INNER,
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 37\r\n\r\n" + INNER,
    "two lengths in one": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 37\r\n\r\n" + INNER,
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +37\r\n\r\n" + INNER,
    "a length in hexadecimal": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x25\r\n\r\n" + INNER,
    "a length after a space": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 37\r\n\r\n" + INNER,
    "a length with underscores": b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 37\r\n\r\n" + INNER,
    "an obscure coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n" + INNER,
    "chunked not last": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n" + INNER,
    "a coding with a vertical tab": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n"
    + INNER,
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + INNER,
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bare return in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\rGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n" + INNER,
    "a folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 37\r\n\r\n" + INNER,
    "a chunk size that overflows": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"10000000000000000\r\n\r\n" + INNER,
    "a chunk extension with a line feed": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;\nhello\r\n0\r\n\r\n" + INNER,
    "a chunk ended by a bare line feed": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\nhello\n0\n\n" + INNER,
    "a trailer that is a length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\nContent-Length: 37\r\n\r\n",
    "a length named away by Connection": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\n"
    b"Content-Length: 37\r\n\r\n" + INNER,
    "a body that an upgrade hides": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 37\r\n\r\n" + INNER,
    "a tunnel": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + INNER,
    "a WebSocket that is none": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 777\r\n\r\n" + INNER,
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n",
    "a host with a space": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a host with a quote": b'GET / HTTP/1.1\r\nHost: a";for=6.6.6.6\r\n\r\n',
    "a target with a space": b"GET /a HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target with a return": b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    """Answers any request in full, body and all, and notes what it has understood."""
    with upstream() as running:
        running.answers = Reading()  # type: ignore[assignment]
        yield running


class Reading(dict[str, object]):
    """The same answer for every path: the body is read first."""

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        return read_whole


async def read_whole(line: Line) -> None:
    top = line.head.lower()
    if b"\r\ntransfer-encoding: chunked" in top:
        while (size := int((await line.read(b"\r\n")).split(b";")[0], 16)) > 0:
            await line.body(size + 2)
        await line.read(b"\r\n")
    elif b"\r\ncontent-length: " in top:
        await line.body(int(top.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))
    await line.write(OK)


@pytest.fixture(scope="module")
def served(site: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with sidecar(tmp_path_factory.mktemp("smuggling") / "it", site.url) as running:
        yield running


class Strict:
    """What a strict parser of another make reads in the bytes that came to the upstream."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.complete = 0
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.requests.append(url)

    def on_message_complete(self) -> None:
        self.complete += 1


def understood(site: Upstream) -> list[bytes]:
    """The targets of the requests that came, each of them well-formed. Fails on anything else."""
    found: list[bytes] = []
    for line in site.lines:
        if seen := line.asked():
            reader = Strict()
            reader.parser.feed_data(seen)
            assert b"\n" not in re.sub(rb"\r\n", b"", seen.partition(b"\r\n\r\n")[0])
            found += reader.requests
    return found


def judged(served: Served) -> list[str]:
    """The paths of the requests that the guard has let through, as they are on record."""
    return [record["who"]["path"] for record in served.records() if record["k"] == "request" and "who" in record]


def clear(site: Upstream) -> None:
    for line in site.lines:
        line.seen = b""


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_with(site: Upstream, served: Served, what: str) -> None:
    """… is refused, or passes as what the guard has judged: nothing comes to the upstream unseen."""
    clear(site)
    before = len(judged(served))
    answer = ask(served, ATTACKS[what], patience=1)
    assert answer[:9] in (b"", b"HTTP/1.1 ")
    assert answer[9:10] in (b"", b"2", b"4", b"5")
    assert head(ask(served, b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 200  # and no answer is left for others
    assert soon(lambda: "/after" in judged(served)[before:])
    assert soon(lambda: not Counter(it.decode() for it in understood(site)) - Counter(judged(served)[before:]))
    assert b"6.6.6.6" not in site.seen()
    assert "Traceback" not in served.log()


@pytest.mark.skipif(not REQUESTS.is_dir(), reason=f"{REQUESTS} is missing: no collection of bad requests to send")
def test_a_collection_of_requests_passes_well_formed_or_not_at_all(site: Upstream, served: Served) -> None:
    files = sorted(REQUESTS.rglob("*.http"))
    assert len(files) > 100
    clear(site)
    before = len(judged(served))  # counted over all of them: on a slow machine one comes while the next is sent
    for file in files:
        answer = ask(served, wire(file.read_bytes()), patience=0.15)
        assert answer[9:10] in (b"", b"1", b"2", b"4", b"5"), (file.name, answer[:200])
        assert answer[9:12] not in (b"500", b"502"), (file.name, answer[:200])
        came = len(understood(site))
        assert soon(lambda: came <= len(judged(served)) - before), file.name  # noqa: B023
    assert "Traceback" not in served.log()


def wire(text: bytes) -> bytes:
    """A request of the collection as sent: the files spell control characters out and have line ends for reading."""
    for written, meant in ((b"\n", b""), (rb"\r\n", b"\r\n"), (rb"\0", b"\0"), (rb"\n", b"\n"), (rb"\t", b"\t")):
        text = text.replace(written, meant)
    return text
