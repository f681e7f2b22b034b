"""The lifespan of an app, passed on, so that we end with it; where the app has none, the server is answered for it."""

import logging
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("scrapeguard")


async def lifespan(
    app: ASGIApp, close: Callable[[], Awaitable[None]], scope: Scope, receive: Receive, send: Send
) -> None:
    """Pass the lifespan on; an app that has none raises at once, as Django's does, or returns.

    `close` is awaited before the server hears that the shutdown is complete: it waits for nothing after that.
    """
    has_one = False

    async def watching_receive() -> Message:
        nonlocal has_one
        has_one = True
        return await receive()

    async def closing_send(message: Message) -> None:
        nonlocal has_one
        has_one = True
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await close()
        await send(message)

    try:
        await app(scope, watching_receive, closing_send)
    except Exception as error:
        if has_one:  # and it failed
            raise
        log.debug("the app has no lifespan: %r", error)
    if not has_one:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await closing_send({"type": "lifespan.shutdown.complete"})
