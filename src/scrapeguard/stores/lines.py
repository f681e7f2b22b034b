"""Lines to one Redis server, or to whichever is the master: a few connections, each for one batch at a time."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from redis.asyncio.connection import AbstractConnection, RedisSSLContext, SSLConnection
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError

from scrapeguard.stores.batch import FLIGHTS, unavailable

CONNECTIONS = FLIGHTS + 2  # for batches, and for placements beside them

Word = str | bytes | int
Lost = Callable[[], Awaitable[None]]  # told when a server has lost its scripts, and so perhaps everything
Options = dict[str, object]
Kind = Callable[..., AbstractConnection]
Node = tuple[str, int]  # host and port


class Script:
    """A Lua script; its digest is all that travels once the server knows it."""

    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / "lua" / name).read_text("utf-8")
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Finder(Protocol):
    """Who knows where the master is."""

    async def master(self, again: bool) -> Node:
        """`again`: whoever was named last is none. Raises StoreUnavailable."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Way:
    """How to connect, and with what TLS: its certificates are read once, as that takes longer than a visitor waits."""

    kind: Kind
    options: Options
    tls: RedisSSLContext | None = None

    def line(self, node: Node | None = None) -> AbstractConnection:
        """A connection that is not made yet; to a node instead of to where the options say."""
        where: Options = {} if node is None else {"host": node[0], "port": node[1]}
        line = self.kind(**self.options | where)
        if self.tls is not None and isinstance(line, SSLConnection):
            line.ssl_context = self.tls
        return line


class Lines:
    """A few connections. (The client of the package costs twice the CPU.) One that broke connects anew when used.

    They lead to a node, or to where the options of the way say; with a finder, to the master of the time.
    """

    def __init__(self, way: Way, node: Node | None = None, finder: Finder | None = None) -> None:
        self._way, self._node, self._finder = way, node, finder
        self._demoted = False  # whoever was found last says that it is a replica
        self._idle: list[AbstractConnection] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._closed = False

    async def ask(self, *commands: Sequence[Word]) -> list[object]:
        """The answers in order, all in one round trip; a refusal is an answer, too.

        Raises StoreUnavailable when not all of them came: what was not answered may have been done all the same.
        """
        async with self._free:
            line = self._idle.pop() if self._idle else self._way.line(self._node)
            try:
                if not line.is_connected:
                    line = await self._connect(line)
                await line.send_packed_command(line.pack_commands(commands))
                return [await self._answer(line) for _ in commands]
            except (RedisError, OSError, TimeoutError) as error:
                raise unavailable(str(error) or type(error).__name__) from error
            finally:
                self._idle.append(line)
                if self._closed:
                    await self.close()

    async def _connect(self, line: AbstractConnection) -> AbstractConnection:
        """Have a line connected: this one, or another to whoever is the master now."""
        if self._finder is not None:
            line = self._way.line(await self._finder.master(self._demoted))
            self._demoted = False
        await line.connect()  # type: ignore[no-untyped-call]
        return line

    async def _answer(self, line: AbstractConnection) -> object:
        try:
            return await line.read_response()
        except ResponseError as error:
            if isinstance(error, ReadOnlyError) or "READONLY" in str(error):  # a replica now: look for the master anew
                self._demoted = True
                await line.disconnect()
                raise
            return error

    async def close(self) -> None:
        """Let go of what is idle, and of the rest as it becomes idle."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect()
        if self._finder is not None:
            await self._finder.close()


class Single:
    """One server that has everything. Raises StoreUnavailable when there is no answer or a refusal."""

    apart = False  # the subjects of a request are counted together

    def __init__(self, lines: Lines, lost: Lost) -> None:
        self._lines = lines
        self._lost = lost

    async def command(self, *words: Word) -> object:
        """The answer to one command."""
        (answer,) = await self._lines.ask(words)
        if isinstance(answer, ResponseError):
            raise unavailable(str(answer)) from answer
        return answer

    async def run(self, script: Script, keys: Sequence[bytes], shared: Sequence[Word], each: Sequence[bytes]) -> object:
        """What a script answers to its keys, to the arguments they share and to those that each of them has."""
        words = (len(keys), *keys, *shared, *each)
        (answer,) = await self._lines.ask(("EVALSHA", script.digest, *words))
        if isinstance(answer, NoScriptError):
            await self._lost()
            return await self.command("EVAL", script.text, *words)
        if isinstance(answer, ResponseError):
            raise unavailable(str(answer)) from answer
        return answer

    async def close(self) -> None:
        await self._lines.close()
