"""An idle connection is closed once nobody has asked anything over it for as long as it is kept, and not before."""

import asyncio
import contextlib
import socket
import time
from typing import Any

import uvicorn

from scrapeguard.cli import serving
from scrapeguard.sidecar import ServerSettings

KEPT = 0.6  # seconds


async def _app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    await asyncio.sleep(1.5 * KEPT if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def _begun() -> None:
    pass


async def _kept(*pauses: float, path: str = "/") -> list[float]:
    """After how many seconds each request after its pause was answered, and the connection closed."""
    config = serving.configured(lambda: _app, serving.Manner(ServerSettings(), end_seconds=1), _begun)
    config.timeout_keep_alive = KEPT  # type: ignore[assignment]  # seconds; a fraction will do
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve([bound]))
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        times, began = [], time.monotonic()
        for pause in pauses:
            await asyncio.sleep(pause)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            times.append(time.monotonic() - began)
        assert await reader.read() == b""
        times.append(time.monotonic() - began)
        writer.close()
        server.should_exit = True
        await task
    return times


def test_it_is_kept_from_the_last_answer_on() -> None:
    *_, last, closed = asyncio.run(_kept(0, KEPT * 0.6, KEPT * 0.6))
    assert KEPT * 0.95 < closed - last < KEPT * 2


def test_a_slow_answer_is_no_idle_time() -> None:
    *_, last, closed = asyncio.run(_kept(0, path="/slow"))
    assert last > KEPT
    assert KEPT * 0.95 < closed - last < KEPT * 2
