"""Continued: another address goes on where one was stopped a moment ago.

Sees: whoever changes the address after a measure and takes up the same walk, or the same family of pages, with the
same fingerprint. Each measure against somebody who takes no assets leaves a mark with the fingerprint: its time, its
reference, and where in which family of URLs it was.
Wrongs: somebody with the same browser, and the assets of the site in her cache, who opens a third page in the same part
of the site from her bookmarks within minutes; so by itself that weighs too little to stop anybody. Nor is it added to
odd headers: of two who look alike, both look odd, and that is one oddity (a company's proxy makes thousands look so).
Then it is recorded, as it links the addresses, and weighs nothing. What goes on at the very place, step by step, weighs
enough, unless a page led there.

For those who link addresses into one actor: the detector is "continued", `seen` is how many seconds ago the measure
was, `limit` how many count, and the reason ends with "the measure of reference R", R being that of the record which
says whom it was against (`REFERENCE` finds it).
"""

import re
from dataclasses import dataclass

from scrapeguard.facts.walk import digest, place_of
from scrapeguard.model import Doubt, Facts, Mark, Mode, Seen, Signal, Steps, Watch
from scrapeguard.signals.doubt import OWN_TRAIL, doubt
from scrapeguard.signals.headers import looks_odd
from scrapeguard.signals.watches import ASSETS, TAKEN_DAY, of_page

REFERENCE = re.compile(r"the measure of reference (\S+)$")
LONGEST = 24  # characters of a reference


def _mark(facts: Facts, doubted: Doubt) -> Mark | None:
    if not doubted.rung:  # not decided yet, or let through
        return None
    family, number = place_of(facts)
    number = 0 if number is None else number
    return Mark(facts.time, family, number, digest(facts.client.key), facts.reference[:LONGEST])


@dataclass(frozen=True, slots=True)
class Continued:
    mode: Mode = "enforce"
    weight: int = 2
    heavy: int = 4  # the weight of going on at the very place
    within: int = 300  # seconds after the measure
    near: int = 8  # numbers from where it was: the very place
    steps: int = 2  # that the new address made there
    pages: int = 3  # different objects of the new address before it is said to go on
    latest: int = 20  # and with more of them it no longer begins

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN_DAY, ASSETS, Watch("measured", "mark", self.within, _mark, "fingerprint", closer=True), OWN_TRAIL)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        taken, assets, mark, own = seen
        if not isinstance(mark, Mark) or not mark.time:
            return None
        doubted = doubt(facts, taken, assets)
        if doubted is None or doubted.bare > self.latest or digest(facts.client.key) == mark.address:
            return None
        family, number = place_of(facts)
        if family != mark.family:
            return None
        ago = max(0, (facts.time - mark.time) // 1_000_000)
        said = f"the same fingerprint at another address, {ago} s after the measure of reference {mark.reference}"
        near = number is not None and 0 < abs(number - mark.number) <= self.near
        near, led = near and isinstance(own, Steps) and own.run >= self.steps, of_page(facts)
        if doubted.bare < self.pages or (led and not near):
            return None
        weight = self.heavy if near and not led else 0 if looks_odd(facts) else self.weight
        reason = f"goes on {'at the very place' if near else 'in the same part'}: {said}"
        return Signal("continued", weight, reason, ago, self.within, self.mode)
