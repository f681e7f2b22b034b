"""Misses: asks mostly for what is not there.

Sees: whoever guesses addresses or works through an old list. Answers 4xx count, for different objects; not 401, 403
and 429, which are refusals, nor 408 and 425, which are accidents. An outage (5xx) is not the visitors' fault.
Wrongs: people after a move of the site that broke its links; known crawlers would be the first (they remember old
addresses for years), and are left out.
"""

from dataclasses import dataclass

from scrapeguard.model import Facts, Mode, Outcome, Seen, Signal, Watch
from scrapeguard.signals.watches import HOUR, TAKEN, taken_by

NOT_MISSED = frozenset({401, 403, 408, 425, 429})


def _missed(facts: Facts, outcome: Outcome) -> str | None:
    missed = 400 <= outcome.status < 500 and outcome.status not in NOT_MISSED
    return taken_by(facts) if missed else None


@dataclass(frozen=True, slots=True)
class Misses:
    mode: Mode = "enforce"
    weight: int = 2
    limit: int = 12  # different objects in an hour that were not there
    share: int = 50  # and at least so many per cent of all
    heavy: int = 4  # the weight past the limit below
    heavy_limit: int = 40

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("missed", "distinct", HOUR, _missed, after=True, bits=512), TAKEN)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        missed, taken = seen
        if not isinstance(missed, int) or missed <= self.limit or not isinstance(taken, int):
            return None
        share = missed * 100 // max(taken, missed)
        if share < self.share or (facts.agent is not None and facts.agent.kind == "crawler" and facts.agent.operator):
            return None
        weight, limit = (self.heavy, self.heavy_limit) if missed > self.heavy_limit else (self.weight, self.limit)
        reason = f"{missed} different objects in an hour were not there, {share} % of all; the limit is {limit}"
        return Signal("misses", weight, reason, missed, limit, self.mode)
