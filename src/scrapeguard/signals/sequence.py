"""Sequence: walks through ids or result pages, up, down or in strides.

Sees: whoever counts through /item/1, /item/2, … or ?page=1, ?page=2, …; not one that shuffles them.
Wrongs: somebody who pages far through results or a thread that shows nothing but words. So it weighs little by itself,
and less where each page has a link of this site as its referer. Whoever turns the pages of an album or a comic, and
loads a picture with every second of them, is no walker, if any page led there.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Resource, Seen, Signal, Steps, Watch
from scrapeguard.signals.watches import (
    ASSETS,
    SERVED,
    TAKEN,
    by_worker,
    led_here,
    led_on,
    of_page,
    picture,
    shown,
    step,
    unopened,
)


@dataclass(frozen=True, slots=True)
class Sequence:
    mode: Mode = "enforce"
    weight: int = 2
    led: int = 1  # the weight where pages of this site lead on, as "next" does
    limit: int = 25  # steps in one direction
    window: int = 3600  # seconds; a longer rest ends the walk

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("walk", "steps", self.window, step), ASSETS, TAKEN, SERVED)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        walk, assets, taken, served = seen
        if not isinstance(walk, Steps) or walk.run <= self.limit or not walk.family:  # "" = this is no step of it
            return None
        reason = f"{walk.run} steps in a row through numbered addresses, {walk.stride} apart; the limit is {self.limit}"
        page, shows = facts.resource is Resource.PAGE, isinstance(assets, int) and shown(assets, walk.run)
        if page and shows and of_page(facts):
            return None
        led = led_on(facts, taken, served) or ((shows or picture(facts)) and led_here(facts))
        weight = self.led if led or unopened(facts) or by_worker(facts) else self.weight
        return Signal("sequence", weight, reason, walk.run, self.limit, self.mode)
