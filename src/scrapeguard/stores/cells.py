"""How the memory store counts: one cell for each watch, over the row of numbers, bitmaps and walks of a subject."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from scrapeguard.model import Gaps, Mark, Seen, Taken
from scrapeguard.stores.counting import (
    LIMIT,
    MOMENTS,
    NO_GAPS,
    moments,
    slide,
    slide_distinct,
)
from scrapeguard.stores.walk import Walk

Bits = bytes | bytearray
NO_BITS: Bits = b""


class Row:
    """All that is counted for one subject. A cell knows its places in it."""

    __slots__ = ("maps", "marks", "numbers", "walks")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.maps: list[Bits] = []
        self.walks: dict[int, list[Walk]] = {}
        self.marks: dict[int, Mark] = {}

    def grow(self, numbers: int, maps: int) -> None:
        """Make room for the cells of a plan."""
        self.numbers += [0] * (numbers - len(self.numbers))
        self.maps += [NO_BITS] * (maps - len(self.maps))


class Cell(Protocol):
    """One watch. `empty` answers for a subject never seen; both verbs answer with the state after them."""

    @property
    def empty(self) -> Seen: ...

    def add(self, row: Row, taken: Taken, time: int) -> Seen: ...

    def look(self, row: Row, time: int) -> Seen: ...


@dataclass(frozen=True, slots=True)
class Count:
    """Numbers: start of the bucket, count in it, count in the one before."""

    at: int
    window: int  # microseconds, here and below
    empty: int = 0

    def add(self, row: Row, taken: Taken, time: int) -> int:
        assert isinstance(taken, int)
        numbers, at, window = row.numbers, self.at, self.window
        elapsed = time - numbers[at]
        if elapsed >= window:
            start = time - time % window
            numbers[at + 2] = numbers[at + 1] if start - numbers[at] == window else 0
            numbers[at + 1] = 0
            numbers[at] = start
            elapsed = time - start
        elif elapsed < 0:
            elapsed = 0
        now = numbers[at + 1] + taken
        if now > LIMIT:
            now = LIMIT
        numbers[at + 1] = now
        before = numbers[at + 2]
        return slide(now, before, elapsed, window) if before else now

    def look(self, row: Row, time: int) -> int:
        numbers, at, window = row.numbers, self.at, self.window
        if not numbers[at + 1] and not numbers[at + 2]:
            return 0
        elapsed = time - numbers[at]
        if elapsed < window:
            return slide(numbers[at + 1], numbers[at + 2], max(elapsed, 0), window)
        elapsed -= window
        return slide(0, numbers[at + 1], elapsed, window) if elapsed < window else 0


@lru_cache(maxsize=16)
def pairs(bits: int) -> tuple[bytes, ...]:
    """Every index below `bits` in two bytes, the first 128 or more and the second less: no match across two of them."""
    return tuple(bytes((0x80 | index >> 7, index & 0x7F)) for index in range(bits))


def with_bit(bits: Bits, index: int, pair: bytes, size: int) -> Bits:
    """The set with one more bit: a list of pairs while that is shorter than a bitmap, then the bitmap."""
    if len(bits) >= size:
        assert isinstance(bits, bytearray)
        bits[index >> 3] |= 1 << (index & 7)
        return bits
    bits += pair
    if len(bits) < size:
        return bits
    grown = bytearray(size)
    for high, low in zip(bits[::2], bits[1::2], strict=True):
        each = (high & 0x7F) << 7 | low
        grown[each >> 3] |= 1 << (each & 7)
    return grown


@dataclass(frozen=True, slots=True)
class Distinct:
    """Numbers: start of the bucket, bits set in it, bits set only in the one before. Maps: those two buckets."""

    at: int
    map: int
    window: int
    bits: int
    size: int  # bytes of a bitmap
    table: tuple[int, ...]
    pairs: tuple[bytes, ...]
    digest: Callable[[str], int]
    empty: int = 0

    def add(self, row: Row, taken: Taken, time: int) -> int:
        assert isinstance(taken, str)
        numbers, at, maps, size = row.numbers, self.at, row.maps, self.size
        elapsed = time - numbers[at]
        if elapsed >= self.window:
            elapsed = self._turn(row, time)
        elif elapsed < 0:
            elapsed = 0
        index = self.digest(taken) % self.bits
        pair = self.pairs[index]
        now, before = maps[self.map], maps[self.map + 1]
        if not (pair in now if len(now) < size else now[index >> 3] >> (index & 7) & 1):
            maps[self.map] = with_bit(now, index, pair, size)
            numbers[at + 1] += 1
            if pair in before if len(before) < size else before[index >> 3] >> (index & 7) & 1:
                numbers[at + 2] -= 1
        only = numbers[at + 2]
        if not only:
            return self.table[numbers[at + 1]]
        return slide_distinct(numbers[at + 1], only, elapsed, self.window, self.table)

    def _turn(self, row: Row, time: int) -> int:
        """Begin the bucket that `time` is in; answers how far into it that is."""
        numbers, at, maps, here = row.numbers, self.at, row.maps, self.map
        start = time - time % self.window
        kept = start - numbers[at] == self.window
        maps[here + 1] = maps[here] if kept else NO_BITS
        maps[here] = NO_BITS
        numbers[at : at + 3] = start, 0, numbers[at + 1] if kept else 0
        return time - start

    def look(self, row: Row, time: int) -> int:
        numbers, at = row.numbers, self.at
        ones, only = numbers[at + 1], numbers[at + 2]
        if not ones and not only:
            return 0
        elapsed = time - numbers[at]
        if elapsed < self.window:
            return slide_distinct(ones, only, max(elapsed, 0), self.window, self.table)
        elapsed -= self.window
        return slide_distinct(0, ones, elapsed, self.window, self.table) if elapsed < self.window else 0


@dataclass(frozen=True, slots=True)
class Moments:
    """Numbers: time of the last request (0 = none yet), gaps, their sum, the sum of their squares."""

    at: int
    window: int
    empty: Gaps = NO_GAPS

    def add(self, row: Row, _taken: Taken, time: int) -> Gaps:
        numbers, at = row.numbers, self.at
        gap = time - numbers[at]
        if gap > self.window:
            numbers[at : at + 4] = time, 0, 0, 0
            return NO_GAPS
        if gap < 0:  # overtaken on its way: as good as simultaneous
            gap = 0
        else:
            numbers[at] = time
            gap //= 1000
        count, total, squares = numbers[at + 1] + 1, numbers[at + 2] + gap, numbers[at + 3] + gap * gap
        if count == MOMENTS:
            count, total, squares = count // 2, total // 2, squares // 2
        numbers[at + 1], numbers[at + 2], numbers[at + 3] = count, total, squares
        return moments(count, total, squares)

    def look(self, row: Row, time: int) -> Gaps:
        last, count, total, squares = row.numbers[self.at : self.at + 4]
        return NO_GAPS if time - last > self.window else moments(count, total, squares)
