"""A WebSocket through the sidecar: messages both ways, each side's close told to the other."""

import asyncio
import logging
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from scrapeguard.doors.proxy.fleet import Fleet
from scrapeguard.doors.proxy.message import Request, incoming, outgoing
from scrapeguard.doors.proxy.upstream import Upstream
from scrapeguard.model import Facts

LONGEST = 1 << 24  # bytes of a message from the upstream; visitors' are bounded by their server
QUEUE = 4  # messages of the upstream that wait for a slow visitor
NOT_TOLD = frozenset((1005, 1006, 1015))  # codes that stand for a close without one (RFC 6455 7.4.1)
END_SECONDS = 2.0  # within which an upstream ends a connection that is closed, or broken
SHOWN = 1 << 16  # bytes of the page with which an upstream refuses that are passed on

log = logging.getLogger("scrapeguard.proxy.websocket")


class Ending:
    """Between a connection and its transport: ends it soon after its close, or a frame that breaks it.

    The package waits for the upstream to do so, for ever where nothing is sent any more, and the visitor with it.
    """

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._timer: asyncio.TimerHandle | None = None
        self.connection_lost = line.connection_lost
        self.eof_received = line.eof_received
        self.pause_writing, self.resume_writing = line.pause_writing, line.resume_writing
        line.transport.set_protocol(self)  # type: ignore[arg-type]  # whatever has these methods will do
        self._look()

    def data_received(self, data: bytes) -> None:
        self._line.data_received(data)
        self._look()

    def _look(self) -> None:
        if self._timer is None and self._line.protocol.close_expected():
            self._timer = asyncio.get_running_loop().call_later(END_SECONDS, self._line.transport.abort)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


@dataclass(slots=True)
class Tunnel:
    """`run` connects first and accepts the visitor then, so that what the upstream refuses is refused."""

    scope: Scope
    receive: Receive
    send: Send
    fleet: Fleet
    strip: frozenset[bytes]

    async def run(self, facts: Facts) -> None:
        """Raises UpstreamError when there is no connection, Malformed; nothing has been answered then."""
        if (await self.receive())["type"] != "websocket.connect":
            return
        request = outgoing(self.scope, facts, self.strip)
        upstream = self.fleet.choose()
        try:
            line = await self._connect(upstream, request)
        except InvalidStatus as refused:
            await self._refused(refused)
            return
        ending = Ending(line)
        try:
            accept = {"type": "websocket.accept", "subprotocol": line.subprotocol, "headers": _answered(line)}
            await self.send(accept)
            await self._pump(line)
        finally:
            ending.end()
            line.transport.abort()

    async def refuse(self, status: int) -> None:
        """Answer a handshake that was not accepted."""
        if "websocket.http.response" in (self.scope.get("extensions") or {}):
            fields = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
            await self.send({"type": "websocket.http.response.start", "status": status, "headers": fields})
            await self.send({"type": "websocket.http.response.body", "body": b""})
        else:
            await self.send({"type": "websocket.close"})

    async def _connect(self, upstream: Upstream, request: Request) -> ClientConnection:
        host, port = _authority(request.host) if self.fleet.settings.host == "preserve" else ("", None)
        path, _, query = request.target.decode("latin-1").partition("?")
        secure = upstream.tls is not None
        default = 443 if secure else 80
        uri = WebSocketURI(secure, host or upstream.host, (port or default) if host else upstream.port, path, query)
        offered = [Subprotocol(word) for word in self.scope.get("subprotocols", ())]
        protocol = ClientProtocol(uri, subprotocols=offered or None, max_size=LONGEST, logger=log)
        fields = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.fields
            if not name.startswith(b"sec-websocket-")
        ]
        settings = self.fleet.settings
        try:
            async with asyncio.timeout(settings.connect_seconds + settings.answer_seconds):
                line = await upstream.dial(
                    lambda: ClientConnection(protocol, ping_interval=None, max_queue=QUEUE, close_timeout=END_SECONDS)
                )
                await line.handshake(Headers(fields), user_agent_header=None)
        except InvalidStatus:
            raise
        except TimeoutError as error:
            raise upstream.blamed("timeout", 504, "did not answer a handshake", "answer") from error
        except (InvalidHandshake, ConnectionClosed, OSError) as error:
            said = f"did not answer a handshake with one ({error})"
            raise upstream.blamed("garbage", 502, said, "answer") from error
        return line

    async def _pump(self, line: ClientConnection) -> None:
        """Pass messages both ways until one side closes, and tell the other with the same code."""
        up, down = asyncio.create_task(self._up(line)), asyncio.create_task(self._down(line))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _up(self, line: ClientConnection) -> None:
        """What the visitor sends."""
        try:
            while True:
                message = await self.receive()
                if message["type"] == "websocket.disconnect":
                    code = message.get("code") or 1005
                    if code in NOT_TOLD:
                        await line.close()
                    else:
                        await line.close(code, (message.get("reason") or "")[:120])
                    return
                text = message.get("text")
                await line.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            return

    async def _down(self, line: ClientConnection) -> None:
        """What the upstream sends."""
        try:
            while True:
                message = await line.recv()
                kind = "text" if isinstance(message, str) else "bytes"
                await self.send({"type": "websocket.send", kind: message})
        except ConnectionClosed as closed:
            heard = closed.rcvd
            code = 1000 if heard is not None and heard.code in NOT_TOLD else 1011 if heard is None else heard.code
            reason = "" if heard is None else heard.reason
            await self.send({"type": "websocket.close", "code": code, "reason": reason})

    async def _refused(self, refused: InvalidStatus) -> None:
        """The upstream answered the handshake with a page: pass it on where the server can send one."""
        response = refused.response
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await self.send({"type": "websocket.close"})
            return
        raw = _pairs(response.headers)
        body = bytes(response.body or b"")[:SHOWN]
        fields = [it for it in incoming(raw, response.status_code) if it[0] != b"content-length"]
        fields.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "websocket.http.response.start", "status": response.status_code, "headers": fields})
        await self.send({"type": "websocket.http.response.body", "body": body})


def _answered(line: ClientConnection) -> list[tuple[bytes, bytes]]:
    """The headers of the upstream's handshake that are for the visitor, such as cookies."""
    assert line.response is not None
    kept = incoming(_pairs(line.response.headers), 101)
    return [it for it in kept if not it[0].startswith(b"sec-websocket-") and it[0] not in (b"date", b"server")]


def _pairs(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.raw_items()]


def _authority(host: bytes) -> tuple[str, int | None]:
    """Host and port of a Host header; "" and None where there is none."""
    text = host.decode("latin-1")
    name, colon, port = text.rpartition(":")
    if colon and port.isdigit() and len(port) <= 5:
        return name.strip("[]"), int(port)
    return text.strip("[]"), None
