"""Redis Cluster and Sentinel, really started: one round trip to each node, slots that move, masters that die."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from servers import binaries
from several import Cluster, Node, Watched, until
from traffic import START, feed, request, watch

from scrapeguard.errors import ConfigError, StoreUnavailable
from scrapeguard.model import Plan, Rung, Tally
from scrapeguard.stores import StoreSettings, about, open_store
from scrapeguard.stores.failover import FAILURES, Failover
from scrapeguard.stores.memory import MemoryStore
from scrapeguard.stores.redis import RedisStore

PLAN = Plan((watch("count", 600), watch("count", 600, subject="network"), watch("count", 600, subject="fingerprint")))
ADDRESS = "address:192.0.2.7"
KEY = f"sg:{{{ADDRESS}}}"
SOON = 20.0  # seconds within which another master must have taken over


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that the test may hurt."""
    made = Cluster(next(iter(binaries().values())))
    yield made
    made.end()


@pytest.fixture
def own_watched() -> Iterator[Watched]:
    made = Watched(next(iter(binaries().values())))
    yield made
    made.end()


def drive(url: str, story: Callable[[RedisStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = RedisStore(url, budget=5.0, salt=b"")
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


def stats(node: Node) -> tuple[int, int]:
    """How often a node has read something, and how many scripts it has run."""
    found = node.ask("INFO", "stats"), node.ask("INFO", "commandstats")
    assert isinstance(found[0], dict)
    assert isinstance(found[1], dict)
    return int(found[0]["total_reads_processed"]), int(found[1]["cmdstat_evalsha"]["calls"])


def test_the_requests_of_one_turn_are_one_round_trip_to_each_node(cluster: Cluster) -> None:
    async def story(store: RedisStore) -> None:
        async def crowd(at: float) -> list[Tally]:
            return await asyncio.gather(*(store.observe(request(at, address=f"192.0.2.{i}"), PLAN) for i in range(120)))

        await crowd(0)
        before = [stats(node) for node in cluster.masters()]
        assert sorted(int(str(tally.seen[1])) for tally in await crowd(1)) == list(range(121, 241))
        for node, (reads, scripts) in zip(cluster.masters(), before, strict=True):
            now = stats(node)
            assert now[1] - scripts > 25
            assert now[0] - reads < 20  # 16 KiB each; some are ours, who ask, and the replica's

    drive(cluster.emptied().url, story)


def test_a_slot_that_moves_to_another_node_loses_no_count_and_counts_none_twice(own_cluster: Cluster) -> None:
    """Before, while and after: the key on the old node, on neither, on the new one."""
    source = own_cluster.owner(KEY)
    target = next(node for node in own_cluster.masters() if node is not source)
    slot = source.ask("CLUSTER", "KEYSLOT", KEY)
    assert isinstance(slot, int)
    plan = Plan((watch("count", 600),))

    async def story(store: RedisStore) -> None:
        assert await feed(store, plan, [request()]) == (1,)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", own_cluster.name(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", own_cluster.name(target))
        assert await feed(store, plan, [request(1)]) == (2,)
        source.ask("MIGRATE", "127.0.0.1", target.port, KEY, 0, 5000)
        answers = await asyncio.gather(*(store.observe(request(2), plan) for _ in range(20)))  # ASK, with one script
        assert sorted(it.seen for it in answers) == [(count,) for count in range(3, 23)]
        for node in (target, source, *own_cluster.masters()):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", own_cluster.name(target))
        assert await feed(store, plan, [request(3)]) == (23,)  # MOVED
        assert (await store.place(ADDRESS, Rung.BLOCK, 60, START)).rung is Rung.BLOCK

    drive(own_cluster.url, story)
    assert own_cluster.owner(KEY) is target


class Load:
    """Visitors who come without a pause, to a store that may lose its master."""

    def __init__(self, url: str) -> None:
        self.events: list[str] = []
        self.redis = RedisStore(url, budget=0.1, salt=b"")
        self.store = Failover(self.redis, MemoryStore(salt=b""), lambda name, _: self.events.append(name), 0.3)
        self.told: list[Tally] = []
        self.longest = 0.0

    async def visit(self, last: Callable[[], bool]) -> None:
        """Requests until the condition holds: each is answered."""
        end = time.monotonic() + SOON
        while not last():
            began = time.monotonic()
            assert began < end, f"no recovery in {SOON} s: {self.told[-1]}"
            self.told.append(await self.store.observe(request((len(self.told)) / 1000), PLAN))
            self.longest = max(self.longest, time.monotonic() - began)
            await asyncio.sleep(0.005)

    def well(self, since: int) -> bool:
        """Whether the last answers are the primary's again."""
        return len(self.told) > since + 20 and not any(it.degraded for it in self.told[-20:])


def survive(url: str, kill: Callable[[], None]) -> None:
    """A master dies under load: every request is answered, the gap is on record, standings hold through and after."""

    async def whole() -> None:
        load = Load(url)
        try:
            await load.visit(lambda: load.well(0))
            await load.store.place("address:192.0.2.8", Rung.BLOCK, 900, START)
            await asyncio.sleep(0.3)  # until it is replicated
            kill()
            since = len(load.told)
            await load.visit(lambda: "gap.start" in load.events)
            assert (await load.store.place("address:192.0.2.9", Rung.BLOCK, 900, START)).rung is Rung.BLOCK
            await load.visit(lambda: "gap.end" in load.events and load.well(since))
            assert sum(it.degraded for it in load.told) >= FAILURES
            assert load.longest < 1
            for who in ("192.0.2.8", "192.0.2.9"):
                standing = (await load.store.observe(request(1, address=who), PLAN)).standing
                assert standing.rung is Rung.BLOCK, who
        finally:
            await load.store.close()

    asyncio.run(whole())


def test_a_master_of_a_cluster_that_dies_under_load_loses_no_request(own_cluster: Cluster) -> None:
    survive(own_cluster.url, own_cluster.owner(KEY).kill)
    assert len(own_cluster.masters()) == 3


def test_a_master_that_sentinel_watches_and_that_dies_under_load_loses_no_request(own_watched: Watched) -> None:
    old = own_watched.master()
    survive(own_watched.url, old.kill)
    assert own_watched.master() is not old


def test_a_master_that_was_demoted_is_asked_no_more(own_watched: Watched) -> None:
    """A failover that the operator orders: the old master lives, and says that it is read only."""

    async def story(store: RedisStore) -> None:
        old = own_watched.master()
        (first, *_) = await feed(store, PLAN, [request()] * 3)
        assert first == 3
        own_watched.sentinels[0].ask("SENTINEL", "FAILOVER", "mymaster")
        until(lambda: "slave" in str(old.ask("ROLE")) and own_watched.master() is not old, "it is demoted")
        for _ in range(3):  # one may find the old connection dead
            try:
                answer = await feed(store, PLAN, [request(1)])
            except StoreUnavailable:
                continue
        assert answer[0] in (4, 5, 6)

    drive(own_watched.url, story)


@asynccontextmanager
async def misled(master: int) -> AsyncIterator[int]:
    """A sentinel that has heard of nothing, and names the server on this port for ever; its own port."""
    named = b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(master)), master)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            commands = data.replace(b"\r\n*", b"\r\n\0").split(b"\0")
            writer.write(b"".join(named if b"GET-MASTER" in it else b"+OK\r\n" for it in commands))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        yield int(listening.sockets[0].getsockname()[1])


