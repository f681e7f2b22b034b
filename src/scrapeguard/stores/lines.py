"""Lines to one Redis server, or to the master that Sentinel names: a few connections, each for one batch at a time.

redis://user:password@host:6379/0       rediss:// over TLS, unix:///run/redis.sock
redis+sentinel://user:password@host:26379,host:26379/service?db=0&sentinel_password=…
redis+cluster://user:password@host:7000,host:7001       see cluster.py
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode

from redis.asyncio.connection import AbstractConnection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, ReadOnlyError, RedisError, ResponseError

from scrapeguard.errors import ConfigError
from scrapeguard.stores.batch import FLIGHTS, unavailable

CONNECT_SECONDS = 1.0  # nobody waits that long, but a connection from afar may need it
CONNECTIONS = FLIGHTS + 2  # for batches, and for placements beside them

Word = str | bytes | int
Lost = Callable[[], Awaitable[None]]  # told when a server has lost its scripts, and so perhaps everything
Options = dict[str, object]


class Script:
    """A Lua script; its digest is all that travels once the server knows it."""

    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / "lua" / name).read_text("utf-8")
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Lines:
    """A few connections. (The client of the package costs twice the CPU.) One that broke connects anew when used."""

    def __init__(self, pool: ConnectionPool, sentinel: Sentinel | None = None) -> None:
        self._pool = pool
        self._sentinel = sentinel
        self._idle: list[AbstractConnection] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._closed = False

    async def ask(self, *commands: Sequence[Word]) -> list[object]:
        """The answers in order, all in one round trip; a refusal is an answer, too.

        Raises StoreUnavailable when not all of them came: what was not answered may have been done all the same.
        """
        async with self._free:
            line = self._idle.pop() if self._idle else self._pool.connection_class(**self._pool.connection_kwargs)
            try:
                if not line.is_connected:
                    await line.connect()  # type: ignore[no-untyped-call]  # sending would not ask Sentinel where to
                await line.send_packed_command(line.pack_commands(commands))
                return [await self._answer(line) for _ in commands]
            except (RedisError, OSError, TimeoutError) as error:
                raise unavailable(str(error) or type(error).__name__) from error
            finally:
                self._idle.append(line)
                if self._closed:
                    await self.close()

    async def _answer(self, line: AbstractConnection) -> object:
        try:
            return await line.read_response()
        except ResponseError as error:
            if isinstance(error, ReadOnlyError) or "READONLY" in str(error):  # a replica now: look for the master anew
                await line.disconnect()
                raise
            return error

    async def close(self) -> None:
        """Let go of what is idle, and of the rest as it becomes idle."""
        self._closed = True
        while self._idle:
            await self._idle.pop().disconnect()
        if self._sentinel is not None:
            await self._sentinel.aclose()


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


def pool_of(url: str, timeout: float) -> ConnectionPool:
    """How to connect to what a redis://, rediss:// or unix:// URL names. Raises ConfigError."""
    try:
        pool = ConnectionPool.from_url(url, **_patience(timeout))
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, RedisError):  # whose text may hold part of a password
        raise unreadable() from None
    return pool


def single(url: str, timeout: float) -> Lines:
    """Lines to the server, or the master, that a URL names. Raises ConfigError."""
    if not url.partition("://")[0].endswith("+sentinel"):
        return Lines(pool_of(url, timeout))
    urls, service, asking = several(url, "sentinel_")
    if not service:
        raise ConfigError(
            "store.url names no service for Sentinel.",
            'Write it like "redis+sentinel://host:26379,host:26379/mymaster".',
        )
    pools = [pool_of(each, timeout) for each in urls]
    where = [(str(it.connection_kwargs["host"]), int(it.connection_kwargs.get("port", 26379))) for it in pools]
    options: Options = {k: v for k, v in pools[0].connection_kwargs.items() if k not in ("host", "port")}
    secure = issubclass(pools[0].connection_class, SSLConnection)
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    asking |= {**_patience(CONNECT_SECONDS), **tls, "ssl": secure}
    sentinel = Sentinel(where, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
    pool = SentinelConnectionPool(unquote(service), sentinel, ssl=secure, **options)  # type: ignore[no-untyped-call]
    return Lines(pool, sentinel)


def several(url: str, prefix: str = "") -> tuple[list[str], str, Options]:
    """A URL with several hosts as one for each host, its path, and the options whose names begin with a prefix."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    hosts, _, path = rest.partition("/")
    user, at, hosts = hosts.rpartition("@")
    options = parse_qsl(query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in options if not prefix or not name.startswith(prefix)])
    urls = [f"{scheme.partition('+')[0]}://{user}{at}{host}?{kept}" for host in hosts.split(",") if host]
    if not urls:
        raise unreadable()
    return urls, path, {name.removeprefix(prefix): v for name, v in options if prefix and name.startswith(prefix)}


def unreadable() -> ConfigError:
    hint = 'Write it like "redis://user:password@host:6379/0" or "unix:///run/redis.sock", and "/" as %2F.'
    return ConfigError("store.url cannot be read.", hint)


def _patience(timeout: float) -> Options:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), 0),  # a script run twice would count twice
        "protocol": 2,  # no HELLO: one round trip less for a new connection
    }
