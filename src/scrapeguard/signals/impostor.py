"""Impostor: says that it is a known crawler, and is not.

Sees: programs that borrow the name of a search engine to be let be. Only a claim that the operator's own, complete
method refutes is held against anybody: a name server that does not answer, or a list that is old, refutes nothing.
Wrongs: somebody who tries out how a page looks to a crawler, and is slowed down for it; who goes on to collect is
stopped. A crawler whose operator publishes wrong addresses.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.watches import TAKEN

METHODS = {"ranges": "is not among the addresses that its operator publishes", "dns": "has no name of its operator"}


@dataclass(frozen=True, slots=True)
class Impostor:
    mode: Mode = "enforce"
    weight: int = 4
    heavy: int = 8  # the weight past the limit: a block by itself
    limit: int = 12  # different pages and data objects in an hour: collecting

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN,)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        identity = facts.identity
        if identity is None or identity.state != "refuted":
            return None
        (taken,) = seen
        number = taken if isinstance(taken, int) else 0
        why = METHODS.get(identity.method, "did not sign as its operator does")
        said = f"says that it is {identity.token} of {identity.operator}, and {why}"
        reason = f"{said}; {number} different pages or data objects in an hour; the limit is {self.limit}"
        weight = self.heavy if number > self.limit else self.weight
        return Signal("impostor", weight, reason, number, self.limit, self.mode)
