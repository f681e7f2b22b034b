"""Assets: takes pages and never the images, styles and scripts that a browser fetches with them.

Sees: scripts with a browser's name, and headless browsers that block assets to go faster.
Wrongs: a returning visitor whose cache is warm; a proxy that caches for an office; a reader with images switched off.
So it needs many pages, looks back over a day for assets, and weighs too little to stop anybody alone; and where a link
of this site led to the page, so little that reading much is not enough besides. Text browsers
and everything that is no browser are left out, and so is a site that serves its assets from elsewhere.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.doubt import TEXT_BROWSERS
from scrapeguard.signals.watches import ASSETS, SERVED, TAKEN, led_on, suffices


@dataclass(frozen=True, slots=True)
class Assets:
    mode: Mode = "enforce"
    weight: int = 2
    led: int = 1  # the weight where pages of this site lead on: a cache saves assets, not the way
    limit: int = 30  # different pages and data objects in an hour, and more than PAGES for one asset in a day

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN, SERVED, ASSETS)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        taken, served, assets = seen
        if not isinstance(taken, int) or not isinstance(served, int) or not isinstance(assets, int):
            return None
        objects = taken + served
        if not facts.has_assets or objects <= self.limit or suffices(assets, taken, served):
            return None
        if facts.agent is None or facts.agent.kind != "browser" or facts.agent.name in TEXT_BROWSERS:
            return None
        reason = (
            f"{objects} different pages or data objects in an hour, {assets} assets in a day: the limit is {self.limit}"
        )
        weight = self.led if led_on(facts, taken, served) else self.weight
        return Signal("assets", weight, reason, objects, self.limit, self.mode)
