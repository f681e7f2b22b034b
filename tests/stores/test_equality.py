"""Whatever the traffic, both stores say the same, number for number."""

import asyncio
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from servers import RedisServer
from several import Cluster
from traffic import OK, SECOND, START, nothing, request

from scrapeguard.model import Doubt, Facts, Mark, Outcome, Plan, Rung, Store, Taken, Watch
from scrapeguard.stores.memory import MemoryStore
from scrapeguard.stores.redis import RedisStore


def weight(facts: Facts, _more: Outcome | Doubt | None = None) -> Taken:
    return int(facts.method)


def page(facts: Facts, _more: Outcome | Doubt | None = None) -> Taken:
    return facts.path if facts.method != "0" else None


def step(facts: Facts) -> Taken:
    family, _, last = facts.path.rpartition("/")
    return (family, int(last)) if facts.method != "0" else None


def marked(facts: Facts, doubt: Doubt) -> Taken:
    """Every third request leaves a mark."""
    number = int(facts.path.rpartition("/")[2])
    return Mark(facts.time, 7, number, 9, (f"r{number}" * 9)[:24]) if number % 3 == 0 else None


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
    Watch("steps-of-all", "steps", 5, step, "fingerprint"),
    Watch("trail", "steps", 5, step, "fingerprint", reach=4),
    Watch("trail-of-all", "steps", 20, step, reach=16),
    Watch("look", "distinct", 10, nothing),
    Watch("other", "count", 86_400, weight, "credential"),
)
CLOSER: tuple[Watch, ...] = (
    Watch("mark", "mark", 10, marked, "fingerprint", closer=True),
    Watch("mark-of-all", "mark", 5, marked, "network", closer=True),
    Watch("doubted", "distinct", 10, page, "fingerprint", bits=64, closer=True),
    Watch("doubted-trail", "steps", 10, lambda facts, _: step(facts), "fingerprint", closer=True, reach=8),
    Watch("doubted-count", "count", 10, weight, closer=True),
)
PLANS = (Plan(WATCHES), Plan(WATCHES[::-2]), Plan(CLOSER, held=False))
DAY = 86_400.0
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # to shrink takes minutes with six servers


@dataclass(frozen=True)
class Move:
    """One event, told by how it differs from the one before, so that random moves make walks, rests and returns."""

    pause: float
    family: str
    stride: int
    address: str
    fingerprint: str | None
    weight: str
    plan: int
    late: bool
    placed: tuple[str, Rung, int] | None

    def request(self, at: float, number: int) -> Facts:
        return request(at, f"{self.family}/{number}", self.address, self.fingerprint, self.weight)


SUBJECTS = ("address:192.0.2.1", "address:192.0.2.1", "network:192.0.2.0/24", "fingerprint:f")
moves = st.builds(
    Move,
    pause=st.sampled_from((0, 0.1, 0.1, 0.3, 1, 1, 2.5, 4, 5, 5.1, 10, 15, 20, -0.2, -1, -10, DAY, DAY - 20)),
    family=st.sampled_from("aaaaaabcdef"),
    stride=st.sampled_from((1, 1, 1, 1, 2, 4, 5, 0, -1, -3, 20, 30)),
    address=st.sampled_from(("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "")),
    fingerprint=st.sampled_from(("f", "f", None)),
    weight=st.sampled_from(("1", "1", "1", "0", "3", str(2**53))),
    plan=st.sampled_from((0, 0, 0, 0, 1, 2, 2)),
    late=st.sampled_from((False, False, False, True)),
    placed=st.sampled_from((False,) * 6 + (True,)).flatmap(
        lambda yes: (
            st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(Rung), st.sampled_from((0, 1, 5, 10, 30)))
            if yes
            else st.none()
        )
    ),
)


async def same(memory: Store, redis: Store, traffic: list[Move]) -> None:
    """Both stores answer each move alike."""
    at, number = 0.0, 50
    for move in traffic:
        at, number = max(at + move.pause, 0), max(number + move.stride, 0)
        answers = []
        for store in (memory, redis):
            if move.placed is not None:
                subject, rung, seconds = move.placed
                answers.append(await store.place(subject, rung, seconds, START + round(at * SECOND)))
            facts, outcome = move.request(at, number), OK if move.late else None
            more = Doubt(2) if move.plan == 2 else outcome
            answers.append(await store.observe(facts, PLANS[move.plan], more))
        assert answers[: len(answers) // 2] == answers[len(answers) // 2 :]


def compare(server: RedisServer | Cluster, traffic: list[Move]) -> None:
    async def whole() -> None:
        redis = RedisStore(server.emptied().url, budget=5.0, salt=b"s")
        try:
            await same(MemoryStore(salt=b"s"), redis, traffic)
        finally:
            await redis.close()

    asyncio.run(whole())


@given(st.lists(moves, min_size=10, max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_same_traffic_gets_the_same_answers(redis_server: RedisServer, traffic: list[Move]) -> None:
    compare(redis_server, traffic)


@given(st.lists(moves, min_size=10, max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
def test_the_same_traffic_gets_the_same_answers_from_a_cluster(cluster: Cluster, traffic: list[Move]) -> None:
    compare(cluster, traffic)


def test_long_traffic_gets_the_same_answers(redis_server: RedisServer) -> None:
    """Enough requests for full bitmaps, halved moments and long walks, which short random traffic never reaches."""
    traffic = [
        Move(
            pause=i % 13 * 0.002 - i % 5 * 0.001,
            family="abcde"[i % 5],
            stride=1 if i % 3 else i % 7 - 3,
            address=f"192.0.2.{i % 2}",
            fingerprint="f",
            weight="1",
            plan=2 if i % 4 == 0 else 0,
            late=False,
            placed=None,
        )
        for i in range(3000)
    ]
    compare(redis_server, traffic)
