"""What only the Redis store promises: names, lifetimes, round trips, one salt, and refusals that say why."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from certificates import certificate
from servers import RedisServer
from traffic import SECOND, START, feed, request, watch

from scrapeguard.config import load
from scrapeguard.errors import ConfigError, StoreUnavailable
from scrapeguard.model import Plan, Rung, Seen, Standing
from scrapeguard.parts import examine
from scrapeguard.stores import StoreSettings, about, open_store
from scrapeguard.stores.redis import RedisStore

PLAN = Plan((
    watch("count"), watch("distinct"), watch("gaps"), watch("steps"), watch("count", subject="network"),
    watch("count", 600, subject="fingerprint"),
))  # fmt: skip
ADDRESS = "address:192.0.2.7"


def drive(server: RedisServer, story: Callable[[RedisStore], Awaitable[None]], salt: bytes | None = b"") -> None:
    async def whole() -> None:
        store = RedisStore(server.url, budget=5.0, salt=salt)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


def keys(server: RedisServer) -> set[bytes]:
    found = server.command("KEYS", "*")
    assert isinstance(found, list)
    return set(found)


def ttl(server: RedisServer, key: str) -> int:
    seconds = server.command("TTL", key)
    assert isinstance(seconds, int)
    return seconds


def test_each_subject_is_one_hash_whose_name_keeps_it_in_one_slot(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await feed(store, PLAN, [request(0, "/a/1", fingerprint="f"), request(1, "/a/2", address="2001:db8::/64")])

    drive(redis_server, story)
    assert keys(redis_server) == {
        b"sg:{address:192.0.2.7}",
        b"sg:{address:2001:db8::/64}",
        b"sg:{network:192.0.2.0/24}",
        b"sg:{fingerprint:f}",
    }
    fields = redis_server.command("HKEYS", "sg:{address:192.0.2.7}")
    assert isinstance(fields, list)
    assert set(fields) == {
        b"count-address.c10", b"distinct-address.d10.4096+", b"distinct-address.d10.4096", b"gaps-address.g10",
        b"steps-address.s10",
    }  # fmt: skip


def test_every_key_but_the_salt_expires_once_nothing_in_it_matters(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.observe(request(fingerprint="f"), PLAN)
        await store.place("address:192.0.2.8", Rung.BLOCK, 900, START)
        await store.place("address:192.0.2.9", Rung.BLOCK, 200_000, START)
        await store.place("address:192.0.2.10", Rung.BLOCK, 10**12, START)

    drive(redis_server, story, salt=None)
    assert 79 <= ttl(redis_server, "sg:{address:192.0.2.7}") <= 80
    assert 1259 <= ttl(redis_server, "sg:{fingerprint:f}") <= 1260
    assert 86_399 <= ttl(redis_server, "sg:{address:192.0.2.8}") <= 86_400
    assert 199_999 <= ttl(redis_server, "sg:{address:192.0.2.9}") <= 200_000
    assert ttl(redis_server, "sg:{address:192.0.2.10}") > 86_400 * 365
    assert [key for key in keys(redis_server) if ttl(redis_server, key.decode()) < 0] == [b"sg:salt"]


def test_counting_does_not_shorten_the_life_of_strikes_nor_placing_that_of_counts(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.place(ADDRESS, Rung.THROTTLE, 10, START)
        await store.observe(request(3600), PLAN)
        await feed(store, Plan((watch("count", 10 * 86_400),)), [request(address="192.0.2.8")])
        await store.place("address:192.0.2.8", Rung.THROTTLE, 10, START)

    drive(redis_server, story)
    assert 82_799 <= ttl(redis_server, "sg:{address:192.0.2.7}") <= 82_800
    assert ttl(redis_server, "sg:{address:192.0.2.8}") > 19 * 86_400


def test_a_return_to_a_known_object_prolongs_the_life_of_a_key(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        plan = Plan((watch("distinct"),))
        await store.observe(request(), plan)
        redis_server.command("EXPIRE", "sg:{address:192.0.2.7}", 5)
        await store.observe(request(), plan)

    drive(redis_server, story)
    assert ttl(redis_server, "sg:{address:192.0.2.7}") >= 79


def test_what_only_looks_writes_nothing(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await feed(store, Plan((watch("count", take=lambda facts: 0),)), [request()] * 3)

    drive(redis_server, story)
    assert keys(redis_server) == set()


def test_the_requests_of_one_turn_share_a_round_trip(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.observe(request(), PLAN)  # connects, and loads the script
        redis_server.command("CONFIG", "RESETSTAT")
        await asyncio.gather(*(store.observe(request(1, address=f"192.0.2.{i}"), PLAN) for i in range(50)))

    drive(redis_server, story)
    calls = redis_server.calls()
    assert calls["evalsha"] == 1
    assert calls["hmget"] == calls["hset"] == calls["expire"] == 100  # two subjects each
    assert set(calls) <= {"evalsha", "hmget", "hset", "expire", "config|resetstat", "info", "client|setinfo"}


def test_a_flood_is_split_so_that_redis_is_not_held_up(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.observe(request(), PLAN)
        redis_server.command("CONFIG", "RESETSTAT")
        tallies = await asyncio.gather(*(store.observe(request(1), PLAN) for _ in range(1000)))
        assert sorted(tally.seen[0] for tally in tallies if isinstance(tally.seen[0], int)) == list(range(2, 1002))

    drive(redis_server, story)
    assert redis_server.calls()["evalsha"] == 8  # 2,000 subjects, 256 at most in each


def test_nobody_is_left_behind_when_requests_come_without_a_pause(redis_server: RedisServer) -> None:
    async def visitor(store: RedisStore) -> None:
        for i in range(100):
            await store.observe(request(i / 100), PLAN)

    async def story(store: RedisStore) -> None:
        await asyncio.gather(*(visitor(store) for _ in range(7)))
        assert (await store.observe(request(1), PLAN)).seen[0] == 701

    drive(redis_server, story)


def test_requests_that_were_cancelled_disturb_nobody(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        tasks = [asyncio.create_task(store.observe(request(), PLAN)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False] * 5

    drive(redis_server, story)


def test_all_workers_agree_on_a_salt(redis_server: RedisServer) -> None:
    plan = Plan((watch("distinct"),))
    answers = []

    async def one(store: RedisStore) -> None:
        answers.append(await feed(store, plan, [request(path=f"/{i}") for i in range(20)]))

    for _ in range(3):
        drive(redis_server, one, salt=None)
    assert answers == answers[:1] * 3
    assert len(redis_server.command("GET", "sg:salt")) == 16  # type: ignore[arg-type]


def test_workers_agree_again_after_the_server_lost_everything(redis_server: RedisServer) -> None:
    plan = Plan((watch("distinct"),))
    pages = [request(path=f"/{i}") for i in range(20)]

    async def story(old: RedisStore) -> None:
        await feed(old, plan, pages)
        redis_server.emptied()
        new = RedisStore(redis_server.url, budget=5.0)
        answer = await feed(new, plan, pages)
        redis_server.command("SCRIPT", "FLUSH")
        await old.observe(request(), plan)  # still with its own salt: it finds the script gone
        redis_server.command("DEL", f"sg:{{{ADDRESS}}}")
        await feed(old, plan, pages)
        assert await feed(new, plan, pages) == answer
        await new.close()

    drive(redis_server, story, salt=None)


def test_a_crowd_of_first_requests_asks_for_the_salt_once(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await asyncio.gather(*(store.observe(request(), PLAN) for _ in range(100)))

    drive(redis_server, story, salt=None)
    calls = redis_server.calls()
    assert calls["get"] == 2  # a script that is not known is the other occasion
    assert calls["evalsha"] == calls["eval"] == 1


def test_a_server_says_who_it_is(redis_server: RedisServer) -> None:
    said = asyncio.run(about(StoreSettings(redis_server.url)))
    assert re.fullmatch(r"(redis|valkey) \d+\.\d+\.\d+ answers\.", said)


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
    sink.close()


@asynccontextmanager
async def encrypted(server: RedisServer, cert: str, key: str) -> AsyncIterator[str]:
    """A TLS port in front of a server that may have none itself; yields its URL."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_unix_connection(server.url.removeprefix("unix://"))
        await asyncio.gather(pump(reader, ahead), pump(behind, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    async with await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context) as listening:
        yield f"rediss://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"


def test_rediss_is_redis_over_tls_that_checks_who_answers(redis_server: RedisServer, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)

    async def visit(url: str) -> tuple[Seen, ...]:
        store = RedisStore(url, budget=5.0, salt=b"")
        try:
            return await feed(store, Plan((watch("count"),)), [request()] * 3)
        finally:
            await store.close()

    async def story() -> None:
        async with encrypted(redis_server, cert, key) as url:
            assert await visit(f"{url}?ssl_ca_certs={cert}") == (3,)
            with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await visit(url)

    asyncio.run(story())


def test_a_prefix_keeps_sites_apart(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        other = RedisStore(redis_server.url, "shop", 5.0, b"")
        plan = Plan((watch("count"),))
        await feed(store, plan, [request()] * 3)
        assert await feed(other, plan, [request()]) == (1,)
        await other.close()

    drive(redis_server, story)
    assert keys(redis_server) == {b"sg:{address:192.0.2.7}", b"shop:{address:192.0.2.7}"}


def test_a_damaged_field_counts_as_absent_and_harms_no_other_subject(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.observe(request(0, "/a/1"), PLAN)
        key = "sg:{address:192.0.2.7}"
        fields = redis_server.command("HKEYS", key)
        assert isinstance(fields, list)
        for field in [b"standing", *(each for each in fields if each[-1:] != b"+")]:
            redis_server.command("HSET", key, field, b"\xffrubbish")
        answers = await asyncio.gather(store.observe(request(1, "/a/1"), PLAN), feed(store, PLAN, [request(1)]))
        assert answers[0].seen[0] == 1

    drive(redis_server, story)


def test_memory_for_a_visitor_stays_small_however_many_requests(redis_server: RedisServer) -> None:
    def size() -> int:
        found = redis_server.command("MEMORY", "USAGE", "sg:{address:192.0.2.7}", "SAMPLES", 0)
        assert isinstance(found, int)
        return found

    async def story(store: RedisStore) -> None:
        await feed(store, PLAN, [request(i / 100, f"/{i}/{i}") for i in range(20)])
        assert size() < 1_000
        await feed(store, PLAN, [request(0.2 + i / 1000, f"/{i}/{i}") for i in range(6000)])
        assert size() < 3_000

    drive(redis_server, story)


def test_a_store_serves_event_loops_one_after_the_other(redis_server: RedisServer) -> None:
    store = RedisStore(redis_server.url, budget=5.0, salt=b"")
    plan = Plan((watch("count"),))

    async def visit() -> tuple[Seen, ...]:
        try:
            return await feed(store, plan, [request()])
        finally:
            await store.close()

    assert [asyncio.run(visit()) for _ in range(3)] == [(1,), (2,), (3,)]


def test_a_full_server_is_an_unavailable_store(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.observe(request(), PLAN)
        redis_server.command("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await store.observe(request(), PLAN)
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await store.place(ADDRESS, Rung.BLOCK, 1, START)

    drive(redis_server, story)


def test_a_read_only_replica_is_an_unavailable_store(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        await store.observe(request(), PLAN)
        redis_server.command("REPLICAOF", "127.0.0.1", "1")
        try:
            with pytest.raises(StoreUnavailable, match="read only"):
                await store.observe(request(), PLAN)
        finally:
            redis_server.command("REPLICAOF", "NO", "ONE")

    drive(redis_server, story)


def test_a_wrong_password_is_an_unavailable_store_and_is_not_told(redis_server: RedisServer) -> None:
    async def story() -> None:
        store = RedisStore(f"{redis_server.url}?password=secret", budget=5.0)
        with pytest.raises(StoreUnavailable) as caught:
            await store.observe(request(), PLAN)
        assert "secret" not in str(caught.value)
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize("url", ["redis://user:sec/ret@host", "redis://host:port/0", "redis://[::1", "unix:///s?db=x"])
def test_a_url_that_cannot_be_read_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(StoreSettings(url), lambda name, numbers: None)
    assert "sec" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("url", ["", "mysql://host", "MEMORY://"])
def test_an_unknown_scheme_is_refused_with_those_there_are(url: str) -> None:
    with pytest.raises(ConfigError, match="memory://, redis://, rediss://, unix://"):
        open_store(StoreSettings(url), lambda name, numbers: None)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="max_subjects is 0"):
        StoreSettings(max_subjects=0)
    with pytest.raises(ValueError, match="budget_ms is 0"):
        StoreSettings(budget_ms=0)


@pytest.mark.parametrize("window", [0, 10**9])
def test_a_window_that_cannot_be_counted_is_refused_before_the_first_request(window: int) -> None:
    with pytest.raises(ConfigError, match=f"The watch 'pace' has a window of {window} s"):
        examine(load({"signals": {"pace": {"window": window}}, "evidence": {"directory": ""}}))


def test_standings_reach_the_other_workers(redis_server: RedisServer) -> None:
    async def story(store: RedisStore) -> None:
        other = RedisStore(redis_server.url, budget=5.0, salt=b"")
        await store.place(ADDRESS, Rung.BLOCK, 30, START)
        tally = await other.observe(request(1), PLAN)
        assert tally.standing == Standing(Rung.BLOCK, START + 30 * SECOND, 1)
        await other.close()

    drive(redis_server, story)
