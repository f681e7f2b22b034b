"""Trap: followed a link that no person sees.

Sees: crawlers that take every link of a page.
Wrongs: a browser extension that fetches ahead without saying so; somebody who reads the source. So a first visit
weighs little, and fetching ahead that says so (Sec-Purpose, Purpose, X-Moz) is not counted.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.watches import DAY


def _trapped(facts: Facts) -> str | None:
    if not facts.trapped:
        return None
    headers = facts.headers.raw if facts.headers is not None else {}
    ahead = any(b"prefetch" in headers.get(name, b"") for name in (b"sec-purpose", b"purpose", b"x-moz"))
    return None if ahead else facts.object


@dataclass(frozen=True, slots=True)
class Trap:
    mode: Mode = "enforce"
    weight: int = 2
    heavy: int = 4  # the weight past the limit
    limit: int = 1  # different traps in a day

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("trap", "distinct", DAY, _trapped, bits=256),)

    def detect(self, _: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        (traps,) = seen
        if not isinstance(traps, int) or traps < 1:
            return None
        weight = self.heavy if traps > self.limit else self.weight
        reason = f"followed {traps} links in a day that no person sees; more than {self.limit} is no accident"
        return Signal("trap", weight, reason, traps, self.limit, self.mode)
