"""FastCGI for Apache, which asks no one over HTTP (mod_authnz_fcgi): its question as one to forward-auth, and back.

Of FastCGI 1.0 what an authorizer needs: one request on a connection, no body. Apache takes "Status: 200" for yes, and
sets the variables that come with it; any other answer is the visitor's.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapeguard.doors.visitor import CHECK

log = logging.getLogger("scrapeguard.auth")

HEAD = struct.Struct(">BBHHBx")  # version, type, request, bytes of content, bytes of padding
END, PARAMS, STDOUT = 3, 4, 6  # types of records
MOST = 65_536  # bytes of a question; Apache passes on at most 8 KB a header, 100 headers
PATIENCE = 5.0  # seconds for a question to arrive
OWN = ("x-sg-", "x-forwarded-")  # headers of which a visitor's own copy is not believed

Pairs = list[tuple[bytes, bytes]]


def beside(app: ASGIApp, bound: socket.socket) -> ASGIApp:
    """The app, which is forward-auth, with its answers given at a bound socket too, in FastCGI."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                number, params = await _question(reader)
            writer.write(_records(number, await _ask(app, _scope(params, writer.get_extra_info("peername")))))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError, struct.error) as error:
            log.warning("a FastCGI question cannot be answered: %r", error)
        finally:
            writer.close()

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        server = await asyncio.start_server(answer, sock=bound)
        try:
            await app(scope, receive, send)
        finally:
            server.close()

    return both


async def _question(reader: asyncio.StreamReader) -> tuple[int, dict[str, bytes]]:
    """The number of a request and its CGI variables. Raises ValueError for what is no FastCGI."""
    params = b""
    while True:
        version, kind, number, length, padding = HEAD.unpack(await reader.readexactly(HEAD.size))
        if version != 1 or len(params) + length > MOST:
            raise ValueError(f"version {version}, {len(params) + length} bytes")
        content = (await reader.readexactly(length + padding))[:length]
        if kind == PARAMS and length:
            params += content
        elif kind == PARAMS:
            return number, dict(_pairs(params))


def _pairs(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and values; a length below 128 takes one byte, others four."""
    place = 0
    while place < len(data):
        lengths = []
        for _ in range(2):
            wide = data[place] >> 7
            lengths.append(struct.unpack_from(">I", data, place)[0] & 0x7FFFFFFF if wide else data[place])
            place += 4 if wide else 1
        name, value = data[place : place + lengths[0]], data[place + lengths[0] : place + sum(lengths)]
        place += sum(lengths)
        if place > len(data):
            raise ValueError("a length is wrong")
        yield name.decode("latin-1"), value


def _scope(params: dict[str, bytes], peer: object) -> Scope:
    """Apache's variables as a question over HTTP from the same peer; the visitor's own word on these is left out."""
    headers: Pairs = []
    for name, value in params.items():
        header = name.removeprefix("HTTP_").lower().replace("_", "-")
        if name.startswith("HTTP_") and not header.startswith(OWN) and header != "forwarded":
            headers.append((header.encode("latin-1"), value))
    headers += [
        (b"x-forwarded-uri", params.get("REQUEST_URI", b"")),
        (b"x-forwarded-method", params.get("REQUEST_METHOD", b"")),
        (b"x-forwarded-for", params.get("REMOTE_ADDR", b"")),
        (b"x-forwarded-proto", b"https" if params.get("HTTPS", b"").lower() == b"on" else b"http"),
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": CHECK,
        "raw_path": CHECK.encode(),
        "query_string": b"mode=generic",
        "root_path": "",
        "headers": headers,
        "client": peer[:2] if isinstance(peer, tuple) else None,
        "server": None,
    }


async def _ask(app: ASGIApp, scope: Scope) -> bytes:
    """The app's answer as a CGI response.

    Apache makes text/html of every refusal: the media type goes in X-SG-Type, from which apache.conf restores it, and
    data says nothing that would be markup where it does not.
    """
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    headers: Pairs = start["headers"]
    lines = [b"Status: %d" % start["status"]]
    if start["status"] == 200:
        lines.append(b"Variable-SG_USER: visitor")  # Apache demands a name of whoever is let through
        lines += [
            b"Variable-%b: %b" % (name.upper().removeprefix(b"X-").replace(b"-", b"_"), value)
            for name, value in headers
            if name.startswith(b"x-sg-")
        ]
    else:
        lines += [b"%b: %b" % pair for pair in headers if pair[0] != b"content-length"]
        lines.append(b"X-SG-Type: %b" % dict(headers).get(b"content-type", b"text/plain"))
    body = b"".join([message.get("body", b"") for message in rest])
    if b"html" not in dict(headers).get(b"content-type", b""):
        body = body.replace(b"<", b"\\u003c")
    return b"\r\n".join([*lines, b"", body])


def _records(number: int, response: bytes) -> bytes:
    """The response on standard output, its end, and the end of the request: status 0, complete."""
    out = b""
    for place in range(0, len(response), 65_528):
        part = response[place : place + 65_528]
        out += HEAD.pack(1, STDOUT, number, len(part), 0) + part
    return out + HEAD.pack(1, STDOUT, number, 0, 0) + HEAD.pack(1, END, number, 8, 0) + bytes(8)
