"""Requests that wait at the same time go out together: batches, and the few of them that are under way at once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from scrapeguard.errors import StoreUnavailable
from scrapeguard.stores.advice import advice
from scrapeguard.stores.packing import Packing

FLIGHTS = 2  # batches under way at once; what comes meanwhile waits and goes out in the next
MOST_SUBJECTS = 256  # in one batch: the server serves nobody else while it counts them

Answers = list[bytes]
Send = Callable[[Packing, list[bytes], list[bytes]], Awaitable[Answers]]


class Batch:
    """Requests of one plan, and those who wait for their answers."""

    __slots__ = ("asks", "keys", "packing", "timer", "waiting")

    def __init__(self, packing: Packing, loop: asyncio.AbstractEventLoop, budget: float) -> None:
        self.packing = packing
        self.keys: list[bytes] = []
        self.asks: list[bytes] = []
        self.waiting: list[tuple[asyncio.Future[Answers], int]] = []
        self.timer = loop.call_later(budget, lambda: self.fail(late(budget)))

    def add(self, keys: list[bytes], asks: list[bytes], future: asyncio.Future[Answers]) -> None:
        self.keys += keys
        self.asks += asks
        self.waiting.append((future, len(keys)))

    def wanted(self) -> bool:
        """Whether anybody still waits."""
        return any(not future.done() for future, _ in self.waiting)

    def answer(self, answers: Answers) -> None:
        """Give everybody who still waits his share."""
        self.timer.cancel()
        at = 0
        for future, count in self.waiting:
            if not future.done():
                future.set_result(answers[at : at + count])
            at += count

    def fail(self, error: StoreUnavailable) -> None:
        """Tell everybody who still waits, each by an error of his own, that there will be no answer."""
        self.timer.cancel()
        for future, _ in self.waiting:
            if not future.done():
                future.set_exception(StoreUnavailable(error.message, error.hint))


class Coalescer:
    """Collects what is asked in one turn of the event loop, and while earlier batches are under way."""

    def __init__(self, send: Send, budget: float, loop: asyncio.AbstractEventLoop) -> None:
        self._send = send
        self._budget = budget
        self._loop = loop
        self._queue: deque[Batch] = deque()
        self._flights: set[asyncio.Task[None]] = set()

    def ask(self, packing: Packing, keys: list[bytes], asks: list[bytes]) -> asyncio.Future[Answers]:
        """The answers for the subjects of one request, all from one batch; StoreUnavailable after the budget."""
        future: asyncio.Future[Answers] = self._loop.create_future()
        batch = self._queue[-1] if self._queue else None
        if batch is None or batch.packing is not packing or len(batch.keys) + len(keys) > MOST_SUBJECTS:
            batch = Batch(packing, self._loop, self._budget)
            self._queue.append(batch)
            if len(self._flights) < FLIGHTS:
                self._flights.add(self._loop.create_task(self._fly()))  # begins when this turn is over
        batch.add(keys, asks, future)
        return future

    async def close(self) -> None:
        """Send nothing more, tell those who wait for that, and see the batches under way home."""
        for batch in self._queue:
            batch.fail(unavailable("it was closed"))
        self._queue.clear()
        await asyncio.gather(*self._flights)

    async def _fly(self) -> None:
        """Send batch after batch until nobody waits."""
        try:
            while self._queue:
                batch = self._queue.popleft()
                if batch.wanted():
                    await self._carry(batch)
        finally:  # at once: whoever asks next must see that nothing is under way
            flight = asyncio.current_task()
            assert flight is not None
            self._flights.discard(flight)

    async def _carry(self, batch: Batch) -> None:
        try:
            batch.answer(await self._send(batch.packing, batch.keys, batch.asks))
        except StoreUnavailable as error:
            batch.fail(error)


def unavailable(reason: str) -> StoreUnavailable:
    return StoreUnavailable(f"The shared store did not answer: {reason.rstrip('.')}.", advice(reason))


def late(budget: float) -> StoreUnavailable:
    return unavailable(f"nothing came within {budget * 1000:.0f} ms")
