"""Purpose: a crawler that comes for what this site does not want, such as training.

Sees: known robots by what they are for (`scrapeguard crawlers list`), verified or not: nobody gains by naming himself
after a robot that is refused. Nothing is refused or slowed down unless you say so; tell it in robots.txt as well.
Wrongs: a robot whose operator uses what it fetches for other things than it says.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Resource, Seen, Signal, Watch


def _one(facts: Facts) -> int:
    named = facts.identity is not None and facts.resource is not Resource.NOTICE
    return 1 if named else 0


@dataclass(frozen=True, slots=True)
class Purpose:
    mode: Mode = "enforce"
    refuse: tuple[str, ...] = ()  # purposes that are refused from the first request on
    refused: int = 8  # the weight of one of these
    throttle: tuple[str, ...] = ()  # purposes that are slowed down past the limit
    weight: int = 4  # of one of these
    limit: int = 10  # requests in the window
    window: int = 60  # seconds

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("named", "count", self.window, _one),)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        identity = facts.identity
        if identity is None:
            return None
        (requests,) = seen
        number = requests if isinstance(requests, int) else 0
        who = f"{identity.token or identity.operator} comes for {identity.use}"
        if identity.use in self.refuse:
            return Signal("purpose", self.refused, f"{who}, which this site refuses", number, 0, self.mode)
        if identity.use in self.throttle and number > self.limit:
            reason = f"{who}; {number} requests in {self.window} s; the limit is {self.limit}"
            return Signal("purpose", self.weight, reason, number, self.limit, self.mode)
        return None
