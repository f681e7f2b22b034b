"""Agent: declares itself a tool, a script or a headless browser, or does not say what it is.

Sees: naive tools. The name alone weighs next to nothing; a tool that collects weighs enough to be stopped.
Wrongs: an integration that takes many objects (allow its network, or raise the limit); an app or a browser we do not
know, which is let be where it fetches assets as browsers do. Known crawlers are judged by what they do, and so is one
that we do not know, once it has read robots.txt: that it is one is then said, and weighs nothing. The owner's own
browser under remote control, such as a checker of accessibility, is stopped like any: put it on `lists.allow`.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.watches import ASSETS, ROBOTS_TXT, SERVED, TAKEN


@dataclass(frozen=True, slots=True)
class Declared:
    mode: Mode = "enforce"
    weight: int = 1
    heavy: int = 5  # the weight past the limit
    limit: int = 10  # different pages and data objects in an hour
    each: int = 30  # data objects that its pages ask for, which count as one
    headless: int = 3  # the limit of a headless browser, which takes several assets with each page

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN, ASSETS, ROBOTS_TXT, SERVED)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        agent = facts.agent
        if agent is None or agent.kind not in ("library", "headless", "unknown", "crawler"):
            return None
        taken, assets, asked, served = seen
        if agent.kind == "crawler" and agent.operator:
            return None
        if agent.kind == "unknown" and agent.raw and assets:
            return None
        what = f"{agent.name or agent.token or 'the agent'!r} is a {agent.kind}" if agent.raw else "no agent is named"
        if agent.kind == "unknown" and agent.raw:
            what = f"the agent {agent.raw[:60]!r} is not known"
        if agent.kind == "crawler" and asked:  # said, and judged by what it does
            return Signal("agent", 0, f"{what} nobody knows, which has read robots.txt", 1, 0, self.mode)
        limit = self.headless if agent.kind == "headless" else self.limit
        if isinstance(taken, int) and isinstance(served, int):
            taken = max(taken, served // self.each)
        if not isinstance(taken, int) or taken <= limit:
            return Signal("agent", self.weight, what, 1, 0, self.mode)
        reason = f"{what}; {taken} different pages or data objects in an hour; the limit is {limit}"
        return Signal("agent", self.heavy, reason, taken, limit, self.mode)
