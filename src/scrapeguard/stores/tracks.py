"""Where a subject goes, in the memory store: the cells of its walks, and of the mark that a measure left with it."""

from collections.abc import Callable
from dataclasses import dataclass

from scrapeguard.model import Mark, Steps, Taken
from scrapeguard.stores.cells import Row
from scrapeguard.stores.counting import FAMILIES, LIMIT, NO_MARK, NO_STEPS, fresh
from scrapeguard.stores.walk import Walk


@dataclass(frozen=True, slots=True)
class Walks:
    """Up to four walks, the one touched last at the end.

    One of a family; with a `reach`, several: a number goes to the one it is the next step of, and what is within one
    is answered with no run, since somebody who asks for it goes on with nothing.
    """

    at: int
    window: int
    digest: Callable[[str], int]
    reach: int
    empty: Steps = NO_STEPS

    def add(self, row: Row, taken: Taken, time: int) -> Steps:
        assert isinstance(taken, tuple)
        name, number = taken
        if not 0 <= number <= LIMIT:
            return self.look(row, time)
        walks = row.walks.get(self.at)
        if walks is None:
            walks = row.walks[self.at] = []
        family, reach = self.digest(name), self.reach
        for place, walk in enumerate(walks):
            if walk.family == family and (not reach or walk.near(number, reach)):
                if reach and walk.lo <= number <= walk.hi and time - walk.last <= self.window:
                    return Steps(0, 0, name)
                del walks[place]
                break
        else:
            walk = Walk(family, number, time)
            if len(walks) == FAMILIES:
                del walks[self._least(walks, time)]
        walks.append(walk)
        if time - walk.last > self.window:
            walk.restart(number)
        walk.last = max(walk.last, time)
        wide = walk.wide(number) if reach else 0
        walk.extend(number)
        return Steps(walk.run, walk.stride, name, wide)

    def _least(self, walks: list[Walk], time: int) -> int:
        """Which walk makes room: the one touched longest ago; with a reach, the shortest of those not over."""
        if not self.reach:
            return 0
        runs = [walk.run if time - walk.last <= self.window else -1 for walk in walks]
        return runs.index(min(runs))

    def look(self, row: Row, time: int) -> Steps:
        """The longest walk that is not over; its family is not remembered by name."""
        best = NO_STEPS
        for walk in row.walks.get(self.at, ()):
            if walk.run >= max(best.run, 1) and time - walk.last <= self.window:
                best = Steps(walk.run, walk.stride, "")
        return best


@dataclass(frozen=True, slots=True)
class Marks:
    """The mark last left. What looks is answered; what leaves one is answered with the one before."""

    at: int
    window: int
    empty: Mark = NO_MARK

    def add(self, row: Row, taken: Taken, time: int) -> Mark:
        assert isinstance(taken, Mark)
        before = self.look(row, time)
        row.marks[self.at] = taken
        return before

    def look(self, row: Row, time: int) -> Mark:
        mark = row.marks.get(self.at)
        return NO_MARK if mark is None else fresh(mark, time, self.window)
