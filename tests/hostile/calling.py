"""Call a guarded app in this process, by the ASGI alone, so that a scope can be as bad as no server would make it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scrapeguard import ScrapeGuard

Sent = list[dict[str, Any]]


async def site(scope: Any, receive: Any, send: Any) -> None:
    """The app behind the guard: 200 to everything."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def guard(folder: Path, **tables: Any) -> ScrapeGuard:
    return ScrapeGuard(site, {"evidence": {"directory": str(folder)}} | tables)


async def call(app: ScrapeGuard, scope: dict[str, Any]) -> Sent:
    """What the app sent for one request."""
    sent: Sent = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if scope["type"] == "websocket" else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def request(
    path: bytes = b"/page",
    headers: Iterable[tuple[bytes, bytes]] = (),
    client: Any = ("192.0.2.1", 50000),
    query: bytes = b"",
    **more: Any,
) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path.decode("utf-8", "surrogateescape"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": client,
        "server": ("127.0.0.1", 80),
    } | more
