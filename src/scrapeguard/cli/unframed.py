"""Answers to HTTP/1.0, which knows no chunks (RFC 9112 6.1): a body of no known length ends with the connection."""

from collections.abc import Callable, Coroutine
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def unframed(cycle: RequestResponseCycle) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """`cycle.send`, but that it never writes chunks; to be put in its place before the app runs."""
    send, free = cycle.send, False

    async def plain_send(message: dict[str, Any]) -> None:
        nonlocal free
        if message["type"] == "http.response.start":
            free = not any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            cycle.chunked_encoding = False if free else None
        elif free:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)  # type: ignore[arg-type]  # uvicorn has types of its own for these

    return plain_send
