"""WebSockets through the sidecar: messages, closes, sub-protocols and refusals pass as they are."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from proxying import QUICK, ask, events, head, sidecar, soon
from serving import Served
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol


class Site:
    """An echo server of another make, in a thread; it notes the handshakes, and how each connection ended."""

    def __init__(self) -> None:
        self.handshakes: list[Request] = []
        self.ends: list[tuple[int | None, str | None]] = []
        ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self.thread.start()
        assert ready.wait(10)

    async def _run(self, ready: threading.Event) -> None:
        self.loop, self.stopped = asyncio.get_running_loop(), asyncio.Event()
        async with serve(
            self._talk, "127.0.0.1", 0, process_request=self._greet, select_subprotocol=chosen, max_size=1 << 25
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self.stopped.wait()

    def _greet(self, _: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request)
        if request.path == "/no":
            return Response(HTTPStatus.UNAUTHORIZED, "Unauthorized", Headers({"X-Why": "no"}), b"not you")
        return None

    async def _talk(self, line: ServerConnection) -> None:
        try:
            if line.request is not None and line.request.path == "/bye":
                await line.close(4321, "enough")
            async for message in line:
                await line.send(message)
        except ConnectionClosed:
            pass
        finally:
            await line.wait_closed()
            self.ends.append((line.close_code, line.close_reason))

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)


def chosen(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("chat.v2") if "chat.v2" in offered else None


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def served(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("websocket") / "it"
    with sidecar(folder, f"http://127.0.0.1:{site.port}", config=QUICK) as running:
        yield running
        assert "Traceback" not in running.log(), running.log()


def talk(served: Served, story: Callable[[ClientConnection], Awaitable[None]], path: str = "/", **more: object) -> None:
    async def run() -> None:
        async with opened(served, path, **more) as line:
            await story(line)

    asyncio.run(run())


@asynccontextmanager
async def opened(served: Served, path: str, **more: object) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{served.port}{path}", proxy=None, max_size=1 << 25, **more) as line:  # type: ignore[arg-type]
        yield line


def test_messages_pass_both_ways_as_they_are(served: Served) -> None:
    async def story(line: ClientConnection) -> None:
        for message in ("grüezi", b"\x00\xff", "", b"", "x" * 1_000_000, b"y" * 3_000_000):
            await line.send(message)
            assert await line.recv() == message

    talk(served, story)


def test_a_thousand_messages_keep_their_order(served: Served) -> None:
    async def story(line: ClientConnection) -> None:
        async def send() -> None:
            for n in range(1000):
                await line.send(str(n))

        sending = asyncio.create_task(send())
        assert [await line.recv() for _ in range(1000)] == [str(n) for n in range(1000)]
        await sending

    talk(served, story)


def test_the_handshake_passes_and_says_where_it_came_from(site: Site, served: Served) -> None:
    async def story(line: ClientConnection) -> None:
        assert line.subprotocol == "chat.v2"

    headers = [("Cookie", "a=1"), ("X-Forwarded-For", "6.6.6.6"), ("Authorization", "Basic eDp5")]
    talk(served, story, "/room/a%2Fb?q=%20&&x", subprotocols=["chat.v1", "chat.v2"], additional_headers=headers)
    seen = site.handshakes[-1]
    assert seen.path == "/room/a%2Fb?q=%20&&x"
    assert (seen.headers["cookie"], seen.headers["authorization"]) == ("a=1", "Basic eDp5")
    assert seen.headers["host"] == f"127.0.0.1:{served.port}"
    assert seen.headers["x-forwarded-for"] == "127.0.0.1"
    assert "6.6.6.6" not in str(seen.headers)


def test_the_end_by_the_upstream_comes_to_the_visitor(served: Served) -> None:
    async def story(line: ClientConnection) -> None:
        with pytest.raises(ConnectionClosed) as closed:
            await line.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "enough")

    talk(served, story, "/bye")


def test_the_end_by_the_visitor_comes_to_the_upstream(site: Site, served: Served) -> None:
    async def story(line: ClientConnection) -> None:
        await line.close(4444, "done")

    talk(served, story)
    assert soon(lambda: bool(site.ends) and site.ends[-1] == (4444, "done"))


def test_a_visitor_who_vanishes_ends_the_connection_to_the_upstream(site: Site, served: Served) -> None:
    before = len(site.ends)

    async def story(line: ClientConnection) -> None:
        await line.send("x")
        await line.recv()
        line.transport.abort()

    talk(served, story)
    assert soon(lambda: len(site.ends) > before)


def test_a_refusal_by_the_upstream_is_the_visitors(served: Served) -> None:
    async def story(_: ClientConnection) -> None: ...

    with pytest.raises(InvalidStatus) as refused:
        talk(served, story, "/no")
    response = refused.value.response
    assert (response.status_code, response.headers["x-why"], response.body) == (401, "no", b"not you")


def test_an_upstream_that_is_gone_is_told_and_recorded(tmp_path_factory: pytest.TempPathFactory) -> None:
    async def story(_: ClientConnection) -> None: ...

    with sidecar(tmp_path_factory.mktemp("gone") / "it", "http://127.0.0.1:9") as alone:
        with pytest.raises(InvalidStatus) as refused:
            talk(alone, story)
        assert refused.value.response.status_code == 502
        assert head(ask(alone, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 502
        assert soon(lambda: [it["phase"] for it in events(alone)][:2] == ["connect"] * 2)


def test_what_passed_is_on_record(served: Served) -> None:
    async def story(_: ClientConnection) -> None: ...

    before = len(passed(served))
    talk(served, story)
    with pytest.raises(InvalidStatus):
        talk(served, story, "/no")
    assert soon(lambda: sorted(str(it["status"]) for it in passed(served)[before:]) == ["101", "401"])


def passed(served: Served) -> list[dict[str, object]]:
    return [record["what"] for record in served.records() if record["k"] == "request" and record["what"]["websocket"]]
