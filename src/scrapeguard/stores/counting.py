"""What both stores agree on: how a plan is laid out, how names become numbers, how counts become answers.

All state is integers below 2**53, which Lua's numbers keep exactly, so both stores answer number for number.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from scrapeguard.errors import ConfigError
from scrapeguard.model import Gaps, Mark, Plan, Rung, Standing, Steps, SubjectKind, Watch

LIMIT = 2**53 - 1
SECOND = 1_000_000  # microseconds
DAY = 86_400 * SECOND  # how long a strike is remembered
STRIKES = 16  # and how many at most
FAMILIES = 4  # walks followed at once for a subject and watch
MOMENTS = 64  # gaps after which the running moments are halved, so that they follow a change
LONGEST_WINDOW = 366 * 86_400  # seconds
LONGEST_GAP = 10_800 * SECOND  # 64 squares of it, in milliseconds, still fit below 2**53
MOST_BITS = 16_384  # two halves of 7 bits; see `pairs` in cells.py
PLANS = 8  # laid out at once; a configuration has two, and a reload brings two more
REMEMBERED = 1024  # names whose digest is kept at hand: several watches count the same object

CLEAR = Standing()
COUNTED = (Rung.ALLOW, Rung.CHALLENGE)  # standings under which requests are counted; so it is in observe.lua
NO_GAPS = Gaps(0, 0, 0)
NO_STEPS = Steps(0, 0, "")
NO_MARK = Mark()


@dataclass(frozen=True, slots=True)
class Group:
    """The watches of a plan that count for one kind of subject, with their places in the plan."""

    kind: SubjectKind
    watches: tuple[Watch, ...]
    places: tuple[int, ...]
    keep: int  # seconds after which nothing counted here matters any more


def groups(plan: Plan) -> tuple[Group, ...]:
    """The plan by kind of subject; "address" is there and first, if its standing decides for all, and else last."""
    kinds: dict[SubjectKind, list[int]] = {"address": []} if plan.held else {}
    for place, watch in enumerate(plan.watches):
        kinds.setdefault(watch.subject, []).append(place)
    if not plan.held and "address" in kinds:
        kinds["address"] = kinds.pop("address")
    found = []
    for kind, places in kinds.items():
        watches = tuple(plan.watches[place] for place in places)
        longest = max((watch.window for watch in watches), default=0)
        found.append(Group(kind, watches, tuple(places), 2 * longest + 60))
    return tuple(found)


def field(watch: Watch) -> str:
    """The name under which a watch's state is kept; other measures are another state, so a reload starts afresh."""
    if watch.kind == "distinct":
        return f"{watch.name}.d{watch.window}.{watch.bits}"
    if watch.kind == "steps" and watch.reach:
        return f"{watch.name}.s{watch.window}.{watch.reach}"
    return f"{watch.name}.{watch.kind[0]}{watch.window}"


def span(watch: Watch) -> int:
    """The window in microseconds. Raises ConfigError for measures that cannot be counted exactly."""
    if not 1 <= watch.window <= LONGEST_WINDOW:
        hint = f"A window under [signals] must be from 1 s to {LONGEST_WINDOW} s, a year."
        raise ConfigError(f"The watch {watch.name!r} has a window of {watch.window} s.", hint)
    if watch.bits % 8 or not 64 <= watch.bits <= MOST_BITS:
        hint = f"A multiple of 8 from 64 to {MOST_BITS} can be counted."
        raise ConfigError(f"The watch {watch.name!r} has {watch.bits} bits.", hint)
    window = watch.window * SECOND
    return min(window, LONGEST_GAP) if watch.kind == "gaps" else window


class Digest:
    """Names as numbers of 48 bits that nobody without the salt can aim; any text will do, lone surrogates too."""

    __slots__ = ("_start",)

    def __init__(self, salt: bytes) -> None:
        self._start = blake2b(key=salt, digest_size=6)

    def __call__(self, name: str) -> int:
        state = self._start.copy()
        state.update(name.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "big")


@lru_cache(maxsize=16)
def estimates(bits: int) -> tuple[int, ...]:
    """How many objects have probably set 0, 1, 2, … of `bits` bits (linear counting, Whang et al. 1990)."""
    full = round(bits * math.log(2 * bits))  # all set: as if half a bit were still free
    return (*(round(-bits * math.log(1 - ones / bits)) for ones in range(bits)), full)


def slide(now: int, before: int, elapsed: int, window: int) -> int:
    """The count in the window that ends now: this bucket, and of the one before the share that is still inside."""
    return now + before * (window - elapsed) // window


def slide_distinct(ones: int, only: int, elapsed: int, window: int, table: tuple[int, ...]) -> int:
    """The same for bitmaps: `ones` bits set in this bucket, `only` bits set in the one before and not in this one."""
    now = table[ones]
    return now + (table[ones + only] - now) * (window - elapsed) // window


def moments(count: int, total: int, squares: int) -> Gaps:
    """Mean and deviation, in whole milliseconds, from the running sums of the gaps and of their squares."""
    if not count:
        return NO_GAPS
    return Gaps(count, total // count, math.isqrt(max(0, count * squares - total * total)) // count)


def fresh(mark: Mark, now: int, window: int) -> Mark:
    """A mark as it is now: one that was left longer ago than the window is gone."""
    return mark if now - mark.time <= window else NO_MARK


def standing(rung: int, until: int, strikes: int, now: int) -> Standing:
    """A standing as it is now: one that has expired is ALLOW, with its strikes."""
    if until > now:
        return Standing(Rung(rung), until, strikes)
    return Standing(strikes=strikes) if strikes else CLEAR
