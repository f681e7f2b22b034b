"""When Redis is killed, hangs or starts anew, the guard goes on, and the gap is on record."""

import asyncio
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import pytest
from servers import RedisServer
from traffic import SECOND, START, feed, request, watch

from scrapeguard.errors import StoreUnavailable
from scrapeguard.model import Plan, Rung, Standing, Tally
from scrapeguard.stores import Failover, StoreSettings, open_store
from scrapeguard.stores.failover import FAILURES
from scrapeguard.stores.memory import MemoryStore
from scrapeguard.stores.redis import RedisStore

PLAN = Plan((watch("count", 600),))
ADDRESS = "address:192.0.2.7"


class Stage:
    """A failover over a real server, with a clock that is moved by hand and the events it told."""

    def __init__(self, url: str, budget: float = 0.2) -> None:
        self.now = 0.0
        self.events: list[tuple[str, dict[str, int]]] = []
        self.redis = RedisStore(url, budget=budget, salt=b"")
        self.local = MemoryStore(salt=b"")
        self.store = Failover(self.redis, self.local, self.event, 2.0, lambda: self.now)

    def event(self, name: str, numbers: object) -> None:
        assert isinstance(numbers, dict)
        self.events.append((name, numbers))

    async def observe(self, at: float) -> Tally:
        return await self.store.observe(request(at), PLAN)

    async def fail(self, at: float = 0) -> None:
        """Requests until the primary is left alone."""
        for i in range(FAILURES):
            assert (await self.observe(at + i)).degraded


def play(server: RedisServer, story: Callable[[Stage], Awaitable[None]]) -> None:
    async def whole() -> None:
        stage = Stage(server.url)
        try:
            await story(stage)
        finally:
            await stage.store.close()

    asyncio.run(whole())


