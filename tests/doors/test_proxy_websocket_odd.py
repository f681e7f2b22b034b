"""A WebSocket's upstream at its worst: false handshakes, broken frames, ends without a word; nothing of it harms."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator

import pytest
from proxying import OK, QUICK, Answer, Line, Upstream, ask, head, sidecar, soon, upstream
from serving import Served
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
HELLO = b"\x81\x05hello"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def served(site: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with sidecar(tmp_path_factory.mktemp("odd") / "it", site.url, config=QUICK) as running:
        yield running
        assert "Traceback" not in running.log(), running.log()


def accepted(line: Line) -> bytes:
    """The upstream's side of a handshake that is right, without its end."""
    found = re.search(rb"(?i)\r\nsec-websocket-key: (\S+)\r\n", line.head)
    assert found is not None
    digest = hashlib.sha1(found[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest()
    return SWITCHED + b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n"


def after(frames: bytes, stay: bool = False) -> Answer:
    """An upstream that accepts, says this, and goes; or stays until the other side goes."""

    async def answer(line: Line) -> None:
        await line.write(accepted(line) + b"\r\n" + frames)
        if stay:
            await line.reader.read()
        line.writer.close()

    return answer


def talk(served: Served, path: str, story: Callable[[ClientConnection], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with connect(f"ws://127.0.0.1:{served.port}{path}", proxy=None, close_timeout=2) as line:
            await story(line)

    asyncio.run(whole())


FALSE: dict[str, bytes | Answer] = {
    "accepts without proof": SWITCHED + b"\r\n",
    "accepts with another's proof": SWITCHED + b"Sec-WebSocket-Accept: c2NyYXBlZ3VhcmQgc2F5cyBubw==\r\n\r\n",
    "changes to another protocol": SWITCHED.replace(b"websocket", b"h2c") + b"\r\n",
    "chooses a sub-protocol that nobody offered": lambda line: line.write(
        accepted(line) + b"Sec-WebSocket-Protocol: chat\r\n\r\n"
    ),
    "adds an extension that nobody offered": lambda line: line.write(
        accepted(line) + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ),
    "answers with no HTTP": b"\x81\x05hello\r\n\r\n",
    "never ends its head": lambda line: line.write(SWITCHED + b"X: " + b"a" * 100_000),
}


@pytest.mark.parametrize("what", FALSE)
def test_a_handshake_of_an_upstream_that(site: Upstream, served: Served, what: str) -> None:
    """… is refused with 502 or 504, and no frame of it reaches the visitor."""
    site.answers["/false"] = FALSE[what]

    async def story(_: ClientConnection) -> None:
        pytest.fail("it was accepted")

    with pytest.raises(InvalidStatus) as caught:
        talk(served, "/false", story)
    assert caught.value.response.status_code in (502, 504)
    assert b"hello" not in bytes(caught.value.response.body or b"")


def test_200_instead_of_a_handshake_is_shown_as_it_is_and_opens_nothing(site: Upstream, served: Served) -> None:
    site.answers["/plain"] = OK

    async def story(_: ClientConnection) -> None:
        pytest.fail("it was accepted")

    with pytest.raises(InvalidStatus) as caught:
        talk(served, "/plain", story)
    assert caught.value.response.status_code == 200


BROKEN = {
    "a frame with a mask": b"\x81\x85\x00\x00\x00\x00hello",
    "a reserved bit": b"\xc1\x05hello",
    "an unknown kind": b"\x83\x00",
    "a text that is no UTF-8": b"\x81\x02\xff\xff",
    "a continuation of nothing": b"\x80\x05hello",
    "a ping in two pieces": b"\x09\x01a",
    "a message that is longer than all memory": b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a close with half a code": b"\x88\x01\x03",
    "a close with a code that is none": b"\x88\x02\x03\xed",
    "half a frame": b"\x81\x7e\x01",
    "nothing": b"",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_a_connection_ends_it_for_the_visitor_too(site: Upstream, served: Served, what: str) -> None:
    """… after what was right before it; with the code for an error of the server, and at once."""
    site.answers["/broken"] = after(HELLO + BROKEN[what], stay=what not in ("half a frame", "nothing"))

    async def story(line: ClientConnection) -> None:
        async with asyncio.timeout(5):
            assert await line.recv() == "hello"
            with pytest.raises(ConnectionClosed) as caught:
                await line.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1011

    talk(served, "/broken", story)
    assert soon(lambda: all(line.writer.transport.is_closing() for line in site.lines if b" /broken " in line.head))
    assert head(ask(served, GET))[0] == 200


def test_a_message_in_pieces_with_pings_between_is_one(site: Upstream, served: Served) -> None:
    site.answers["/pieces"] = after(
        b"\x01\x02he" + b"\x89\x01a" + b"\x00\x01l" + b"\x8a\x00" + b"\x80\x02lo", stay=True
    )

    async def story(line: ClientConnection) -> None:
        async with asyncio.timeout(5):
            assert await line.recv() == "hello"

    talk(served, "/pieces", story)


def test_frames_that_come_with_the_handshake_are_not_lost(site: Upstream, served: Served) -> None:
    site.answers["/early"] = after(HELLO * 100 + b"\x88\x02\x03\xe8", stay=True)

    async def story(line: ClientConnection) -> None:
        async with asyncio.timeout(5):
            assert [message async for message in line] == ["hello"] * 100

    talk(served, "/early", story)
