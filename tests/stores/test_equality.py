"""Whatever the traffic, both stores say the same, number for number."""

import asyncio
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import RedisServer
from traffic import OK, START, nothing, request

from scrapeguard.model import Facts, Outcome, Plan, Rung, Store, Taken, Watch
from scrapeguard.stores.memory import MemoryStore
from scrapeguard.stores.redis import RedisStore


def weight(facts: Facts, _outcome: Outcome | None = None) -> Taken:
    return int(facts.method)


def page(facts: Facts, _outcome: Outcome | None = None) -> Taken:
    return facts.path if facts.method != "0" else None


def step(facts: Facts) -> Taken:
    family, _, last = facts.path.rpartition("/")
    return (family, int(last)) if facts.method != "0" else None


WATCHES: tuple[Watch, ...] = (
    Watch("one", "count", 10, weight),
    Watch("minute", "count", 60, weight, "network"),
    Watch("few", "distinct", 10, page, bits=64),
    Watch("more", "distinct", 30, page, "fingerprint", bits=256),
    Watch("late", "distinct", 20, page, after=True, bits=64),
    Watch("late-count", "count", 20, weight, "network", after=True),
    Watch("gaps", "gaps", 15, weight),
    Watch("gaps-of-all", "gaps", 4, weight, "network"),
    Watch("steps", "steps", 20, step),
    Watch("steps-of-all", "steps", 7, step, "fingerprint"),
    Watch("look", "distinct", 10, nothing),
    Watch("other", "count", 86_400, weight, "credential"),
)
PLANS = (Plan(WATCHES), Plan(WATCHES[::-2]))


@dataclass(frozen=True)
class Place:
    subject: str
    rung: Rung
    seconds: int
    at: float


requests = st.builds(
    request,
    at=st.integers(0, 120_000).map(lambda ms: ms / 1000),
    path=st.builds("{}/{}".format, st.sampled_from("abcdef"), st.integers(0, 40)),
    address=st.sampled_from(("192.0.2.1", "192.0.2.2", "")),
    fingerprint=st.sampled_from(("f", None)),
    method=st.sampled_from(("0", "1", "1", "3", str(2**53))),
)
places = st.builds(
    Place,
    st.sampled_from(("address:192.0.2.1", "address:192.0.2.1", "network:192.0.2.0/24", "fingerprint:f")),
    st.sampled_from(Rung),
    st.integers(0, 40),
    st.floats(0, 120),
)
plans = st.sampled_from((0, 0, 0, 1))
events = st.lists(st.tuples(requests | requests | requests | places, plans, st.booleans()), max_size=80)


def _time(event: tuple[Facts | Place, int, bool]) -> float:
    what = event[0]
    return what.at if isinstance(what, Place) else (what.time - START) / 1e6


async def told(store: Store, what: Facts | Place, plan: Plan, late: bool) -> object:
    if isinstance(what, Place):
        return await store.place(what.subject, what.rung, what.seconds, START + round(what.at * 1e6))
    return await store.observe(what, plan, OK if late else None)


@given(st.one_of(events, events.map(lambda each: sorted(each, key=_time))))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_traffic_gets_the_same_answers(
    redis_server: RedisServer, traffic: list[tuple[Facts | Place, int, bool]]
) -> None:
    async def compare() -> None:
        redis_server.command("FLUSHDB")
        memory, redis = MemoryStore(salt=b"s"), RedisStore(redis_server.url, budget=5.0, salt=b"s")
        for what, plan, late in traffic:
            one, other = await told(memory, what, PLANS[plan], late), await told(redis, what, PLANS[plan], late)
            assert one == other
        await redis.close()

    asyncio.run(compare())


def test_long_traffic_gets_the_same_answers(redis_server: RedisServer) -> None:
    """Enough requests for full bitmaps, halved moments and long walks, which short random traffic never reaches."""

    async def compare() -> None:
        memory, redis = MemoryStore(salt=b"s"), RedisStore(redis_server.url, budget=5.0, salt=b"s")
        for i in range(3000):
            at = i * 0.009 + (i * i % 17) * 0.001
            what = request(at, f"f{i % 5}/{i // 5 if i % 3 else i * i % 101}", f"192.0.2.{i % 2}", "f", "1")
            assert await memory.observe(what, PLANS[0]) == await redis.observe(what, PLANS[0])
        await redis.close()

    asyncio.run(compare())