def test_a_sentinel_that_names_a_replica_is_asked_after_the_others(watched: Watched) -> None:
    master = watched.emptied().master()
    (replica,) = (node for node in watched.nodes if node is not master)

    async def whole() -> None:
        async with misled(replica.port) as port:
            store = RedisStore(watched.url.replace("//", f"//127.0.0.1:{port},"), budget=5.0, salt=b"")
            with pytest.raises(StoreUnavailable, match="read only replica"):
                await store.place(ADDRESS, Rung.BLOCK, 60, START)
            for _ in range(3):
                assert (await store.place(ADDRESS, Rung.BLOCK, 60, START)).rung is Rung.BLOCK
            await store.close()

    asyncio.run(whole())


def test_a_server_says_who_it_is(cluster: Cluster, watched: Watched) -> None:
    for url in (cluster.url, watched.url):
        assert asyncio.run(about(StoreSettings(url))).endswith(" answers.")


def test_a_service_that_sentinel_does_not_know_is_an_unavailable_store(watched: Watched) -> None:
    async def story(store: RedisStore) -> None:
        with pytest.raises(StoreUnavailable, match="Sentinel knows no master 'other'"):
            await store.observe(request(), PLAN)

    drive(watched.url.replace("mymaster", "other"), story)


def test_a_server_that_is_no_cluster_is_an_unavailable_store(watched: Watched) -> None:
    async def story(store: RedisStore) -> None:
        with pytest.raises(StoreUnavailable, match="cluster support disabled"):
            await store.observe(request(), PLAN)

    drive(f"redis+cluster://127.0.0.1:{watched.master().port}", story)


def test_nobody_there_is_an_unavailable_store_within_the_budget() -> None:
    async def visit(url: str) -> None:
        store = RedisStore(url, budget=0.1, salt=b"")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.observe(request(), PLAN)
        assert time.monotonic() - began < 0.5
        await store.close()

    for url in ("redis+cluster://127.0.0.1:1,127.0.0.1:2", "redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster"):
        asyncio.run(visit(url))


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://user:sec/ret@host:26379/mymaster",
        "redis+sentinel://host:26379",
        "redis+sentinel://host:26379/",
        "redis+sentinel:///mymaster",
        "redis+cluster://",
        "redis+cluster://user:sec@host:port",
        "redis+cluster://host:7000/1",
        "redis+cluster://host:7000?db=1",
        "redis+cluster://host:7000?no_such_option=sec",
        "redis://host?no_such_option=sec",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(StoreSettings(url), lambda name, numbers: None)
    assert "sec" not in str(caught.value)
    assert caught.value.hint
