"""A plan as observe.lua reads it: what goes out for each subject of a request, and how its answers become a tally."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scrapeguard.model import Facts, Mark, Plan, Rung, Seen, Standing, Steps, SubjectKind, Taken, Tally, Watch
from scrapeguard.stores.counting import (
    CLEAR,
    LIMIT,
    NO_MARK,
    NO_STEPS,
    Group,
    estimates,
    field,
    fresh,
    groups,
    moments,
    slide,
    slide_distinct,
    span,
)

NOTHING = -1
FIRST, NEXT, FREE, HELD = 1, 0, 2, 3  # what a subject is to its request; see observe.lua
BLANK = bytes(56)
MARK = struct.Struct(">4q24s")
ASKED = {"s": "qq", "m": "q56s"}  # what goes out for a watch; of every other kind one number
ANSWERED = {"m": "56s"}  # and what comes back; else three


@dataclass(frozen=True, slots=True)
class Column:
    """One watch: its place in the plan and how it is counted."""

    place: int
    kind: str  # the first letter of the watch's kind
    window: int  # microseconds
    bits: int
    table: tuple[int, ...]

    @classmethod
    def of(cls, place: int, watch: Watch) -> "Column":
        table = estimates(watch.bits) if watch.kind == "distinct" else ()
        return cls(place, watch.kind[0], span(watch), watch.bits, table)


class Sheet:
    """The watches of one kind of subject, and the two layouts of observe.lua for them."""

    def __init__(self, number: int, group: Group) -> None:
        self.number = number
        self.kind: SubjectKind = group.kind
        self.columns = tuple(map(Column.of, group.places, group.watches))
        self.ask = struct.Struct(">bbq" + "".join(ASKED.get(column.kind, "q") for column in self.columns))
        self.answer = struct.Struct(">3q" + "".join(ANSWERED.get(column.kind, "3q") for column in self.columns))
        self.spec = {
            "keep": group.keep,
            "watches": [
                {
                    "kind": column.kind,
                    "field": field(watch),
                    "window": column.window,
                    "bits": column.bits,
                    "reach": watch.reach,
                }
                for column, watch in zip(self.columns, group.watches, strict=True)
            ],
        }


class Packing:
    """One plan. `digest` makes numbers of names, so that nothing a visitor wrote goes out as text."""

    def __init__(self, plan: Plan, digest: Callable[[str], int]) -> None:
        self.plan = plan
        self._digest = digest
        self._blind: list[Seen] = [None] * len(plan.watches)
        self.sheets = tuple(Sheet(number, group) for number, group in enumerate(groups(plan)))
        self.spec = json.dumps([sheet.spec for sheet in self.sheets]).encode()

    def subjects(self, facts: Facts) -> list[tuple[Sheet, str]]:
        """Who is counted for a request, in order."""
        return [(sheet, name) for sheet in self.sheets if (name := facts.subject(sheet.kind)) is not None]

    def ask(self, sheet: Sheet, role: int, time: int, taken: Sequence[Taken]) -> bytes:
        """What a request adds for one subject, as observe.lua reads it."""
        numbers: list[int | bytes] = [sheet.number, role, time]
        for column in sheet.columns:
            value, kind = taken[column.place], column.kind
            if kind == "s":
                numbers += self._step(value)
            elif kind == "m":
                numbers += (0, _written(value)) if isinstance(value, Mark) else (NOTHING, BLANK)
            elif not value:
                numbers.append(NOTHING)
            elif kind == "d":
                assert isinstance(value, str)
                numbers.append(self._digest(value) % column.bits)
            else:
                assert isinstance(value, int)
                numbers.append(min(value, LIMIT))
        return sheet.ask.pack(*numbers)

    def _step(self, value: Taken) -> tuple[int, int]:
        if not isinstance(value, tuple) or not 0 <= value[1] <= LIMIT:
            return NOTHING, 0
        family, number = value
        return number, self._digest(family)

    def tally(
        self, asked: Sequence[tuple[Sheet, str]], taken: Sequence[Taken], answers: Sequence[bytes], time: int
    ) -> Tally:
        """The answers for the subjects of one request, in their order, as a tally."""
        seen = self._blind.copy()
        found = CLEAR
        for (sheet, _), answer in zip(asked, answers, strict=True):
            numbers = sheet.answer.unpack(answer)
            if sheet.number == 0 and self.plan.held and (numbers[0] or numbers[2]):
                found = Standing(Rung(numbers[0]), numbers[1], numbers[2])
            at = 3
            for column in sheet.columns:
                if column.kind == "m":
                    seen[column.place] = fresh(_mark(numbers[at]), time, column.window)
                    at += 1
                    continue
                seen[column.place] = _seen(column, numbers[at], numbers[at + 1], numbers[at + 2], taken)
                at += 3
        return Tally(tuple(seen), found)


def _written(mark: Mark) -> bytes:
    """A mark as Redis keeps it: i8 time, family, number, address, and the reference, filled up with zeros."""
    return MARK.pack(mark.time, mark.family, mark.number, mark.address, mark.reference.encode()[:24])


def _mark(kept: bytes) -> Mark:
    if kept == BLANK:
        return NO_MARK
    time, family, number, address, reference = MARK.unpack(kept)
    return Mark(time, family, number, address, reference.rstrip(b"\0").decode("utf-8", "replace"))


def _seen(column: Column, a: int, b: int, c: int, taken: Sequence[Taken]) -> Seen:
    """Three numbers of observe.lua as the answer to a watch."""
    kind = column.kind
    if kind == "c":
        return slide(a, b, c, column.window) if b else a
    if kind == "d":
        return slide_distinct(a, b, c, column.window, column.table) if b else column.table[a]
    if kind == "g":
        return moments(a, b, c)
    step = taken[column.place]
    if c and isinstance(step, tuple):
        return Steps(a, b, step[0], c - 1)
    return Steps(a, b, "") if a else NO_STEPS
