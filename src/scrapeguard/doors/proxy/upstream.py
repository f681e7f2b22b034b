"""One upstream: where it is, the connections to it that are kept, and whether it is thought to be well."""

import asyncio
import errno
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from scrapeguard.doors.proxy.connection import Connection
from scrapeguard.errors import ConfigError, UpstreamError
from scrapeguard.sidecar import ProxySettings

NO_DESCRIPTORS = "is not asked: we have no file descriptors left; raise their limit (ulimit -n, LimitNOFILE)"

P = TypeVar("P", bound=asyncio.Protocol)


class Upstream:
    """Connections are handed out by `take` and come back by `give`. Raises ConfigError for a URL that is none."""

    def __init__(self, url: str, settings: ProxySettings, folder: Path) -> None:
        self.url = url
        self.settings = settings
        self.socket = url.removeprefix("unix:").replace("//", "/", 1) if url.startswith("unix:") else ""
        self.tls: ssl.SSLContext | None = None
        self.host, self.port, self.authority = "localhost", 80, b"localhost"
        if not self.socket:
            self._locate(url, folder)
        self.busy = 0  # exchanges under way
        self.resting = 0.0  # until when it is left alone after a failure, in the loop's time
        self.well = True  # what the last check of its health said
        self._retired = False
        self._open = 0
        self._idle: list[Connection] = []
        self._queue: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    def _locate(self, url: str, folder: Path) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or port == 0 or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError(f"The upstream {url!r} is no address.", 'Write it like "http://127.0.0.1:8080".')
        secure = parts.scheme == "https"
        self.host, self.port = host, port or (443 if secure else 80)
        self.authority = parts.netloc.encode("idna" if not parts.netloc.isascii() else "ascii")
        if secure:
            ca = self.settings.ca_file
            try:
                self.tls = ssl.create_default_context(cafile=str(folder / ca) if ca else None)
            except OSError as error:
                raise ConfigError(f"proxy.ca_file: {ca} cannot be used ({error}).", "Name a PEM file.") from error
            self.tls.set_alpn_protocols(["http/1.1"])

    def usable(self, now: float) -> bool:
        return self.well and now >= self.resting

    async def take(self, fresh: bool = False) -> Connection:
        """A connection, kept or new (`fresh`: new). Raises UpstreamError."""
        loop = asyncio.get_running_loop()
        while True:
            while self._idle and not fresh:
                kept = self._idle.pop()
                if not kept.closed and loop.time() - kept.since <= self.settings.keep_seconds:
                    self.busy += 1
                    return kept
                kept.close()
            if self._open < self.settings.connections:
                break
            if self._idle:  # a fresh one is wanted: it takes the place of a kept one
                self._idle.pop(0).close()
            await self._turn(loop)
        self._open += 1
        self.busy += 1
        made: Connection | None = None
        try:
            made = await self.dial(lambda: Connection(loop))
        finally:
            if made is None:
                self.busy -= 1
                self._open -= 1
                self._next()
        made.ended = self._closed
        return made

    def give(self, connection: Connection) -> None:
        """Return a connection after an exchange; one that cannot be used again is closed."""
        self.busy -= 1
        if not connection.reusable() or self._retired:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.used, connection.since = True, loop.time()
        self._idle.append(connection)
        self._next()
        if self._sweeper is None:
            self._sweeper = loop.call_later(self.settings.keep_seconds, self._sweep, loop)

    def retire(self) -> None:
        """Close what is idle, and from now on what comes back."""
        self._retired = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until a connection is free or has closed."""
        waiter = loop.create_future()
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(self.settings.connect_seconds):
                await waiter
        except TimeoutError as error:
            said = f"has all of its {self.settings.connections} connections in use"
            raise self.blamed("busy", 503, said, "connect") from error
        finally:
            if waiter in self._queue:
                self._queue.remove(waiter)

    def _next(self) -> None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def dial(self, made: Callable[[], P]) -> P:
        """A new connection to be spoken over by the protocol that `made` makes. Raises UpstreamError."""
        loop, seconds = asyncio.get_running_loop(), self.settings.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                if self.socket:
                    return (await loop.create_unix_connection(made, self.socket))[1]
                return (await loop.create_connection(made, self.host, self.port, ssl=self.tls))[1]
        except TimeoutError as error:
            self.failed(loop.time())
            raise self.blamed("timeout", 504, f"took no connection for {seconds:g} s", "connect") from error
        except (OSError, ssl.CertificateError) as error:
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):  # no fault of the upstream
                raise self.blamed("busy", 503, NO_DESCRIPTORS, "connect") from error
            self.failed(loop.time())
            said = f"cannot be connected to ({error})"
            if isinstance(error, ssl.SSLCertVerificationError):
                said += "; whose certificates are believed is said by proxy.ca_file"
            raise self.blamed("refused", 502, said, "connect") from error

    def blamed(self, kind: str, status: int, message: str, phase: str) -> UpstreamError:
        error = UpstreamError(kind, status, message, phase)
        error.upstream = self.url
        return error

    def failed(self, now: float) -> None:
        """Leave it alone for a while, where there is another."""
        self.resting = now + self.settings.rest_seconds

    def _closed(self, connection: Connection) -> None:
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        self._next()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what has been idle for too long: the upstream is about to do so, and a request might be under way."""
        now, self._sweeper = loop.time(), None
        for connection in [it for it in self._idle if now - it.since > self.settings.keep_seconds]:
            connection.close()
        if self._idle:
            self._sweeper = loop.call_later(self.settings.keep_seconds / 2, self._sweep, loop)
