"""The site's own robots.txt, as it passes: told byte for byte where there is one; ours where there is none."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapeguard.notices.robots import HOME, MAX_BYTES, Robots, parse

log = logging.getLogger("scrapeguard.notices")
PATIENCE = 10.0  # seconds for a site that is asked by us
PARTIAL = {b"accept-encoding", b"range", b"if-range", b"if-none-match", b"if-modified-since"}

HOSTS = 64  # whose robots.txt is known at a time
CHANGES = 100  # of what robots are told, that are put on record

Heard = Callable[[bytes | None], None]  # what the site tells; None = nothing, so ours was told


class Own:
    """What robots are told on each host, as far as it was heard: the site's own robots.txt, or `ours`."""

    def __init__(self, ours: bytes, changed: Callable[[], None]) -> None:
        self.rules: dict[str, Robots] = {}
        self.digests: dict[str, str] = {}  # SHA-256 of what is told on a host
        self.asked: set[str] = set()
        self._ours = ours
        self._told: dict[str, bytes] = {}
        self._changed = changed
        self._changes = 0

    def wonders(self, host: str) -> bool:
        """True once for each host, for so many of them: anybody can make up names."""
        if host in self.asked or len(self.asked) >= HOSTS:
            return False
        self.asked.add(host)
        return True

    def hear(self, host: str | None, body: bytes | None) -> None:
        """What a robot was told on a host holds there from now on."""
        told = self._ours if body is None else body
        if host is None or self._told.get(host) == told:
            return
        if self._changes > CHANGES:  # such a file is another for everybody who asks: there is no rule to be held to
            return
        if host not in self._told and len(self._told) >= HOSTS:
            forgotten = next(iter(self._told))
            del self._told[forgotten], self.rules[forgotten], self.digests[forgotten]
        before = self.versions()
        self._told[host], self.rules[host], self.digests[host] = told, parse(told), sha256(told).hexdigest()
        if self.versions() == before:
            return
        self._changes += 1
        if self._changes > CHANGES:
            log.warning("robots.txt has changed %d times; further versions are not put on record", CHANGES)
        self._changed()

    def versions(self) -> dict[str, bytes]:
        """Each different file once, by the first host that had it; that of the very first host is named ""."""
        found: dict[bytes, str] = {}
        for host, body in self._told.items():
            found.setdefault(body, host if found else "")
        return {host: body for body, host in found.items()}


class Overheard:
    """Asks the site, and answers with `ours` when it has no robots.txt.

    A site has none if it answers neither with text/plain, nor with a redirect (robots follow it), nor with an error of
    its own (5xx: robots keep out until it is over, which ours must not undo). RFC 9309 2.3.1.
    """

    def __init__(self, site: ASGIApp, ours: ASGIApp, heard: Heard) -> None:
        self._site = site
        self._ours = ours
        self._heard = heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [pair for pair in scope["headers"] if pair[0] not in PARTIAL]  # so that the whole file is heard
        listener = Listener(send)

        async def until_answered() -> Message:
            """What the visitor sends, and that he has gone once he is answered: some frameworks wait for that."""
            gone = asyncio.ensure_future(listener.over.wait())
            sent = asyncio.ensure_future(receive())
            try:
                await asyncio.wait((gone, sent), return_when=asyncio.FIRST_COMPLETED)
                return sent.result() if sent.done() else {"type": "http.disconnect"}
            finally:
                gone.cancel()
                sent.cancel()

        await self._site({**scope, "headers": headers, "extensions": {}}, until_answered, listener)
        if listener.told:
            if listener.body is not None and scope["method"] == "GET":
                self._heard(bytes(listener.body))
        elif listener.status:
            if scope["method"] == "GET":
                self._heard(None)
            await self._ours(scope, receive, send)


class Listener:
    """A `send` that lets a robots.txt through and keeps a copy; anything else it keeps to itself."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.told = False
        self.body: bytearray | None = None  # None = too long to be obeyed, or no file
        self.over = asyncio.Event()  # the last of the answer has come

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kinds = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
            plain = self.status == 200 and any(kind.lower().startswith(b"text/plain") for kind in kinds)
            self.told = plain or 300 <= self.status < 400 or self.status >= 500
            self.body = bytearray() if plain else None
        elif self.body is not None:
            self.body += message.get("body", b"")
            if len(self.body) > MAX_BYTES:
                self.body = None
        if self.told:
            await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.over.set()


def question(scope: Scope) -> Scope:
    """The request for robots.txt that a robot would make where the request in `scope` went; shares nothing with it."""
    host = [pair for pair in scope["headers"] if pair[0] == b"host"]
    asked = {**scope, "method": "GET", "path": HOME, "raw_path": HOME.encode(), "query_string": b"", "headers": host}
    return asked | {"state": dict(scope["state"])} if "state" in scope else asked


async def ask(site: ASGIApp, asked: Scope, heard: Heard) -> None:
    """Ask the site for its robots.txt, with a `question`; it has ten seconds."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # this client does not go away
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def drop(*_: object) -> None:
        pass

    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await Overheard(site, drop, heard)(asked, receive, drop)
