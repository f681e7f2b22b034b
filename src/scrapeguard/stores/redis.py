"""The Redis store: one set of counts for all workers; requests that wait together share a round trip.

Works with Redis 6.2 and later and with Valkey. Each subject is one hash, `prefix:{subject}`, read and written by one
script, and every hash expires. The braces keep a subject in one slot where keys are spread over several servers.
"""

import asyncio
import hashlib
import os
from collections.abc import Coroutine, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from scrapeguard.errors import ConfigError
from scrapeguard.model import Facts, Outcome, Plan, Rung, Standing, Tally
from scrapeguard.stores.batch import FLIGHTS, Answers, Coalescer, late, unavailable
from scrapeguard.stores.counting import REMEMBERED, SECOND, Digest, standing
from scrapeguard.stores.packing import Packing

CONNECT_SECONDS = 1.0  # nobody waits that long, but a connection from afar may need it
CONNECTIONS = FLIGHTS + 2  # for batches, and for placements beside them

Word = str | bytes | int

T = TypeVar("T", None, Answers, object)


class Script:
    """A Lua script; its digest is all that travels once the server knows it."""

    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / "lua" / name).read_text("utf-8")
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Lines:
    """A few connections, each for one command at a time. (The client of the package costs twice the CPU.)

    A line that broke connects anew with its next command. Raises StoreUnavailable when there is no answer or a
    refusal, NoScriptError when the server does not know a script, ConfigError for a URL that cannot be one.
    """

    def __init__(self, url: str, timeout: float) -> None:
        try:
            self._pool = ConnectionPool.from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),  # a script run twice would count twice
                protocol=2,  # no HELLO: one round trip less for a new connection
            )
        except ValueError:  # whose text may hold part of a password
            hint = 'Write it like "redis://user:password@host:6379/0" or "unix:///run/redis.sock", and "/" as %2F.'
            raise ConfigError("store.url cannot be read.", hint) from None
        self._idle: list[AbstractConnection] = []
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def command(self, *words: Word) -> object:
        async with self._free:
            line = self._idle.pop() if self._idle else self._pool.connection_class(**self._pool.connection_kwargs)
            try:
                await line.send_command(*words)
                return await line.read_response()
            except NoScriptError:
                raise
            except (RedisError, OSError, TimeoutError) as error:
                raise unavailable(str(error) or type(error).__name__) from error
            finally:
                self._idle.append(line)

    async def close(self) -> None:
        for line in self._idle:
            await line.disconnect()


class RedisStore:
    """Counts in Redis. `budget` is how many seconds a caller waits at most; then StoreUnavailable.

    The salt is kept in Redis, so that all workers count an object alike; one given here is used instead.
    Raises ConfigError for a URL that cannot be one.
    """

    def __init__(self, url: str, prefix: str = "sg", budget: float = 0.05, salt: bytes | None = None) -> None:
        self._url, self._prefix, self._budget = url, prefix, budget
        self._salt, self._given = salt, salt is not None
        self._counting, self._placing = Script("observe.lua"), Script("place.lua")
        self._plan: Plan | None = None
        self._packing: Packing | None = None
        self._agreement: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None] | asyncio.Task[Answers] | asyncio.Task[object]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines = Lines(self._url, self._budget)

    async def observe(self, facts: Facts, plan: Plan, outcome: Outcome | None = None) -> Tally:
        """See `Store.observe`."""
        self._settle()
        if plan is not self._plan or self._packing is None:
            await self._use(plan)
        packing = self._packing
        assert packing is not None
        taken = plan.taken(facts, outcome)
        subjects = packing.subjects(facts)
        if not subjects:
            return packing.tally((), taken, ())
        keys = [self._key(subject) for _, subject in subjects]
        asks = [packing.ask(sheet, not place, facts.time, taken) for place, (sheet, _) in enumerate(subjects)]
        return packing.tally(subjects, taken, await self._coalescer.ask(packing, keys, asks))

    async def place(self, subject: str, rung: Rung, seconds: int, now: int) -> Standing:
        """See `Store.place`."""
        self._settle()
        arguments = (int(rung), now + seconds * SECOND, now)
        answer = await self._within(self._start(self._run(self._placing, [self._key(subject)], arguments)))
        kept, until, strikes = map(int, answer)
        return standing(kept, until, strikes, now)

    async def spend(self, key: str, seconds: int, now: int) -> bool:  # noqa: ARG002
        """See `Store.spend`. Redis keeps the time: `now` is not used."""
        self._settle()
        name = f"{self._prefix}:{{spent:{key}}}"
        return await self._within(self._start(self._lines.command("SET", name, 1, "NX", "EX", seconds))) is not None

    async def about(self) -> str:
        """What answers at the URL, in a sentence. Raises StoreUnavailable."""
        self._settle()
        answer = await self._lines.command("INFO", "server")
        assert isinstance(answer, bytes)
        info = dict(line.split(":", 1) for line in answer.decode().splitlines() if ":" in line)
        name = info.get("server_name", "redis")
        return f"{name} {info.get(f'{name}_version', 'of unknown version')} answers."

    async def close(self) -> None:
        """Finish what is under way and let go of the connections."""
        if self._loop is not None:
            await self._coalescer.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._lines.close()

    def _settle(self) -> None:
        """Connections belong to an event loop; in another one, as test clients make them, begin anew."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._lines = Lines(self._url, self._budget)
            self._coalescer = Coalescer(self._send, self._budget, loop)
            self._loop = loop

    def _key(self, subject: str) -> bytes:
        return f"{self._prefix}:{{{subject}}}".encode("utf-8", "surrogatepass")

    async def _use(self, plan: Plan) -> None:
        """Lay a plan out; the first time, find out the salt before. All who come meanwhile wait for the same."""
        if self._salt is None:
            if self._agreement is None or self._agreement.done():
                self._agreement = self._start(self._agree())
            await self._within(self._agreement)
        if plan is not self._plan or self._packing is None:
            assert self._salt is not None
            self._packing = Packing(plan, lru_cache(REMEMBERED)(Digest(self._salt)))
            self._plan = plan

    async def _agree(self) -> None:
        """Take the salt that Redis has, or give it ours if it has none."""
        key = f"{self._prefix}:salt"
        await self._lines.command("SET", key, self._salt or os.urandom(16), "NX")
        salt = await self._lines.command("GET", key)
        assert isinstance(salt, bytes)
        if salt != self._salt:
            self._salt, self._plan = salt, None

    async def _send(self, packing: Packing, keys: list[bytes], asks: list[bytes]) -> Answers:
        return await self._run(self._counting, keys, (packing.spec, *asks))

    async def _run(self, script: Script, keys: list[bytes], arguments: Sequence[bytes | int]) -> Answers:
        """One script, one round trip. Raises StoreUnavailable."""
        words = (len(keys), *keys, *arguments)
        try:
            answers = await self._lines.command("EVALSHA", script.digest, *words)
        except NoScriptError:  # a server that was started anew has lost the salt as well
            if not self._given:
                await self._agree()
            answers = await self._lines.command("EVAL", script.text, *words)
        assert isinstance(answers, list)
        return answers

    def _start(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        """Begin what goes on to its end even when nobody waits for it any more."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # heard, so that nobody calls it lost

    async def _within(self, task: asyncio.Task[T]) -> T:
        """What a task answers within the budget. Raises StoreUnavailable."""
        done, _ = await asyncio.wait({task}, timeout=self._budget)
        if not done:
            raise late(self._budget)
        return task.result()
