"""The end of a server under load: visitors first leave of their own accord, then the server ends.

A server that is told to end closes idle connections at once, and a request that is just then on its way is lost. So on
SIGTERM each response first asks for a new connection next time, for some seconds; only then the server is told.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("scrapeguard.proxy")


class Drain:
    """ASGI middleware, the outermost. `seconds` are asked for when the end begins."""

    def __init__(self, app: ASGIApp, seconds: Callable[[], float]) -> None:
        self._app = app
        self._seconds = seconds
        self._ending = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and threading.current_thread() is threading.main_thread():
            self._take_over(asyncio.get_running_loop())
        if self._ending and scope["type"] == "http":
            await self._app(scope, receive, closing(send))
        else:
            await self._app(scope, receive, send)

    def _take_over(self, loop: asyncio.AbstractEventLoop) -> None:
        ends = signal.getsignal(signal.SIGTERM)
        if not callable(ends):
            return

        def end() -> None:
            first, self._ending = not self._ending, True
            seconds = self._seconds() if first else 0
            log.info("told to end; connections are closed for %g s", seconds)
            loop.call_later(seconds, ends, signal.SIGTERM, None)

        loop.add_signal_handler(signal.SIGTERM, end)


def closing(send: Send) -> Send:
    """A `send` that asks for a new connection next time."""

    async def asking_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return asking_send
