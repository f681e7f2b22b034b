"""When the shared store does not answer: a circuit breaker, this process's own counts, and the gap on record."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from time import monotonic
from typing import TypeVar

from scrapeguard.errors import StoreUnavailable
from scrapeguard.model import Doubt, Facts, Outcome, Plan, Rung, Standing, Store, Tally
from scrapeguard.stores.counting import SECOND
from scrapeguard.stores.memory import MemoryStore

log = logging.getLogger("scrapeguard.stores")

Event = Callable[[str, Mapping[str, int]], None]  # a name, and numbers for the evidence

T = TypeVar("T")

FAILURES = 3  # in a row, before the shared store is left alone for a while
MOST_OWED = 10_000  # standings that the primary did not get; beyond it the one placed longest ago is forgotten


class Failover:
    """The primary store, or the local one while the primary does not answer. Never raises StoreUnavailable.

    Local answers are marked degraded: their counts are this process's own and begin with the gap; standings
    above ALLOW that the primary told of go on. The gap is an event: "gap.start" {start}, and when the primary
    answers again "gap.end" {start, end, missed}, in microseconds of the facts' clock. `missed` counts all
    operations that the primary did not get. Standings among them it gets as soon as it answers, each as it was placed.
    """

    def __init__(
        self,
        primary: Store,
        local: MemoryStore,
        event: Event,
        seconds: float = 2.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.missed = 0
        self._primary = primary
        self._local = local
        self._event = event
        self._seconds = seconds  # that the primary is left alone before one request tries it again
        self._clock = clock
        self._failures = 0
        self._retry: float | None = None  # when to try again; None = the primary answers
        self._probing = False
        self._start = 0  # of the first failure in a row, by the facts' clock
        self._before = 0  # operations missed before it
        self._owed: OrderedDict[str, tuple[Rung, int, int]] = OrderedDict()
        self._paying: asyncio.Task[None] | None = None

    @property
    def degraded(self) -> bool:
        """Whether the primary is left alone now."""
        return self._retry is not None

    async def observe(self, facts: Facts, plan: Plan, more: Outcome | Doubt | None = None) -> Tally:
        """See `Store.observe`."""
        if self._goes():
            tally = await self._heard(self._primary.observe(facts, plan, more), facts.time)
            if tally is not None:
                subject = facts.subject("address")
                if subject is not None and plan.held:
                    self._local.learn(subject, tally.standing)
                return tally
        self.missed += 1
        return replace(await self._local.observe(facts, plan, more), degraded=True)

    async def place(self, subject: str, rung: Rung, seconds: int, now: int) -> Standing:
        """See `Store.place`."""
        if self._goes():
            standing = await self._heard(self._primary.place(subject, rung, seconds, now), now)
            if standing is not None:
                self._local.learn(subject, standing)
                return standing
        self.missed += 1
        self._owe(subject, rung, seconds, now)
        return await self._local.place(subject, rung, seconds, now)

    async def spend(self, key: str, seconds: int, now: int) -> bool:
        """See `Store.spend`. In the gap, a key can be spent once in each process: nobody who solved is turned away."""
        if self._goes():
            first = await self._heard(self._primary.spend(key, seconds, now), now)
            if first is not None:
                return first
        self.missed += 1
        return await self._local.spend(key, seconds, now)

    async def close(self) -> None:
        """Close both."""
        if self._paying is not None:
            await self._paying
        await self._primary.close()
        await self._local.close()

    def _goes(self) -> bool:
        """Whether the primary is asked: always while it answers, else by one request at a time when it is due."""
        if self._retry is None:
            return True
        if self._probing or self._clock() < self._retry:
            return False
        self._probing = True
        return True

    async def _heard(self, work: Coroutine[object, object, T], now: int) -> T | None:
        """What the primary answers; None when it does not."""
        probe = self._retry is not None
        try:
            answer = await work
        except StoreUnavailable as error:
            self._failed(error, now)
            return None
        finally:
            if probe:
                self._probing = False
        if self._failures:
            self._recovered(now)
        if self._owed and self._paying is None:
            self._paying = asyncio.get_running_loop().create_task(self._pay())
        return answer

    def _owe(self, subject: str, rung: Rung, seconds: int, now: int) -> None:
        """Remember a standing for the primary. A milder one does not replace one that holds, as in a store."""
        owed = self._owed.get(subject)
        if owed is not None and rung and owed[0] > rung and owed[2] + owed[1] * SECOND > now:
            return
        self._owed[subject] = (rung, seconds, now)
        self._owed.move_to_end(subject)
        if len(self._owed) > MOST_OWED:
            self._owed.popitem(last=False)

    async def _pay(self) -> None:
        """Place what is owed, one after the other, so that no visitor waits for it; the rest when it answers again."""
        try:
            while self._owed:
                subject, owed = next(iter(self._owed.items()))
                await self._primary.place(subject, *owed)
                if self._owed.get(subject) is owed:
                    del self._owed[subject]
        except StoreUnavailable as error:
            log.debug("standings are still owed to the shared store: %s", error.message)
        finally:
            self._paying = None

    def _failed(self, error: StoreUnavailable, now: int) -> None:
        if not self._failures:
            self._start, self._before = now, self.missed
        self._failures += 1
        if self._failures < FAILURES:
            return
        if self._retry is None:
            log.warning("%s Counting in this process alone, trying again every %g s.", error, self._seconds)
            self._event("gap.start", {"start": self._start})
        self._retry = self._clock() + self._seconds

    def _recovered(self, now: int) -> None:
        if self._retry is not None:
            missed = self.missed - self._before
            log.warning("The shared store answers again; it missed %d operations.", missed)
            self._event("gap.end", {"start": self._start, "end": now, "missed": missed})
        self._failures, self._retry = 0, None
