"""What an answer was, measured as it passes: its status, its bytes, and when the whole of it was out."""

import time

from starlette.types import Message, Send

from scrapeguard.notices.headers import Headers


class Meter:
    """A `send` that notes the status, counts body bytes, and when the whole body was out (0 = not yet).

    It adds the headers that tell robots what they may do, if there are any.
    """

    __slots__ = ("_send", "_told", "bytes", "ended", "status")

    def __init__(self, send: Send, told: Headers | None = None) -> None:
        self._send = send
        self._told = told
        self.status = 0
        self.bytes = 0
        self.ended = 0

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        last = False
        if kind in ("http.response.body", "websocket.http.response.body"):
            self.bytes += len(message.get("body", b""))
            last = not message.get("more_body", False)
        elif kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            if self._told and kind == "http.response.start":
                message = {**message, "headers": self._told.added(message.get("headers", ()))}
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close":
            self.status = self.status or 403
            last = True
        elif kind in ("http.response.pathsend", "http.response.zerocopysend"):
            last = not message.get("more_body", False)
        await self._send(message)
        if last:
            self.ended = time.perf_counter_ns()
