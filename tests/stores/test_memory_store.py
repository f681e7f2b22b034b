"""The memory store keeps within its bounds."""

import asyncio
import tracemalloc

from traffic import SECOND, START, feed, request, watch

from scrapeguard.model import Plan, Rung, Seen
from scrapeguard.stores.memory import MemoryStore

PLAN = Plan((watch("count"), watch("distinct"), watch("gaps"), watch("steps")))


def address(number: int) -> str:
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def test_memory_is_bounded_against_a_hundred_thousand_addresses() -> None:
    store = MemoryStore(max_subjects=1000)

    async def flood(begin: int, end: int) -> None:
        await feed(store, PLAN, [request(i / 1000, "/item/7", address(i)) for i in range(begin, end)])

    for begin in range(0, 90_000, 5000):
        asyncio.run(flood(begin, begin + 5000))
    tracemalloc.start()
    asyncio.run(flood(90_000, 95_000))
    asyncio.run(flood(95_000, 100_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.forgotten == 99_000
    assert held < 2_500_000  # the thousand rows that are left


def test_the_longest_unseen_is_forgotten_first() -> None:
    store = MemoryStore(max_subjects=3)
    plan = Plan((watch("count"),))

    async def story() -> None:
        await feed(store, plan, [request(address=name) for name in "abcadeaf"])
        assert store.forgotten == 3
        assert await feed(store, plan, [request(address="a")]) == (4,)
        assert await feed(store, plan, [request(address="b")]) == (1,)

    asyncio.run(story())


def test_a_banned_subject_is_not_forgotten_before_idle_ones() -> None:
    store = MemoryStore(max_subjects=100)
    plan = Plan((watch("count"),))

    async def story() -> None:
        await store.place("address:192.0.2.7", Rung.BLOCK, 900, START)
        await feed(store, plan, [request(1, address=address(i)) for i in range(10_000)])
        assert (await store.observe(request(2), plan)).standing.rung is Rung.BLOCK

    asyncio.run(story())


def test_standings_are_bounded_too() -> None:
    store = MemoryStore(max_subjects=100)

    async def story() -> None:
        for i in range(1000):
            await store.place(f"address:{address(i)}", Rung.BLOCK, 900, START + i * SECOND)
        assert store.forgotten == 900
        assert store.standing(f"address:{address(899)}", START + 1000 * SECOND).rung is Rung.ALLOW
        assert store.standing(f"address:{address(900)}", START + 1000 * SECOND).rung is Rung.BLOCK

    asyncio.run(story())


def test_a_scraper_of_many_objects_takes_no_more_than_its_bitmaps() -> None:
    store = MemoryStore()
    plan = Plan((watch("distinct", bits=16_384),))
    tracemalloc.start()
    asyncio.run(feed(store, plan, [request(i / 2000, f"/{i}") for i in range(40_000)]))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 4_000_000  # the tables of 16,384 indexes and estimates, and two bitmaps of 2 KB


def test_the_salt_is_not_the_same_twice_unless_given() -> None:
    async def estimates(salt: bytes | None) -> list[tuple[Seen, ...]]:
        store = MemoryStore(salt=salt)
        plan = Plan((watch("distinct", bits=64),))
        return [await feed(store, plan, [request(path=f"/{i}")]) for i in range(60)]

    assert asyncio.run(estimates(b"")) == asyncio.run(estimates(b""))
    assert asyncio.run(estimates(None)) != asyncio.run(estimates(None))
