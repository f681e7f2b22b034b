"""Breadth: more different pages or data objects than one person reads.

Sees: whoever works through a catalogue, fast or slowly, whatever it calls itself. Data that pages ask for has a limit
of its own, and is counted without its query: pages that poll, or draw themselves from data, are not to be wronged. What
looks like a page, but was fetched by a script or ahead of a click, is counted with it. Where pages led on, and every
second one came with an asset, the limit of the shorter window does not hold: so an album is looked through.
Wrongs: many people behind one address whose browsers all look the same (`each` more are granted to every further
browser), as a class does where the site sets no cookies; a person with a program that opens everything; whoever opens
120 pages at once. Crawlers, readers, previews and monitors that name themselves get `machines` instead: without
verification, a search engine that takes more cannot be told from one that forged its name, so it is asked to slow
down. By itself this throttles; it never blocks.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.watches import (
    ASSETS,
    BROWSERS,
    MACHINES,
    PAGES,
    SERVED,
    TAKEN,
    further,
    of_page,
    opened_by,
    shown,
    suffices,
)


@dataclass(frozen=True, slots=True)
class Breadth:
    mode: Mode = "enforce"
    weight: int = 2
    limit: int = 100  # different objects in an hour
    heavy: int = 4  # the weight past one of the limits below
    heavy_limit: int = 240  # in an hour
    fast_limit: int = 120  # in the shorter window
    fast_window: int = 600  # seconds
    each: int = 20  # more objects for every further browser behind the address
    data: int = 1000  # different data paths in an hour that pages asked for
    loaded: int = 140  # `limit` for data, where its pages came with assets; none holds for up to PAGES of it a page
    machines: int = 1200  # in an hour, for a known crawler, a reader, a preview or a monitor

    def watches(self) -> tuple[Watch, ...]:
        fast = Watch("taken-fast", "distinct", self.fast_window, opened_by, bits=1024)
        return (TAKEN, fast, SERVED, BROWSERS, ASSETS)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        taken, fast, served, browsers, assets = seen
        if not isinstance(taken, int) or not isinstance(fast, int) or not isinstance(served, int):
            return None
        if taken <= self.limit and served <= self.limit:
            return None
        agent = facts.agent
        forged = facts.identity is not None and facts.identity.state == "refuted"
        if (
            agent is not None
            and not forged
            and (agent.kind in MACHINES or (agent.kind == "crawler" and agent.operator))
        ):
            return self._signal(self.heavy, taken, self.machines, "in an hour")
        more = self.each * further(browsers)
        assets = assets if isinstance(assets, int) else 0
        light = self.loaded if suffices(assets, taken, served) else self.limit
        if served <= taken * PAGES:  # some data for each page: the pages count
            light = self.data
        if shown(assets, taken) and of_page(facts):  # somebody turns the pages of an album
            fast = 0
        return (
            self._signal(self.heavy, fast, self.fast_limit + more, f"in {self.fast_window} s")
            or self._signal(self.heavy, taken, self.heavy_limit + 2 * more, "in an hour")
            or self._signal(self.heavy, served, self.data + 5 * more, "in an hour, asked for by pages")
            or self._signal(self.weight, taken, self.limit + more, "in an hour")
            or self._signal(self.weight, served, light + more, "in an hour, asked for by pages")
        )

    def _signal(self, weight: int, number: int, limit: int, span: str) -> Signal | None:
        if number <= limit:
            return None
        reason = f"{number} different pages or data objects {span}; the limit is {limit}"
        return Signal("breadth", weight, reason, number, limit, self.mode)
