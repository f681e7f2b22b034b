"""Pace: more requests in a window than one person makes.

Wrongs: an office, a school or a mobile carrier behind one address; a browser that prefetches; a page that polls.
Assets do not count, so that a page with a hundred images is one request.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Resource, Seen, Signal, Watch


def _one(facts: Facts) -> int:
    return 0 if facts.resource in (Resource.ASSET, Resource.NOTICE) else 1


@dataclass(frozen=True, slots=True)
class Pace:
    mode: Mode = "enforce"
    weight: int = 4
    limit: int = 120  # requests that are not assets
    window: int = 60  # seconds

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("pace", "count", self.window, _one),)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        (requests,) = seen
        if not isinstance(requests, int) or requests <= self.limit:
            return None
        reason = f"{requests} requests in {self.window} s; the limit is {self.limit}"
        return Signal("pace", self.weight, reason, requests, self.limit, self.mode)
