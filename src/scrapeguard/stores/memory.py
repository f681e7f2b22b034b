"""The memory store: counts and standings of one process, bounded, the longest unseen forgotten first."""

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from scrapeguard.model import Doubt, Facts, Outcome, Plan, Rung, Seen, Standing, SubjectKind, Taken, Tally, Watch
from scrapeguard.stores.cells import Cell, Count, Distinct, Moments, Row, pairs
from scrapeguard.stores.counting import (
    CLEAR,
    COUNTED,
    DAY,
    PLANS,
    REMEMBERED,
    SECOND,
    STRIKES,
    Digest,
    estimates,
    field,
    groups,
    span,
    standing,
)
from scrapeguard.stores.tracks import Marks, Walks

Add = Callable[[Row, Taken, int], Seen]
Seat = tuple[int, Add, Callable[[Row, int], Seen], Seen]  # place in the plan; `add`, `look` and `empty` of its cell
Layout = tuple[tuple[SubjectKind, tuple[Seat, ...]], ...]


@dataclass(slots=True)
class Placed:
    """Where a subject was put: rung, until when, and when it was put on a rung lately (microseconds)."""

    rung: Rung = Rung.ALLOW
    until: int = 0
    struck: tuple[int, ...] = ()

    def at(self, now: int) -> Standing:
        return standing(self.rung, self.until, sum(now - strike < DAY for strike in self.struck), now)


class MemoryStore:
    """Counts in this process alone. `observe` and `place` never wait and never fail.

    Keeps at most `max_subjects` rows of counts, standings and spent keys each; `forgotten` says how many had to go.
    The salt keeps visitors from choosing which of their objects are taken for one; b"" repeats in every run.
    """

    def __init__(self, max_subjects: int = 50_000, salt: bytes | None = None) -> None:
        self.forgotten = 0
        self._max = max_subjects
        self._digest = lru_cache(REMEMBERED)(Digest(os.urandom(16) if salt is None else salt))
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._placed: OrderedDict[str, Placed] = OrderedDict()
        self._spent: OrderedDict[str, int] = OrderedDict()  # what is used up, and until when that matters
        self._cells: dict[str, Cell] = {}  # by field; places in a row are given out once and stay
        self._numbers = self._maps = 0  # the measures of a row
        self._laid: dict[int, tuple[Plan, Layout]] = {}  # by the identity of the plan

    async def observe(self, facts: Facts, plan: Plan, more: Outcome | Doubt | None = None) -> Tally:
        """See `Store.observe`."""
        laid = self._laid.get(id(plan))
        layout = self._use(plan) if laid is None else laid[1]
        taken = plan.taken(facts, more)
        time = facts.time
        seen: list[Seen] = [None] * len(taken)
        found = CLEAR
        for kind, seats in layout:
            subject = facts.subject(kind)
            if subject is None:
                continue
            if self._placed and kind == "address" and plan.held:
                found = self.standing(subject, time)
                if found.rung not in COUNTED:
                    taken = [None] * len(taken)
            row = self._row(subject, seats, taken)
            if row is None:
                for place, _, _, empty in seats:
                    seen[place] = empty
                continue
            for place, add, look, _ in seats:
                value = taken[place]
                seen[place] = add(row, value, time) if value else look(row, time)
        return Tally(tuple(seen), found)

    async def place(self, subject: str, rung: Rung, seconds: int, now: int) -> Standing:
        """See `Store.place`. Never lowers a rung that holds; what begins or raises a standing is a strike."""
        if rung is Rung.ALLOW:
            self._placed.pop(subject, None)
            self._rows.pop(subject, None)
            return CLEAR
        placed = self._placed.get(subject) or Placed()
        held = placed.rung if placed.until > now else Rung.ALLOW
        until = now + seconds * SECOND
        if rung > held:
            placed.rung, placed.until = rung, until
            placed.struck = (*placed.struck, now)[-STRIKES:]
        elif rung == held:
            placed.until = max(placed.until, until)
        self._put(subject, placed)
        return placed.at(now)

    def standing(self, subject: str, now: int) -> Standing:
        """Where a subject stands at `now`."""
        placed = self._placed.get(subject)
        return CLEAR if placed is None else placed.at(now)

    def learn(self, subject: str, told: Standing) -> None:
        """Take over where a subject stands from another store; the times of its strikes are not known here."""
        if told.rung:
            self._put(subject, Placed(told.rung, told.until))
        elif self._placed:
            self._placed.pop(subject, None)

    def _put(self, subject: str, placed: Placed) -> None:
        """Keep a standing, as new; the one placed longest ago makes room."""
        self._placed[subject] = placed
        self._placed.move_to_end(subject)
        if len(self._placed) > self._max:
            self._placed.popitem(last=False)
            self.forgotten += 1

    async def spend(self, key: str, seconds: int, now: int) -> bool:
        """See `Store.spend`. Of more than `max_subjects` keys the one spent longest ago is forgotten."""
        if self._spent.get(key, 0) > now:
            return False
        self._spent[key] = now + seconds * SECOND
        self._spent.move_to_end(key)
        if len(self._spent) > self._max:
            self._spent.popitem(last=False)
            self.forgotten += 1
        return True

    async def close(self) -> None:
        """Nothing to do."""

    def _row(self, subject: str, seats: tuple[Seat, ...], taken: list[Taken]) -> Row | None:
        """The counts of a subject, now the latest seen; made when something is to be added, else None."""
        row = self._rows.get(subject)
        if row is not None:
            self._rows.move_to_end(subject)
            if len(row.numbers) != self._numbers:
                row.grow(self._numbers, self._maps)
        elif any(taken[seat[0]] for seat in seats):
            row = self._rows[subject] = Row()
            row.grow(self._numbers, self._maps)
            if len(self._rows) > self._max:
                self._rows.popitem(last=False)
                self.forgotten += 1
        return row

    def _use(self, plan: Plan) -> Layout:
        """Lay a plan out. A later plan finds the cells of equal watches as they are; rows grow for the rest."""
        if len(self._laid) >= PLANS:
            self._laid.clear()
        layout = tuple((group.kind, tuple(map(self._seat, group.places, group.watches))) for group in groups(plan))
        self._laid[id(plan)] = plan, layout
        return layout

    def _seat(self, place: int, watch: Watch) -> Seat:
        cell = self._cell(watch)
        return place, cell.add, cell.look, cell.empty

    def _cell(self, watch: Watch) -> Cell:
        name = field(watch)
        if name not in self._cells:
            self._cells[name] = self._new_cell(watch)
        return self._cells[name]

    def _new_cell(self, watch: Watch) -> Cell:
        window, at, maps = span(watch), self._numbers, self._maps
        match watch.kind:
            case "count":
                self._numbers += 3
                return Count(at, window)
            case "distinct":
                self._numbers += 3
                self._maps += 2
                table, paired = estimates(watch.bits), pairs(watch.bits)
                return Distinct(at, maps, window, watch.bits, watch.bits // 8, table, paired, self._digest)
            case "gaps":
                self._numbers += 4
                return Moments(at, window)
            case "steps":
                return Walks(len(self._cells), window, self._digest, watch.reach)
            case "mark":
                return Marks(len(self._cells), window)
