"""What every store promises: one suite for all of them, on real servers."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from servers import RedisServer, binaries
from traffic import OK, SECOND, START, feed, nothing, request, watch

from scrapeguard.errors import ConfigError
from scrapeguard.model import Facts, Gaps, Outcome, Pass, Plan, Rung, Standing, Steps, Store, Taken
from scrapeguard.stores.counting import LIMIT
from scrapeguard.stores.memory import MemoryStore
from scrapeguard.stores.redis import RedisStore

ADDRESS = "address:192.0.2.7"
Run = Callable[[Callable[[Store], Awaitable[None]]], None]


@pytest.fixture(params=["memory", *binaries(), "cluster", "watched"])
def run(request: pytest.FixtureRequest, redis_servers: dict[str, RedisServer]) -> Run:
    """Runs a coroutine with a fresh store."""

    def fresh() -> Store:
        if request.param == "memory":
            return MemoryStore(salt=b"")
        several = request.param in ("cluster", "watched")
        server = request.getfixturevalue(request.param) if several else redis_servers[request.param]
        return RedisStore(server.emptied().url, budget=5.0, salt=b"")

    async def whole(test: Callable[[Store], Awaitable[None]]) -> None:
        store = fresh()
        try:
            await test(store)
        finally:
            await store.close()

    return lambda test: asyncio.run(whole(test))


def test_four_requests_of_one_instant_count_as_four(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"),))
        tallies = await asyncio.gather(*(store.observe(request(), plan) for _ in range(4)))
        assert sorted(tally.seen for tally in tallies) == [(1,), (2,), (3,), (4,)]
        assert not any(tally.degraded for tally in tallies)

    run(test)


def test_a_count_slides_out_of_its_window_bit_by_bit(run: Run) -> None:
    async def test(store: Store) -> None:
        plan, look = Plan((watch("count"),)), Plan((watch("count", take=nothing),))
        assert await feed(store, plan, [request(2)] * 100) == (100,)
        assert await feed(store, look, [request(9.9)]) == (100,)
        assert await feed(store, look, [request(10)]) == (100,)
        assert await feed(store, look, [request(12.5)]) == (75,)
        assert await feed(store, plan, [request(15)]) == (51,)
        assert await feed(store, look, [request(19.999_999)]) == (1,)
        assert await feed(store, look, [request(25)]) == (0,)
        assert await feed(store, plan, [request(40)]) == (1,)

    run(test)


def test_a_count_adds_what_take_gives_and_stops_at_the_largest_exact_number(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count", take=lambda facts: int(facts.path[1:])),))
        assert await feed(store, plan, [request(path="/5"), request(path="/7"), request(path="/0")]) == (12,)
        assert await feed(store, plan, [request(path=f"/{LIMIT - 20}")]) == (LIMIT - 8,)
        assert await feed(store, plan, [request(path=f"/{10**30}")]) == (LIMIT,)
        assert await feed(store, plan, [request(10, path="/1")]) == (LIMIT + 1,)

    run(test)


def test_a_request_that_comes_late_counts_into_the_present_bucket(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"), watch("distinct")))
        assert await feed(store, plan, [request(25, "/a"), request(14, "/b"), request(3, "/c")]) == (3, 3)
        assert await feed(store, plan, [request(25, "/a")]) == (4, 3)
        assert await feed(store, plan, [request(35, "/d")]) == (3, 2)  # half of 4; half of 3, rounded down
        assert await feed(store, plan, [request(28, "/d")]) == (6, 4)  # as at the beginning of that bucket

    run(test)


def test_distinct_objects_are_counted_once_and_few_of_them_exactly(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("distinct"),))
        pages = [request(path=f"/page/{i}") for i in range(10)]
        assert await feed(store, plan, pages + pages[::-1]) == (10,)

    run(test)


@pytest.mark.parametrize(("objects", "bits"), [(60, 256), (200, 1024), (3000, 4096), (3000, 16384)])
def test_many_distinct_objects_are_estimated_within_some_per_cent(run: Run, objects: int, bits: int) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("distinct", bits=bits),))
        (seen,) = await feed(store, plan, [request(path=f"/page/{i}") for i in range(objects)])
        assert isinstance(seen, int)
        assert abs(seen - objects) < 0.08 * objects

    run(test)


def test_a_full_bitmap_answers_its_most_and_holds(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("distinct", bits=64),))
        most = round(64 * math.log(128))
        assert await feed(store, plan, [request(path=f"/page/{i}") for i in range(1000)]) == (most,)

    run(test)


def test_distinct_objects_of_the_bucket_before_fade_unless_seen_again(run: Run) -> None:
    async def test(store: Store) -> None:
        plan, look = Plan((watch("distinct"),)), Plan((watch("distinct", take=nothing),))
        pages = [f"/page/{i}" for i in range(20)]
        assert await feed(store, plan, [request(1, page) for page in pages]) == (20,)
        assert await feed(store, look, [request(15)]) == (10,)
        assert await feed(store, plan, [request(15, page) for page in pages[:10]]) == (15,)
        assert await feed(store, look, [request(19.999)]) == (10,)
        assert await feed(store, plan, [request(15, page) for page in pages]) == (20,)
        assert await feed(store, look, [request(25)]) == (10,)
        assert await feed(store, plan, [request(50)]) == (1,)

    run(test)


@pytest.mark.parametrize(
    "name",
    ["", "*", "a b\x00c\r\n$3\r\nfoo", "é漢😀", "\ud800", "+", "standing", "]]--", "%s%d", "/" * 8192],
    ids=range(10),
)
def test_no_text_of_a_visitor_can_break_out(run: Run, name: str) -> None:
    async def test(store: Store) -> None:
        plan = Plan((
            watch("distinct"),
            watch("steps", take=lambda facts: (facts.path, 5)),
            watch("count", subject="fingerprint"),
        ))  # fmt: skip
        hostile = request(path="x" + name, fingerprint="}" + name)
        assert await feed(store, plan, [hostile, hostile]) == (1, Steps(0, 0, "x" + name), 2)
        assert await feed(store, plan, [request(path="y", fingerprint="f")]) == (2, Steps(0, 0, "y"), 1)
        assert (await store.place(f"fingerprint:{name}", Rung.BLOCK, 1, START)).rung is Rung.BLOCK

    run(test)


def test_gaps_are_a_mean_and_a_deviation_in_milliseconds(run: Run) -> None:
    async def test(store: Store) -> None:
        plan, look = Plan((watch("gaps"),)), Plan((watch("gaps", take=nothing),))
        assert await feed(store, plan, [request(0)]) == (Gaps(0, 0, 0),)
        assert await feed(store, plan, [request(1), request(4), request(5), request(8)]) == (Gaps(4, 2000, 1000),)
        assert await feed(store, look, [request(9)]) == (Gaps(4, 2000, 1000),)

    run(test)


def test_a_pause_longer_than_the_window_begins_afresh(run: Run) -> None:
    async def test(store: Store) -> None:
        plan, look = Plan((watch("gaps"),)), Plan((watch("gaps", take=nothing),))
        assert await feed(store, plan, [request(0), request(1), request(11)]) == (Gaps(2, 5500, 4500),)
        assert await feed(store, look, [request(21.1)]) == (Gaps(0, 0, 0),)
        assert await feed(store, plan, [request(21.1)]) == (Gaps(0, 0, 0),)
        assert await feed(store, plan, [request(23.1)]) == (Gaps(1, 2000, 0),)

    run(test)


def test_requests_that_overtake_each_other_are_as_good_as_simultaneous(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("gaps"),))
        assert await feed(store, plan, [request(5), request(4.5), request(7)]) == (Gaps(2, 1000, 1000),)

    run(test)


def test_gaps_follow_a_change_of_habit(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("gaps"),))
        slow = [request(5 * i) for i in range(64)]
        assert await feed(store, plan, slow) == (Gaps(63, 5000, 0),)
        assert await feed(store, plan, [request(5 * 64)]) == (Gaps(32, 5000, 0),)
        (seen,) = await feed(store, plan, [request(5 * 64 + i) for i in range(1, 200)])
        assert isinstance(seen, Gaps)
        assert 1000 <= seen.mean <= 1200

    run(test)


def test_long_gaps_stay_exact(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("gaps", window=86_400),))
        assert await feed(store, plan, [request(10_799 * i) for i in range(60)]) == (Gaps(59, 10_799_000, 0),)
        assert await feed(store, plan, [request(10_799 * 60 + 2)]) == (Gaps(0, 0, 0),)

    run(test)


def items(numbers: list[int], family: str = "/item", at: float = 0, pause: float = 0.1) -> list[Facts]:
    return [request(at + pause * place, f"{family}/{each}") for place, each in enumerate(numbers)]


@pytest.mark.parametrize(
    ("numbers", "run_length", "stride"),
    [
        ([7], 0, 0),
        ([1, 2, 3, 4, 5], 4, 1),
        ([5, 4, 3, 2], 3, 1),
        ([0, 10, 20, 30], 3, 10),
        ([1, 2, 4, 5, 9], 4, 1),  # skips a little
        ([1, 3, 2, 4, 6, 5, 7], 4, 1),  # overtakes itself
        ([1, 2, 3, 2, 1, 3], 2, 1),  # looks again
        ([1, 2, 6], 2, 1),  # as wide as still goes
        ([0, 4, 5], 2, 1),
        ([1, 2, 7], 0, 0),  # jumps
        ([0, 5, 6], 0, 0),
        ([1, 2, 3, 9, 10], 1, 1),
        ([5, 6, 7, 4], 0, 0),  # turns
        ([1, 2, 3, 2**53], 2, 1),  # a number too large is no step
    ],
)
def test_steps_tell_a_walk(run: Run, numbers: list[int], run_length: int, stride: int) -> None:
    async def test(store: Store) -> None:
        plan, look = Plan((watch("steps"),)), Plan((watch("steps", take=nothing),))
        (seen,) = await feed(store, plan, items(numbers))
        assert seen == Steps(run_length, stride, "" if numbers[-1] == 2**53 else "/item")
        assert await feed(store, look, [request(2)]) == (Steps(run_length, stride, ""),)

    run(test)


def test_steps_follow_four_families_and_forget_the_one_touched_first(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("steps"),))
        for family in ("/a", "/b", "/c", "/d"):
            await feed(store, plan, items([1, 2, 3], family))
        assert await feed(store, plan, items([4], "/a", at=1)) == (Steps(3, 1, "/a"),)
        await feed(store, plan, items([1], "/e", at=1))
        assert await feed(store, plan, items([4], "/c", at=1)) == (Steps(3, 1, "/c"),)
        assert await feed(store, plan, items([4], "/b", at=1)) == (Steps(0, 0, "/b"),)
        assert await feed(store, plan, [request(1, "/no-number")]) == (Steps(3, 1, ""),)

    run(test)


def test_of_two_equal_walks_the_one_touched_last_is_told(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("steps"),))
        await feed(store, plan, items([10, 12, 14], "/a") + items([1, 2, 3], "/b"))
        assert await feed(store, plan, [request(1)]) == (Steps(2, 1, ""),)
        await feed(store, plan, items([14], "/a"))
        assert await feed(store, plan, [request(1)]) == (Steps(2, 2, ""),)

    run(test)


def test_a_late_request_does_not_age_a_walk(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("steps"),))
        await feed(store, plan, [request(9, "/item/1"), request(9, "/item/2"), request(1, "/item/3")])
        assert await feed(store, plan, [request(18, "/item/4")]) == (Steps(3, 1, "/item"),)

    run(test)


def test_a_rest_longer_than_the_window_ends_a_walk(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("steps"),))
        await feed(store, plan, items([1, 2, 3], pause=10))
        assert await feed(store, plan, [request(30.1)]) == (Steps(0, 0, ""),)
        assert await feed(store, plan, items([4], at=30.1)) == (Steps(0, 0, "/item"),)

    run(test)


def test_a_watch_that_takes_nothing_answers_and_adds_nothing(run: Run) -> None:
    async def test(store: Store) -> None:
        kinds = ("count", "distinct", "gaps", "steps")
        plan = Plan(tuple(watch(kind) for kind in kinds))
        look = Plan(tuple(watch(kind, take=nothing) for kind in kinds))
        assert await feed(store, look, [request()] * 3) == (0, 0, Gaps(0, 0, 0), Steps(0, 0, ""))
        await feed(store, plan, items([1, 2, 3]))
        answer = (3, 3, Gaps(2, 100, 0), Steps(2, 1, ""))
        assert await feed(store, look, [request(0.5)] * 3) == answer
        assert await feed(store, plan, items([4], at=0.3)) == (4, 4, Gaps(3, 100, 0), Steps(3, 1, "/item"))

    run(test)


def test_what_depends_on_the_outcome_is_added_when_it_is_known(run: Run) -> None:
    def missed(facts: Facts, outcome: Outcome) -> Taken:
        return facts.path if outcome.status == 404 else None

    async def test(store: Store) -> None:
        plan = Plan((watch("count"), watch("distinct", take=missed, after=True)))
        assert (await store.observe(request(path="/x"), plan)).seen == (1, 0)
        assert (await store.observe(request(path="/x"), plan, Outcome(404, 0, 0, True))).seen == (1, 1)
        assert (await store.observe(request(path="/y"), plan, OK)).seen == (1, 1)

    run(test)


def test_each_kind_of_subject_is_counted_by_itself_and_an_unknown_one_not_at_all(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((
            watch("count", subject="fingerprint"), watch("count"), watch("gaps", subject="network"),
            watch("count", subject="credential"),
        ))  # fmt: skip
        await feed(store, plan, [request(0, address="192.0.2.1", fingerprint="f")])
        assert await feed(store, plan, [request(1, address="192.0.2.2", fingerprint="f")]) == (
            2, 1, Gaps(1, 1000, 0), None,
        )  # fmt: skip
        assert await feed(store, plan, [request(1, address="", network="")]) == (None, None, None, None)

    run(test)


def test_a_standing_is_told_until_it_ends(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"),))
        until = START + 30 * SECOND
        assert await store.place(ADDRESS, Rung.THROTTLE, 30, START) == Standing(Rung.THROTTLE, until, 1)
        assert (await store.observe(request(29.9), plan)).standing == Standing(Rung.THROTTLE, until, 1)
        assert (await store.observe(request(30), plan)).standing == Standing(strikes=1)
        assert (await store.observe(request(5, address="192.0.2.8"), plan)).standing == Standing()

    run(test)


def test_a_standing_stops_all_counting(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"), watch("distinct"), watch("count", subject="network")))
        await feed(store, plan, [request(0, "/a"), request(1, "/b")])
        await store.place(ADDRESS, Rung.BLOCK, 5, START + 2 * SECOND)
        assert await feed(store, plan, [request(3, f"/{i}") for i in range(50)]) == (2, 2, 2)
        assert await feed(store, plan, [request(7, "/c")]) == (3, 3, 3)

    run(test)


def test_who_is_only_asked_a_challenge_is_counted(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"), watch("distinct"), watch("count", subject="network")))
        await store.place(ADDRESS, Rung.CHALLENGE, 5, START)
        assert await feed(store, plan, [request(1, f"/{i}") for i in range(3)]) == (3, 3, 3)

    run(test)


def test_a_pass_is_counted_whatever_address_it_comes_from(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count", subject="pass"), watch("count")))
        holder = Pass("ab", "work", 0, 1)
        asked = [replace(request(0, address=f"192.0.2.{i}"), passed=holder) for i in range(3)]
        assert await feed(store, plan, asked) == (3, 1)
        assert await feed(store, plan, [request(1)]) == (None, 1)

    run(test)


def test_of_a_thousand_who_spend_the_same_at_once_one_succeeds(run: Run) -> None:
    async def test(store: Store) -> None:
        spends = [store.spend("a" * 64, 60, START) for _ in range(1000)]
        assert sum(await asyncio.gather(*spends)) == 1
        assert not await store.spend("a" * 64, 60, START + SECOND)
        assert await store.spend("b" * 64, 60, START + SECOND)

    run(test)


def test_what_is_spent_can_be_spent_again_when_its_time_is_over() -> None:
    async def test() -> None:
        store = MemoryStore(max_subjects=2)
        assert await store.spend("a", 60, START)
        assert not await store.spend("a", 60, START + 60 * SECOND - 1)
        assert await store.spend("a", 60, START + 60 * SECOND)
        await store.spend("b", 60, START)
        await store.spend("c", 60, START)
        assert store.forgotten == 1, "memory is bounded"

    asyncio.run(test())


def test_a_standing_of_another_subject_stops_nothing(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"), watch("count", subject="network")))
        await store.place("network:192.0.2.0/24", Rung.BLOCK, 500, START)
        assert await feed(store, plan, [request(1), request(1)]) == (2, 2)
        assert await feed(store, plan, [request(1, address="")]) == (None, 3)
        assert (await store.observe(request(1), plan)).standing == Standing()

    run(test)


def test_only_what_begins_or_raises_a_standing_is_a_strike_and_nothing_lowers_it(run: Run) -> None:
    async def test(store: Store) -> None:
        def at(seconds: int) -> int:
            return START + seconds * SECOND

        assert await store.place(ADDRESS, Rung.THROTTLE, 30, at(0)) == Standing(Rung.THROTTLE, at(30), 1)
        assert await store.place(ADDRESS, Rung.THROTTLE, 30, at(10)) == Standing(Rung.THROTTLE, at(40), 1)
        assert await store.place(ADDRESS, Rung.THROTTLE, 5, at(10)) == Standing(Rung.THROTTLE, at(40), 1)
        assert await store.place(ADDRESS, Rung.BLOCK, 60, at(20)) == Standing(Rung.BLOCK, at(80), 2)
        assert await store.place(ADDRESS, Rung.THROTTLE, 900, at(30)) == Standing(Rung.BLOCK, at(80), 2)
        assert await store.place(ADDRESS, Rung.THROTTLE, 30, at(80)) == Standing(Rung.THROTTLE, at(110), 3)

    run(test)


def test_strikes_are_those_of_the_last_day_and_sixteen_at_most(run: Run) -> None:
    async def test(store: Store) -> None:
        plan, hour = Plan((watch("count"),)), 3600 * SECOND
        for i in range(20):
            standing = await store.place(ADDRESS, Rung.THROTTLE, 30, START + i * hour)
            assert standing.strikes == min(i + 1, 16)
        assert (await store.observe(request(27.9 * 3600), plan)).standing.strikes == 16
        assert (await store.observe(request(28 * 3600), plan)).standing.strikes == 15
        assert (await store.observe(request(43 * 3600), plan)).standing.strikes == 0

    run(test)


def test_lifting_a_standing_forgets_what_led_to_it(run: Run) -> None:
    async def test(store: Store) -> None:
        plan = Plan((watch("count"), watch("distinct"), watch("gaps"), watch("steps")))
        await feed(store, plan, items(list(range(20))))
        await store.place(ADDRESS, Rung.BLOCK, 900, START)
        assert await store.place(ADDRESS, Rung.ALLOW, 0, START) == Standing()
        tally = await store.observe(request(3, "/item/21"), plan)
        assert tally.seen == (1, 1, Gaps(0, 0, 0), Steps(0, 0, "/item"))
        assert tally.standing == Standing()

    run(test)


def test_another_plan_finds_equal_watches_as_they_were_and_others_empty(run: Run) -> None:
    async def test(store: Store) -> None:
        old = Plan((watch("count"), watch("distinct")))
        await feed(store, old, [request(0, "/a"), request(1, "/b")])
        new = Plan((watch("steps"), watch("count"), watch("distinct", window=20), watch("gaps", subject="network")))
        assert await feed(store, new, [request(2, "/c")]) == (Steps(0, 0, ""), 3, 1, Gaps(0, 0, 0))
        assert await feed(store, old, [request(3, "/d")]) == (4, 3)

    run(test)


def test_plans_that_change_in_mid_traffic_do_not_mix(run: Run) -> None:
    async def test(store: Store) -> None:
        plans = (Plan((watch("count"),)), Plan((watch("gaps"), watch("count"))))
        tallies = await asyncio.gather(*(store.observe(request(), plans[i % 2]) for i in range(10)))
        assert sorted(tally.seen[-1] for tally in tallies if isinstance(tally.seen[-1], int)) == list(range(1, 11))
        assert [len(tally.seen) for tally in tallies] == [1, 2] * 5

    run(test)


@pytest.mark.parametrize(
    "broken", [watch("count", window=0), watch("distinct", bits=100), watch("distinct", bits=2**20)]
)
def test_a_watch_that_cannot_be_counted_exactly_is_refused(run: Run, broken: object) -> None:
    async def test(store: Store) -> None:
        with pytest.raises(ConfigError, match="watch"):
            await store.observe(request(), Plan((broken,)))

    run(test)
