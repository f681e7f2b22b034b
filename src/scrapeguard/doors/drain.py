"""The end of a server under load: visitors first leave of their own accord, then the server ends.

A server that is told to end closes idle connections at once, and a request that is just then on its way is lost. So on
SIGTERM each response asks for a new connection next time, for some seconds; then no new ones are taken, and who has
just come is still served; only then the server is told.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LAST = 0.3  # seconds for the requests of those who have just come

log = logging.getLogger("scrapeguard.drain")


class Drain:
    """ASGI middleware, the outermost. `seconds` are asked for when the end begins; `stop` stops the listening."""

    def __init__(self, app: ASGIApp, seconds: Callable[[], float], stop: Callable[[], None] | None) -> None:
        self._app = app
        self._seconds = seconds
        self._stop = stop
        self._ending = False

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "lifespan" and threading.current_thread() is threading.main_thread():
            self._take_over(asyncio.get_running_loop())
        if self._ending and scope["type"] == "http":
            send = closing(send)
        return self._app(scope, receive, send)

    def _take_over(self, loop: asyncio.AbstractEventLoop) -> None:
        ends = signal.getsignal(signal.SIGTERM)
        if not callable(ends):
            return

        def end() -> None:
            seconds = 0.0 if self._ending else self._seconds()
            log.info("told to end; visitors are asked to close their connections for %g s", seconds)
            if self._stop is not None and not self._ending:
                loop.call_later(seconds, self._stop)
                seconds += LAST
            self._ending = True
            loop.call_later(seconds, ends, signal.SIGTERM, None)

        loop.add_signal_handler(signal.SIGTERM, end)


def closing(send: Send) -> Send:
    """A `send` that asks for a new connection next time."""

    async def asking_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return asking_send
