"""One request through the sidecar: to the upstream and back, both bodies streamed, the slower side setting the pace."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from scrapeguard.doors.proxy.connection import Connection, Vanished
from scrapeguard.doors.proxy.fleet import Fleet
from scrapeguard.doors.proxy.lookout import Lookout
from scrapeguard.doors.proxy.message import Request, codings, incoming
from scrapeguard.doors.proxy.upstream import Upstream
from scrapeguard.errors import UpstreamError

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"))  # RFC 9110 9.2.2
GO_AHEAD = 1.0  # seconds an upstream has to ask for a body that the visitor holds back (RFC 9110 10.1.1)


@dataclass(slots=True, eq=False)
class Exchange:
    """`run` serves the visitor. Raises UpstreamError before a response has started; after that it is cut short."""

    request: Request
    fleet: Fleet
    scope: Scope
    receive: Receive
    send: Send
    now: Callable[[], bytes]  # the Date of a response that has none
    lookout: Lookout
    started: bool = False  # the response to the visitor
    upstream: Upstream | None = None
    _first: bytes = b""  # of the request's body, read before there is a connection
    _more: bool = False  # of the body is to come
    _connection: Connection | None = None
    _task: "asyncio.Task[None] | None" = None  # sends the body; then, or instead, watches for the visitor's leaving

    async def run(self) -> None:
        self.lookout.enter(self._watch, asyncio.get_running_loop())
        try:
            if await self._begin_body():
                await self._ask()
                await self._answer(self._asked())
        except Vanished:
            return
        except UpstreamError as error:
            if self.upstream is not None:
                error.upstream = self.upstream.url
            raise
        finally:
            self.lookout.leave(self._watch)
            self._give_back()

    async def _begin_body(self) -> bool:
        """Read the first part of the body; False when the visitor has gone. One who waits to be asked is not asked."""
        if self.request.framing == "none" or self.request.expects:
            self._more = self.request.framing != "none"
            return True
        message = await self.receive()
        if message["type"] != "http.request":
            return False
        self._first, self._more = message.get("body", b""), message.get("more_body", False)
        return self._more or self._whole(len(self._first))

    def _whole(self, length: int) -> bool:
        """Whether a body of this length is the one that was announced; a server may end one that broke off early."""
        return self.request.framing == "chunked" or length == self.request.length

    async def _ask(self) -> None:
        """Send the request, and wait for the head of the response.

        Another is tried only when the one before was kept from earlier, died without a byte of response, no part of a
        body was sent, and the request may be made twice.
        """
        again = self.request.method in IDEMPOTENT and self.request.framing == "none"
        while True:
            self.upstream, self._connection = await self.fleet.take()
            connection = self._connection
            try:
                await self._send_head(connection)
            except UpstreamError as error:
                if not (again and connection.used and connection.silent and error.kind == "closed"):
                    raise
                self._give_back()
            else:
                return

    def _asked(self) -> Connection:
        assert self._connection is not None
        return self._connection

    def _give_back(self) -> None:
        """Nobody sends or watches any more, and the connection is free, or closed where more was to come."""
        if self._task is not None:
            self._task.cancel()
        connection, self._connection = self._connection, None
        if connection is not None and self.upstream is not None:
            self.upstream.give(connection)

    async def _send_head(self, connection: Connection) -> None:
        request, settings = self.request, self.fleet.settings
        assert self.upstream is not None
        keep = settings.host == "preserve" and request.host
        head = request.head(request.host if keep else self.upstream.authority)
        connection.begin(head + self._part(self._first, last=not self._more), request.method == "HEAD")
        if self._more:
            connection.uploading = True
            if request.expects:
                await connection.go_ahead(GO_AHEAD)
            if not connection.status:
                self._task = asyncio.get_running_loop().create_task(self._upload(connection))
        await connection.head(settings.answer_seconds)

    def _part(self, data: bytes, last: bool) -> bytes:
        """A part of the request's body as it is written."""
        if self.request.framing != "chunked":
            return data
        return (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + (b"0\r\n\r\n" if last else b"")

    async def _upload(self, connection: Connection) -> None:
        """Send the rest of the body, then look out for the visitor's leaving."""
        sent, more = len(self._first), True
        try:
            while more:
                message = await self.receive()
                if message["type"] != "http.request":
                    connection.fail(Vanished())
                    return
                body, more = message.get("body", b""), message.get("more_body", False)
                sent += len(body)
                if self.request.framing == "sized" and (sent > self.request.length or not (more or self._whole(sent))):
                    connection.fail(Vanished())
                    return
                if part := self._part(body, last=not more):
                    await connection.send(part, self.fleet.settings.send_seconds)
        except (UpstreamError, Vanished):
            return  # whoever waits for the response is told the same
        connection.sent()
        await self._look_out(connection)

    def _watch(self) -> None:
        """Look out for the visitor's leaving once an answer takes long; whoever sends a body sees it himself."""
        loop = asyncio.get_running_loop()
        if self._connection is None:
            self.lookout.enter(self._watch, loop)
        elif self._task is None and not self._more:
            self._task = loop.create_task(self._look_out(self._connection))

    async def _look_out(self, connection: Connection) -> None:
        """End the exchange when the visitor goes."""
        while (await self.receive())["type"] == "http.request":
            pass
        connection.fail(Vanished())

    async def _answer(self, connection: Connection) -> None:
        """Pass the response on."""
        status, named = connection.status, connection.named
        if status < 200 or status > 599:
            raise UpstreamError("garbage", 502, f"answered with status {status}", "answer")
        if b"transfer-encoding" in named and codings(connection.fields) != [b"chunked"]:
            raise UpstreamError("garbage", 502, "used a transfer coding that is not known here", "answer")
        headers = incoming(connection.fields, status)
        if b"date" not in named:
            headers.append((b"date", self.now()))
        if self._more and self._task is None:  # answered without asking for the body, which may come or not
            headers.append((b"connection", b"close"))
        trailing = "http.response.trailers" in (self.scope.get("extensions") or {})
        start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
        if trailing:
            start["trailers"] = True
        self.started = True
        await self.send(start)
        idle, whole = self.fleet.settings.idle_seconds, False
        while not whole:
            body = await connection.body(idle)
            whole = connection.exhausted()
            await self.send({"type": "http.response.body", "body": body, "more_body": not whole})
        if trailing:
            await self.send({"type": "http.response.trailers", "headers": connection.trailers, "more_trailers": False})
