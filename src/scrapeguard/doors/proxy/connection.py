"""One connection to an upstream: HTTP/1.1 from the client's side, one exchange at a time, and never a whole body."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from scrapeguard.errors import UpstreamError

Fields = list[tuple[bytes, bytes]]

FULL = 1 << 18  # bytes of a body that wait here before the upstream is told to pause
LONGEST_HEAD = 1 << 18  # bytes of a response before its head is complete


class Vanished(Exception):
    """The visitor has gone before the response was complete."""


class Connection(asyncio.Protocol):
    """`begin` sends a request; then `head` and `body` wait for what comes back. `ended` is called when it closes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended: Callable[[Connection], None] | None = None
        self.used = False  # it has carried an exchange before
        self.since = 0.0  # when it was last left idle, in the loop's time
        self.closed = False
        self.silent = True  # no byte of a response has arrived since `begin`
        self.uploading = False  # the body of the request is still on its way: the upstream need not answer yet
        self.continued = False  # the upstream has asked for the body (100)
        self.status = 0  # of the response, once its head is complete
        self.fields: Fields = []
        self.named: dict[bytes, bytes] = {}  # the same, of repeated ones the last
        self.trailers: Fields = []
        self.done = True  # nothing more of the response will come
        self.error: UpstreamError | Vanished | None = None
        self._loop = loop
        self._parser: httptools.HttpResponseParser | None = None
        self._bodiless = False
        self._framed = False  # the response says where it ends
        self._clean = True  # what came ended where it should, so that another exchange can follow
        self._chunks: deque[bytes] = deque()
        self._waiting = 0  # bytes in the chunks
        self._heading = 0  # bytes since `begin`, until the head is complete
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._deadline, self._seconds, self._phase = 0.0, 0.0, ""
        self._timer: asyncio.TimerHandle | None = None

    # What an exchange does

    def begin(self, request: bytes, bodiless: bool) -> None:
        """Send the head of a request, and maybe its body; `bodiless` when the response to it has none (HEAD)."""
        self.silent, self.done, self.error, self.status = True, False, None, 0
        self.uploading = self.continued = self._framed = False
        self.fields, self.trailers = [], []
        self._bodiless, self._heading = bodiless, 0
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    async def head(self, seconds: float) -> None:
        """Wait until `status` and `fields` are there. Raises UpstreamError, Vanished."""
        while not self.status:
            await self._wait(seconds, "answer")

    async def go_ahead(self, seconds: float) -> None:
        """Wait until the upstream asks for the body or answers without it, but not longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not self.continued and not self.status:
                    await self._wait(seconds + 1, "answer")
        except TimeoutError:
            self._waiter = None  # upstreams need not answer; then the body is sent as if it had

    async def body(self, seconds: float) -> bytes:
        """What has come of the body since; b"" = it is complete. Raises UpstreamError, Vanished."""
        while not self._chunks:
            if self.done and self.error is None:
                return b""
            await self._wait(seconds, "body")
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        if self._paused and not self.closed:
            self._paused = False
            self._transport.resume_reading()
        return data

    def exhausted(self) -> bool:
        """Whether the whole response has come and was taken."""
        return self.done and not self._chunks and self.error is None

    async def send(self, data: bytes, seconds: float) -> None:
        """Send a part of the request's body; waits while the upstream is slower. Raises UpstreamError, Vanished."""
        if self.error is not None:
            raise self.error
        self._transport.write(data)
        if self._drained is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self._drained
            except TimeoutError:
                self.fail(UpstreamError("timeout", 504, f"took no part of the request for {seconds:g} s", "send"))
            if self.error is not None:
                raise self.error

    def sent(self) -> None:
        """The body of the request is sent: from now on the upstream is expected to answer."""
        self.uploading = False
        self._deadline = self._loop.time() + self._seconds

    def fail(self, error: UpstreamError | Vanished) -> None:
        """End the exchange, and the connection with it."""
        if not self.done or self._chunks:
            self.error = self.error or error
        self.done = True
        self._transport.abort()
        self._wake()

    def reusable(self) -> bool:
        """Whether another exchange can follow."""
        return self.done and self._clean and not self.closed and not self.uploading and self.error is None

    def close(self) -> None:
        if self.done and not self.uploading:
            self._transport.close()
        else:
            self._transport.abort()

    async def _wait(self, seconds: float, phase: str) -> None:
        if self.error is not None:
            raise self.error
        self._seconds, self._phase = seconds, phase
        self._deadline = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._late)
        elif self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._late)
        self._waiter = self._loop.create_future()
        await self._waiter

    def _late(self) -> None:
        self._timer = None
        if self._waiter is None or self.closed:
            return
        now = self._loop.time()
        if self.uploading:
            self._deadline = now + self._seconds
        if self._deadline > now:
            self._timer = self._loop.call_at(self._deadline, self._late)
            return
        what = "did not answer" if self._phase == "answer" else "sent nothing more"
        self.fail(UpstreamError("timeout", 504, f"{what} for {self._seconds:g} s", self._phase))

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        if self.done or self._parser is None:  # nobody asked
            self._clean = False
            self._transport.abort()
            return
        self.silent = False
        if not self.status:
            self._heading += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._clean = False
            if not self.done:
                self.fail(UpstreamError("garbage", 502, f"sent what is no HTTP response: {error}", "answer"))
        if not self.status and self._heading > LONGEST_HEAD and not self.done:
            self.fail(UpstreamError("garbage", 502, f"sent headers of more than {LONGEST_HEAD} bytes", "answer"))
        if self._waiting > FULL and not self._paused and not self.closed:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
        if not self.done:
            self.done = True
            if not self.status or self._framed or error is not None:
                when = "before it answered" if not self.status else "before its response was complete"
                self.error = UpstreamError("closed", 502, f"closed the connection {when}", "answer")
        self._wake()
        self.resume_writing()
        if self.ended is not None:
            self.ended(self)

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the parser finds

    def on_header(self, name: bytes, value: bytes) -> None:
        (self.trailers if self.status else self.fields).append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.status or self._parser is None:  # a second response to one request
            self._clean = False
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self.continued = self.continued or status == 100
            self.fields, self._heading = [], 0
            self._wake()
            return
        self.status = status
        self.named = dict(self.fields)
        self._framed = b"content-length" in self.named or b"transfer-encoding" in self.named
        if self._bodiless:
            self._clean = self._parser.should_keep_alive()
            self._parser = None  # this one waits for a body that does not come
            self.done = True
        self._wake()

    def on_body(self, data: bytes) -> None:
        if self.done:
            self._clean = False
            return
        self._chunks.append(data)
        self._waiting += len(data)
        self._wake()

    def on_message_complete(self) -> None:
        if not self.status or self.done or self._parser is None:
            return
        self._clean = self._clean and self._parser.should_keep_alive()
        self.done = True
        self._wake()
