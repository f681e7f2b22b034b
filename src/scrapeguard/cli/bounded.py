"""HTTP/1.1 as uvicorn speaks it, with bounds that it has not: how long a head and a part of a body may take, how large
a head may be. Whoever sends a byte a second to many connections keeps none of them.

A head that is too large gets 431, a target that is too long 414, one that does not come in time 408, another version
505; a body that stops coming, or trailers without end, end the connection. Nothing of such a request reaches the app.
Nor do trailers: uvicorn adds them to the headers, where a visitor's would pass for what a proxy has set. An answer of
which nothing is taken for body_seconds ends the connection, too.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from scrapeguard.cli.joined import Joined
from scrapeguard.cli.unframed import unframed
from scrapeguard.sidecar import ServerSettings

LINGER = 1.0  # seconds in which what still comes is thrown away: to close at once would take the answer back
LAST = 0.3  # seconds for the request of somebody who has just connected, when the server ends


NOTHING, HEAD, BODY, WASTE = range(4)  # what is coming; numbers, as they are looked at four times a request


class Refused(Exception):
    """Ends the parsing of a request."""


class Bounded(HttpToolsProtocol):
    """One connection. In nearly every request head and end come at once, so that no timer is set for it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        bounds: ServerSettings,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = bounds
        self._part = NOTHING
        self._asked = False  # whether there was a request on this connection
        self._size = 0  # bytes that have come since the last request was complete, or the last part of a body
        self._heard = 0.0  # when the last part of a body came
        self._timer: asyncio.TimerHandle | None = None
        self._idle = 0.0  # since when nobody is answered, in the loop's time; 0 = somebody is
        self._answer = (400, "")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._joined = Joined(transport, self.loop, self._bounds.body_seconds)
        super().connection_made(self._joined)
        self._arm(self._bounds.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._end_keep_alive()
        self._joined.forget()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._joined.watch()

    def resume_writing(self) -> None:
        self._joined.taking = True
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        before = self._part
        if before == WASTE:
            return
        self._size += len(data)
        super().data_received(data)
        now = self._part
        if now == NOTHING:
            if self._timer is not None:
                if self._asked:
                    self._disarm()
            elif self.cycle.response_complete:  # line ends that begin nothing
                self._arm(self._bounds.head_seconds)
        elif now == HEAD:
            if self._size > self._bounds.head_bytes:
                self._refuse(*self._too_large())
            elif self._timer is None or before == BODY:
                self._arm(self._bounds.head_seconds)
        elif now == BODY:
            if self._size > self._bounds.head_bytes:  # nothing but trailers, or what may be said beside a chunk
                self._refuse(*self._too_large())
                return
            self._heard = self.loop.time()
            if before != BODY:
                self._arm(self._bounds.body_seconds)

    def handle_websocket_upgrade(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:  # the answer before would come amid messages
            self._refuse(400, "")
            return
        self._disarm()
        self._end_keep_alive()
        self._part = WASTE  # of which nothing comes here
        self._joined.flush()
        self._joined.forget()
        self.transport = self._joined.plain
        super().handle_websocket_upgrade()
        if not getattr(self.transport.get_protocol(), "handshake_initiated", True):  # uvicorn would keep it for ever
            self._refuse(400, "The handshake of a WebSocket is a GET without a body, with lines of a usual length.")

    def on_message_begin(self) -> None:
        self._part = HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        many = len(self.headers) > self._bounds.headers or len(self.url) > self._bounds.target_bytes
        if many or (self._size > self._bounds.head_bytes and self._exact() > self._bounds.head_bytes):
            self._answer = self._too_large()
            raise Refused
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._answer = (505, "HTTP/1.1 is spoken here.")
            raise Refused
        self._part, self._asked, self._size = BODY, True, 0
        super().on_headers_complete()
        self.headers = self.headers.copy()  # the app has the other one: what comes now are trailers
        if version == "1.0" and self.cycle is not None:
            self.cycle.waiting_for_100_continue = False  # RFC 9110 10.1.1
            self.cycle.send = unframed(self.cycle)  # type: ignore[method-assign, assignment]

    def on_body(self, body: bytes) -> None:
        self._size = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = NOTHING
        self._size = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As uvicorn has it, but for the timer: to set and end one for each request costs 2 us."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_alive(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """The time that a connection may be idle is over, if it was idle all the time."""
        self.timeout_keep_alive_task = None
        if self._idle:
            left = self._idle + self.timeout_keep_alive - self.loop.time()
            if left > 0:
                self._keep_alive(left)
            else:
                super().timeout_keep_alive_handler()

    def _keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """What uvicorn calls when something comes."""
        self._idle = 0.0

    def _end_keep_alive(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when parsing fails."""
        status, sentence = self._answer
        self._refuse(status, sentence or msg)

    def _unsupported_upgrade_warning(self) -> None:
        """The request is served as if it had not asked; what has come behind it is lost, so that none can follow."""
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self.transport.close()

    def shutdown(self) -> None:
        if not self._asked and self._part is not WASTE:
            self.loop.call_later(LAST, super().shutdown)
        else:
            super().shutdown()

    def _exact(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> tuple[int, str]:
        if len(self.url) > self._bounds.target_bytes:
            return 414, f"The target of a request may have {self._bounds.target_bytes} bytes."
        return 431, f"The head of a request may have {self._bounds.headers} lines and {self._bounds.head_bytes} bytes."

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._part is HEAD:
            self._refuse(408, "The request did not come in time.")
        elif self._part is BODY:
            left = self._heard + self._bounds.body_seconds - self.loop.time()
            if left > 0 or self.flow.read_paused:  # then it is us who do not take more
                self._arm(max(left, 0.1))
            else:
                self.transport.abort()
        else:
            self.transport.close()

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer in place of the app, and close."""
        self._disarm()
        self._part = WASTE
        if self.cycle is not None and not self.cycle.response_complete:  # it would come amid the answer before
            self.transport.abort()
            return
        body = f"{sentence}\n".encode()
        head = b"content-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\nconnection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n%b\r\n%b" % (STATUS_LINE[status], len(body), head, body))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER, self.transport.close)
