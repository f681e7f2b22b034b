"""The Redis store: one set of counts for all workers; requests that wait together share a round trip.

Works with Redis 6.2 and later and with Valkey, one of them, with Sentinel, or a cluster. Each subject is one hash,
`prefix:{subject}`, read and written by one script, and every hash expires. The braces keep a subject in one slot.
"""

import asyncio
import os
from collections.abc import Coroutine
from functools import lru_cache
from typing import TypeVar

from scrapeguard.model import Doubt, Facts, Outcome, Plan, Rung, Standing, Tally
from scrapeguard.stores.batch import Answers, Coalescer, late
from scrapeguard.stores.cluster import Cluster
from scrapeguard.stores.counting import PLANS, REMEMBERED, SECOND, Digest, standing
from scrapeguard.stores.held import Held
from scrapeguard.stores.lines import Lines, Script, Single
from scrapeguard.stores.packing import FIRST, FREE, HELD, NEXT, Packing
from scrapeguard.stores.sentinel import Sentinels
from scrapeguard.stores.urls import place_of, sentinels_of

T = TypeVar("T")


class RedisStore:
    """Counts in Redis. `budget` is how many seconds a caller waits at most; then StoreUnavailable.

    The salt is kept in Redis, so that all workers count an object alike; one given here is used instead.
    Raises ConfigError for a URL that cannot be one.
    """

    def __init__(self, url: str, prefix: str = "sg", budget: float = 0.05, salt: bytes | None = None) -> None:
        self._url, self._prefix, self._budget = url, prefix, budget
        self._salt, self._given = salt, salt is not None
        self._counting, self._placing = Script("observe.lua"), Script("place.lua")
        self._packings: dict[int, Packing] = {}  # by the identity of their plans, which they keep
        self._agreement: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None] | asyncio.Task[object]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers = self._open()
        self._held = Held()

    async def observe(self, facts: Facts, plan: Plan, more: Outcome | Doubt | None = None) -> Tally:
        """See `Store.observe`."""
        self._settle()
        packing = self._packings.get(id(plan)) or await self._use(plan)
        taken = plan.taken(facts, more)
        subjects = packing.subjects(facts)
        if not subjects:
            return packing.tally((), taken, (), facts.time)
        keys = [self._key(subject) for _, subject in subjects]
        first, rest = (FIRST, self._rest(facts)) if plan.held else (FREE, FREE)
        asks = [
            packing.ask(sheet, rest if place else first, facts.time, taken) for place, (sheet, _) in enumerate(subjects)
        ]
        tally = packing.tally(subjects, taken, await self._coalescer.ask(packing, keys, asks), facts.time)
        if self._servers.apart and plan.held:
            self._held.hear(subjects[0][1], tally.standing, facts.time)
        return tally

    async def place(self, subject: str, rung: Rung, seconds: int, now: int) -> Standing:
        """See `Store.place`."""
        self._settle()
        arguments = (int(rung), now + seconds * SECOND, now)
        answer = await self._within(self._start(self._servers.run(self._placing, [self._key(subject)], arguments, ())))
        assert isinstance(answer, list)
        kept, until, strikes = map(int, answer)
        self._held.hear(subject, Standing(Rung(kept), until), now if kept else 0)
        return standing(kept, until, strikes, now)

    async def spend(self, key: str, seconds: int, now: int) -> bool:  # noqa: ARG002
        """See `Store.spend`. Redis keeps the time: `now` is not used."""
        self._settle()
        name = f"{self._prefix}:{{spent:{key}}}"
        return await self._within(self._start(self._servers.command("SET", name, 1, "NX", "EX", seconds))) is not None

    def _rest(self, facts: Facts) -> int:
        """What the subjects of a request are to it, but for the first."""
        if not self._servers.apart:
            return NEXT
        address = facts.subject("address")
        return HELD if address is not None and self._held.holds(address, facts.time) else FREE

    async def about(self) -> str:
        """What answers at the URL, in a sentence. Raises StoreUnavailable."""
        self._settle()
        answer = await self._servers.command("INFO", "server")
        assert isinstance(answer, bytes)
        info = dict(line.split(":", 1) for line in answer.decode().splitlines() if ":" in line)
        name = info.get("server_name", "redis")
        return f"{name} {info.get(f'{name}_version', 'of unknown version')} answers."

    async def close(self) -> None:
        """Finish what is under way and let go of the connections."""
        if self._loop is not None:
            await self._coalescer.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._servers.close()

    def _settle(self) -> None:
        """Connections belong to an event loop; in another one, as test clients make them, begin anew."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._servers = self._open()
            self._coalescer = Coalescer(self._send, self._budget, loop)
            self._loop = loop

    def _open(self) -> Single | Cluster:
        scheme = self._url.partition("://")[0]
        if scheme.endswith("+cluster"):
            return Cluster(self._url, self._budget, self._lost)
        if scheme.endswith("+sentinel"):
            sentinels, way, service = sentinels_of(self._url, self._budget)
            finder = Sentinels([Lines(sentinels.way, node) for node in sentinels.nodes], service)
            return Single(Lines(way, finder=finder), self._lost)
        return Single(Lines(place_of([self._url], self._budget).way), self._lost)

    def _key(self, subject: str) -> bytes:
        return f"{self._prefix}:{{{subject}}}".encode("utf-8", "surrogatepass")

    async def _use(self, plan: Plan) -> Packing:
        """Lay a plan out; the first time, find out the salt before. All who come meanwhile wait for the same."""
        if self._salt is None:
            if self._agreement is None or self._agreement.done():
                self._agreement = self._start(self._agree())
            await self._within(self._agreement)
        assert self._salt is not None
        if len(self._packings) >= PLANS:
            self._packings.clear()
        if id(plan) not in self._packings:
            self._packings[id(plan)] = Packing(plan, lru_cache(REMEMBERED)(Digest(self._salt)))
        return self._packings[id(plan)]

    async def _agree(self) -> None:
        """Take the salt that Redis has, or give it ours if it has none."""
        key = f"{self._prefix}:salt"
        await self._servers.command("SET", key, self._salt or os.urandom(16), "NX")
        salt = await self._servers.command("GET", key)
        assert isinstance(salt, bytes)
        if salt != self._salt:
            self._salt = salt
            self._packings.clear()

    async def _lost(self) -> None:
        """A server that was started anew has lost the salt as well as the scripts."""
        if not self._given:
            await self._agree()

    async def _send(self, packing: Packing, keys: list[bytes], asks: list[bytes]) -> Answers:
        """One batch. Raises StoreUnavailable."""
        answers = await self._servers.run(self._counting, keys, (packing.spec,), asks)
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
