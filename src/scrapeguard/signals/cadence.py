"""Cadence: different pages at intervals too regular for a reader.

Sees: a loop with a fixed pause (a spread of a few per cent) or a randomised one (Scrapy's spreads over 29 %).
Wrongs: a slide show; a page left open that reloads itself, after its reader has read many others. So it weighs
little by itself. Pages that poll are not counted, and a client that takes few different pages is not looked at, nor is
an app, a feed reader, a preview or a monitor, which is a program and says so.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Gaps, Mode, Seen, Signal, Watch
from scrapeguard.signals.watches import MACHINES, TAKEN, opened_by


def _page(facts: Facts) -> int:
    return 1 if facts.method == "GET" and opened_by(facts) is not None else 0


@dataclass(frozen=True, slots=True)
class Cadence:
    mode: Mode = "enforce"
    weight: int = 1
    spread: int = 30  # per cent of the mean
    heavy: int = 2  # the weight of a spread of at most `heavy_spread`
    heavy_spread: int = 10
    gaps: int = 30  # at least so many intervals; of fewer, chance makes some look regular
    distinct: int = 20  # between at least so many different objects in an hour
    window: int = 900  # seconds; a longer pause is no interval

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("cadence", "gaps", self.window, _page), TAKEN)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        gaps, taken = seen
        if not isinstance(gaps, Gaps) or gaps.count < self.gaps or gaps.mean == 0:
            return None
        if facts.agent is not None and (facts.agent.kind in MACHINES or facts.agent.kind == "app"):
            return None
        spread = gaps.deviation * 100 // gaps.mean
        if spread > self.spread or not isinstance(taken, int) or taken < self.distinct:
            return None
        weight, limit = (self.heavy, self.heavy_spread) if spread <= self.heavy_spread else (self.weight, self.spread)
        reason = f"pages every {gaps.mean} ms with a spread of {spread} %; people spread over more than {limit} %"
        return Signal("cadence", weight, reason, spread, limit, self.mode)
