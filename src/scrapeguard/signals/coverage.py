"""Coverage: how much of the catalogue an address has taken in a day and in a week, however slowly.

Sees: whoever stays below every limit of an hour, and comes every hour. Without the assets of a page the limits are
those of a long day's reading, and past the second of them this throttles by itself; with assets they are wide, and it
only adds to what else is odd.
Where links of this site lead on, it weighs less, but for half as many again; what is fetched ahead by a browser that
takes assets is judged with assets.
Wrongs: an address that a large office or a carrier's customers share, who take assets, so `each` more are granted to
every further browser; a reader of hundreds of pages a day whose browser has all assets of the site in its cache.
Known crawlers, readers, previews and monitors are left to the limits of an hour.
Who knows the size of the catalogue says so (`catalogue`): then `share` per cent of it are the limit of a day, if that
is less, and the reason tells the share.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.doubt import TEXT_BROWSERS
from scrapeguard.signals.watches import (
    ASSETS,
    BROWSERS,
    PAGES,
    SERVED,
    TAKEN,
    TAKEN_DAY,
    WEEK,
    further,
    led_on,
    suffices,
    taken_by,
    unopened,
)

TAKEN_WEEK = Watch("taken-week", "distinct", WEEK, taken_by, bits=4096)
LEAST = 50  # objects that are no share of a catalogue worth speaking of, however small it is


def _ahead(assets: int, taken: Seen, served: Seen) -> bool:
    """Whether, this hour, more is fetched ahead or by scripts than opened, and that comes with assets."""
    if not isinstance(taken, int) or not isinstance(served, int):
        return False
    return served > taken and suffices(assets, taken, served)


@dataclass(frozen=True, slots=True)
class Coverage:
    mode: Mode = "enforce"
    weight: int = 3
    limit: int = 200  # different pages and data objects in a day, without assets
    week: int = 600  # in a week, without assets
    heavy: int = 4  # the weight of half as many again
    led: int = 2  # the weight below that, where pages of this site lead on
    light: int = 2  # the weight past one of the limits below
    led_light: int = 1  # the same, where pages of this site lead on
    wide: int = 1000  # in a day, with assets
    wide_week: int = 3000
    each: int = 200  # more of these for every further browser behind the address
    catalogue: int = 0  # how many objects the site has; 0 = not known
    share: int = 5  # per cent of it

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN_DAY, TAKEN_WEEK, ASSETS, BROWSERS, TAKEN, SERVED)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        day, week, assets, browsers, taken, served = seen
        if not isinstance(day, int) or not isinstance(week, int) or not isinstance(assets, int) or day <= LEAST:
            return None
        limit = min(self.limit, max(LEAST, self.catalogue * self.share // 100)) if self.catalogue else self.limit
        if day <= limit and week <= self.week:
            return None
        agent = facts.agent
        if agent is None or agent.kind not in ("browser", "headless", "library", "unknown", "crawler"):
            return None
        if agent.kind == "crawler" and agent.operator:
            return None
        led = led_on(facts, taken, served) or unopened(facts)
        bare = assets * PAGES < day and not (led and _ahead(assets, taken, served))
        if facts.has_assets and bare and agent.name not in TEXT_BROWSERS:
            return (
                self._signal(self.heavy, day, limit * 3 // 2, "a day, without assets")
                or self._signal(self.heavy, week, self.week * 3 // 2, "a week, without assets")
                or self._signal(self.led if led else self.weight, day, limit, "a day, without assets")
                or self._signal(self.led if led else self.weight, week, self.week, "a week, without assets")
            )
        more = self.each * further(browsers)
        light = self.led_light if led else self.light
        return self._signal(light, day, self.wide + more, "a day") or self._signal(
            light, week, self.wide_week + 2 * more, "a week"
        )

    def _signal(self, weight: int, number: int, limit: int, span: str) -> Signal | None:
        if number <= limit:
            return None
        share = f", {number * 100 // self.catalogue} % of the catalogue" if self.catalogue else ""
        reason = f"{number} different pages or data objects in {span}{share}; the limit is {limit}"
        return Signal("coverage", weight, reason, number, limit, self.mode)