def test_while_redis_answers_the_answers_are_its_own(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        tallies = [await stage.observe(i) for i in range(3)]
        assert tallies == [Tally((1,)), Tally((2,)), Tally((3,))]
        assert await stage.store.place(ADDRESS, Rung.BLOCK, 5, START) == Standing(Rung.BLOCK, START + 5 * SECOND, 1)
        assert (stage.store.missed, stage.events) == (0, [])

    play(own_server, story)


def test_a_killed_redis_is_a_gap_with_start_and_end(own_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def story(stage: Stage) -> None:
        await feed(stage.store, PLAN, [request()] * 10)
        own_server.kill()
        for i in range(50):
            tally = await stage.observe(i)
            assert (tally.seen, tally.degraded) == ((i + 1,), True)
        assert stage.events == [("gap.start", {"start": START})]
        own_server.start()
        assert (await stage.observe(60)).degraded  # not yet tried again
        stage.now += 2
        assert await stage.observe(70) == Tally((1,))  # an empty server counts from the beginning
        assert stage.events[1:] == [("gap.end", {"start": START, "end": START + 70 * SECOND, "missed": 51})]
        assert await stage.observe(71) == Tally((2,))

    with caplog.at_level(logging.WARNING):
        play(own_server, story)
    assert len(caplog.records) == 2
    assert caplog.records[0].message.endswith("Counting in this process alone, trying again every 2 s.")
    assert caplog.records[1].message == "The shared store answers again; it missed 51 operations."


def test_a_hanging_redis_costs_the_budget_a_few_times_and_then_nothing(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        await stage.observe(0)
        own_server.hang()
        began = time.monotonic()
        await stage.fail()
        waited = time.monotonic() - began
        assert 0.2 * FAILURES <= waited < 0.2 * FAILURES + 1
        began = time.monotonic()
        for i in range(1000):
            assert (await stage.observe(i)).degraded
        assert time.monotonic() - began < 2  # waiting would be 200 s
        own_server.wake()
        stage.now += 2
        assert not (await stage.observe(1000)).degraded

    play(own_server, story)


def test_many_requests_at_a_hanging_redis_wait_together(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        await stage.observe(0)
        own_server.hang()
        began = time.monotonic()
        tallies = await asyncio.gather(*(stage.observe(1) for _ in range(2000)))
        assert all(tally.degraded for tally in tallies)
        assert time.monotonic() - began < 2
        own_server.wake()

    play(own_server, story)


def test_one_request_at_a_time_tries_again(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        await stage.observe(0)
        own_server.hang()
        await stage.fail()
        stage.now += 2
        began = time.monotonic()
        tallies = await asyncio.gather(*(stage.observe(i) for i in range(20)))
        assert all(tally.degraded for tally in tallies)
        assert time.monotonic() - began >= 0.2  # the one that tried
        began = time.monotonic()
        await asyncio.gather(*(stage.observe(i) for i in range(20)))
        assert time.monotonic() - began < 0.2  # nobody: its failure began the next pause
        own_server.wake()
        assert [name for name, _ in stage.events] == ["gap.start"]

    play(own_server, story)


def test_a_slip_or_two_are_no_gap(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        await stage.observe(0)
        for i in range(3):
            own_server.kill()
            for _ in range(FAILURES - 1):
                assert (await stage.observe(i)).degraded
            own_server.start()
            assert not (await stage.observe(i)).degraded
        assert stage.events == []
        assert stage.store.missed == 3 * (FAILURES - 1)

    play(own_server, story)


def test_standings_last_seen_hold_during_the_gap(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        other = RedisStore(own_server.url, budget=5.0, salt=b"")
        await other.place(ADDRESS, Rung.BLOCK, 60, START)
        await other.close()
        await stage.observe(1)  # learns what another worker decided
        await stage.store.place("address:192.0.2.8", Rung.THROTTLE, 60, START)
        own_server.kill()
        await stage.fail(2)
        tally = await stage.observe(59)
        assert tally == Tally((0,), Standing(Rung.BLOCK, START + 60 * SECOND), degraded=True)
        assert (await stage.store.observe(request(59, address="192.0.2.8"), PLAN)).standing.rung is Rung.THROTTLE
        assert (await stage.observe(60)).standing.rung is Rung.ALLOW

    play(own_server, story)


def test_a_standing_lifted_elsewhere_is_not_remembered(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        await stage.store.place(ADDRESS, Rung.BLOCK, 600, START)
        other = RedisStore(own_server.url, budget=5.0, salt=b"")
        await other.place(ADDRESS, Rung.ALLOW, 0, START)
        await other.close()
        await stage.observe(1)
        own_server.kill()
        await stage.fail(2)
        assert (await stage.observe(9)).standing == Standing()

    play(own_server, story)


def test_placements_go_on_during_the_gap_and_are_counted(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        own_server.kill()
        await stage.fail()
        assert (await stage.store.place(ADDRESS, Rung.BLOCK, 600, START)).rung is Rung.BLOCK
        assert (await stage.observe(1)).standing.rung is Rung.BLOCK
        assert stage.store.missed == FAILURES + 2

    play(own_server, story)


def test_a_restarted_redis_gets_its_scripts_again_without_a_gap(own_server: RedisServer) -> None:
    async def story(stage: Stage) -> None:
        await stage.observe(0)
        own_server.kill()
        own_server.start()
        await stage.observe(1)  # may be the one that finds the old connection dead
        assert not (await stage.observe(1)).degraded
        assert stage.events == []

    play(own_server, story)


def test_an_address_where_nobody_answers_does_not_hold_up_more_than_the_budget() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
            stage = Stage(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", budget=0.1)
            began = time.monotonic()
            await stage.fail()
            assert time.monotonic() - began < 0.1 * FAILURES + 0.5
            with pytest.raises(StoreUnavailable):
                await stage.redis.place(ADDRESS, Rung.BLOCK, 1, START)
            await stage.store.close()

    asyncio.run(story())


def test_the_store_of_the_configuration_fails_over(own_server: RedisServer) -> None:
    async def story() -> None:
        events: list[str] = []
        store = open_store(StoreSettings(own_server.url), lambda name, numbers: events.append(name))
        assert (await store.observe(request(), PLAN)).seen == (1,)
        own_server.kill()
        assert [(await store.observe(request(), PLAN)).degraded for _ in range(5)] == [True] * 5
        assert events == ["gap.start"]
        await store.close()

    asyncio.run(story())


def test_the_default_store_is_memory() -> None:
    assert isinstance(open_store(StoreSettings(), lambda name, numbers: None), MemoryStore)


def test_without_the_redis_package_the_error_says_what_to_install_and_memory_works() -> None:
    code = """
import sys
sys.modules["redis"] = None
from scrapeguard.errors import ConfigError
from scrapeguard.stores import StoreSettings, open_store
open_store(StoreSettings("memory://"), print)
try:
    open_store(StoreSettings("redis://127.0.0.1"), print)
except ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "store.url needs the package redis, which is not installed. Run pip install scrapeguard[redis].\n"
    )


def test_the_memory_store_does_not_load_the_redis_package() -> None:
    code = "import sys, scrapeguard.stores; print('redis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_standings_placed_while_redis_was_away_reach_it_when_it_is_back(own_server: RedisServer) -> None:
    """The last word on each subject; what was lifted is lifted."""

    async def story(stage: Stage) -> None:
        await stage.store.place("address:192.0.2.5", Rung.BLOCK, 600, START)
        await stage.observe(0)
        own_server.hang()
        await stage.fail(1)
        for last in (7, 8, 9):
            await stage.store.place(f"address:192.0.2.{last}", Rung.BLOCK, 600, START + last)
            await stage.store.place(f"address:192.0.2.{last}", Rung.THROTTLE, 30, START + last)
        await stage.store.place("address:192.0.2.9", Rung.ALLOW, 0, START + 10)
        await stage.store.place("address:192.0.2.5", Rung.ALLOW, 0, START + 10)
        own_server.wake()
        stage.now += 2
        assert not (await stage.observe(9)).degraded
        await stage.store.close()
        other = RedisStore(own_server.url, budget=5.0, salt=b"")
        found = [(await other.observe(request(9, address=f"192.0.2.{last}"), PLAN)).standing for last in (5, 7, 8, 9)]
        await other.close()
        block = [Standing(Rung.BLOCK, START + last + 600 * SECOND, 1) for last in (7, 8)]
        assert found == [Standing(), *block, Standing()]

    play(own_server, story)


def test_standings_are_owed_until_redis_stays_and_only_so_many(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scrapeguard.stores.failover.MOST_OWED", 100)

    async def story(stage: Stage) -> None:
        await stage.observe(0)
        own_server.kill()
        await stage.fail()
        for i in range(150):
            await stage.store.place(f"address:{i}", Rung.BLOCK, 600, START)
        own_server.start()
        stage.now += 2
        assert not (await stage.observe(9)).degraded
        await stage.store.close()

    play(own_server, story)
    found = own_server.command("KEYS", "sg:{address:*")
    assert isinstance(found, list)
    assert len(found) == 101  # the visitor's own, too
    assert b"sg:{address:49}" not in found
