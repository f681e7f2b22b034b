"""What the second look counts, in every store: walks of a crowd, and the mark that a measure leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from servers import RedisServer, binaries
from traffic import SECOND, START, feed, number, request

from scrapeguard.model import Doubt, Facts, Mark, Plan, Rung, Steps, Store, Taken, Watch
from scrapeguard.stores.memory import MemoryStore
from scrapeguard.stores.redis import RedisStore

Run = Callable[[Callable[[Store], Awaitable[None]]], None]
TRAIL = Plan((Watch("trail", "steps", 10, number, "fingerprint", reach=16),))
LOOK, DONE = Doubt(2), Doubt(2, Rung.BLOCK)


def left(facts: Facts, doubt: Doubt) -> Taken:
    return Mark(facts.time, 7, 41, 9, facts.reference) if doubt.rung else None


MARKS = Plan((Watch("mark", "mark", 10, left, "fingerprint", closer=True),), held=False)


@pytest.fixture(params=["memory", *binaries()])
def run(request: pytest.FixtureRequest, redis_servers: dict[str, RedisServer]) -> Run:
    """Runs a coroutine with a fresh store."""

    def fresh() -> Store:
        if request.param == "memory":
            return MemoryStore(salt=b"")
        return RedisStore(redis_servers[request.param].emptied().url, budget=5.0, salt=b"")

    async def whole(test: Callable[[Store], Awaitable[None]]) -> None:
        store = fresh()
        try:
            await test(store)
        finally:
            await store.close()

    return lambda test: asyncio.run(whole(test))


def items(*numbers: int) -> list[Facts]:
    return [request(place * 0.01, f"/item/{each}", f"192.0.2.{each % 250}", "f") for place, each in enumerate(numbers)]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((1, 2, 3, 4), Steps(3, 1, "/item", 1)),
        ((1, 900, 2, 4000, 3, 77, 4), Steps(3, 1, "/item", 1)),  # a crowd goes about between
        ((1, 900, 2, 901, 3, 902, 4, 903), Steps(3, 1, "/item", 1)),  # two walks at the same time
        ((1, 2, 3, 5), Steps(3, 1, "/item", 2)),  # not the very next
        ((1, 2, 3, 2), Steps(0, 0, "/item")),  # within it: goes on with nothing
        ((1, 18), Steps(0, 0, "/item")),  # too wide a step to begin with
        ((1, 17), Steps(1, 16, "/item", 16)),
        ((1, 2, 3, 100, 300, 500, 700, 900, 4), Steps(3, 1, "/item", 1)),  # the shortest makes room, not the oldest
    ],
)
def test_a_crowd_does_not_end_a_walk(run: Run, numbers: tuple[int, ...], said: Steps) -> None:
    async def test(store: Store) -> None:
        assert await feed(store, TRAIL, items(*numbers)) == (said,)

    run(test)


def test_a_mark_is_found_until_its_window_is_over(run: Run) -> None:
    async def test(store: Store) -> None:
        async def seen(at: float, doubt: Doubt, reference: str = "") -> object:
            facts = replace(request(at, fingerprint="f"), reference=reference)
            return (await store.observe(facts, MARKS, doubt)).seen[0]

        first = Mark(START, 7, 41, 9, "7K3F-9Q2M-T0XD")
        assert await seen(0, LOOK) == Mark()
        assert await seen(0, DONE, "7K3F-9Q2M-T0XD") == Mark()  # what was there before
        assert await seen(10, LOOK) == first
        assert await seen(10.1, LOOK) == Mark()
        assert await seen(10.1, DONE, "x" * 24) == Mark()
        assert await seen(11, LOOK) == Mark(START + 10 * SECOND + 100_000, 7, 41, 9, "x" * 24)

    run(test)


def test_others_with_the_same_fingerprint_find_the_mark_and_nobody_else(run: Run) -> None:
    async def test(store: Store) -> None:
        await store.observe(request(fingerprint="f"), MARKS, DONE)
        other = await store.observe(request(address="198.51.100.9", fingerprint="f"), MARKS, LOOK)
        assert other.seen == (Mark(START, 7, 41, 9, "r"),)
        assert (await store.observe(request(fingerprint="g"), MARKS, LOOK)).seen == (Mark(),)
        assert (await store.observe(request(), MARKS, LOOK)).seen == (None,)

    run(test)


def test_who_is_held_is_followed_all_the_same(run: Run) -> None:
    """A walk goes on over those who are refused, so that the next one is seen to go on with it."""

    async def test(store: Store) -> None:
        await store.place("address:192.0.2.2", Rung.BLOCK, 60, START)
        plan = Plan(TRAIL.watches, held=False)
        assert await feed(store, plan, items(1, 2, 3)) == (Steps(2, 1, "/item", 1),)
        assert await feed(store, TRAIL, items(4, 252, 5)) == (Steps(4, 1, "/item", 1),)  # 252 is of that address

    run(test)
