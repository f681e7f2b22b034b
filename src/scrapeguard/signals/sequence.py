"""Sequence: walks through ids or result pages, up, down or in strides.

Sees: whoever counts through /item/1, /item/2, … or ?page=1, ?page=2, …; not one that shuffles them.
Wrongs: somebody who pages far through results, a thread or a comic. So it weighs little by itself.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Steps, Watch
from scrapeguard.signals.watches import step


@dataclass(frozen=True, slots=True)
class Sequence:
    mode: Mode = "enforce"
    weight: int = 2
    limit: int = 25  # steps in one direction
    window: int = 3600  # seconds; a longer rest ends the walk

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("walk", "steps", self.window, step),)

    def detect(self, _: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        (walk,) = seen
        if not isinstance(walk, Steps) or walk.run <= self.limit:
            return None
        reason = f"{walk.run} steps in a row through numbered addresses, {walk.stride} apart; the limit is {self.limit}"
        return Signal("sequence", self.weight, reason, walk.run, self.limit, self.mode)
