"""Pace: more requests in a window than one person makes.

Sees: fast crawlers and floods. Assets do not count, so that a page with a hundred images is one request.
Wrongs: a large office or a mobile carrier behind one address whose browsers all look the same; `each` more are
granted to every further browser there. A page that polls, asking for the same data again and again, is let be below
the `flood`, and one whose scripts ask for much at once below `scripted`, if any asset was loaded that day. Without one,
from the cache alone, nothing tells it from a program that takes an API.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Resource, Seen, Signal, Watch
from scrapeguard.signals.watches import ASSETS, BROWSERS, SERVED, TAKEN, further


def _one(facts: Facts) -> int:
    return 0 if facts.resource is Resource.ASSET or facts.resource is Resource.NOTICE else 1


@dataclass(frozen=True, slots=True)
class Pace:
    mode: Mode = "enforce"
    weight: int = 4
    limit: int = 120  # requests that are not assets
    window: int = 60  # seconds
    each: int = 20  # more requests for every further browser behind the address
    distinct: int = 20  # different objects in an hour; a client that asks for fewer is polling, not collecting
    scripted: int = 300  # requests, most of them data that the scripts of loaded pages ask for
    flood: int = 600  # requests in the window that are too many even for the same object

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("pace", "count", self.window, _one), TAKEN, SERVED, BROWSERS, ASSETS)

    def detect(self, _: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        requests, taken, served, browsers, assets = seen
        if not isinstance(requests, int) or requests <= self.limit:
            return None
        limit = self._limit(requests, taken, served, assets)
        limit += self.each * further(browsers)
        if requests <= limit:
            return None
        reason = f"{requests} requests in {self.window} s; the limit is {limit}"
        return Signal("pace", self.weight, reason, requests, limit, self.mode)

    def _limit(self, requests: int, taken: Seen, served: Seen, assets: Seen) -> int:
        """`flood` for few pages, and little data or each of it more than once: a board of forty panels is no collector.

        `scripted` where most is data that pages asked for, and assets came, too.
        """
        if not isinstance(taken, int) or not isinstance(served, int):
            return self.limit
        if taken + served < self.distinct or (taken < self.distinct and served * 2 <= requests):
            return self.flood
        return self.scripted if assets and served * 2 >= taken * 3 else self.limit
