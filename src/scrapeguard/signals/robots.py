"""Robots: took what robots.txt disallows for this agent.

Sees: declared robots and tools where they were told not to go, and a browser that has read robots.txt and goes there.
Wrongs: robots.txt does not speak to people, so a browser that never read it is never signalled. An integration that
calls a disallowed API without a credential; a person who shares an address with somebody who read robots.txt
(that is why a browser is only suspected after several, and then weighs little).
"""

from dataclasses import dataclass

from scrapeguard.model import AgentKind, Facts, Mode, Seen, Signal, Watch
from scrapeguard.signals.watches import DAY, ROBOTS_TXT

ROBOTS: frozenset[AgentKind] = frozenset({"crawler", "headless", "library", "unknown"})


def _forbidden(facts: Facts) -> str | None:
    return facts.object if facts.forbidden else None


@dataclass(frozen=True, slots=True)
class Robots:
    mode: Mode = "enforce"
    weight: int = 2
    heavy: int = 4  # the weight of a declared robot past the limit
    limit: int = 4  # different disallowed objects in a day

    def watches(self) -> tuple[Watch, ...]:
        return (Watch("forbidden", "distinct", DAY, _forbidden, bits=256), ROBOTS_TXT)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        taken, asked = seen
        agent = facts.agent
        if not facts.forbidden or agent is None or not isinstance(taken, int):
            return None
        if agent.kind == "library" and facts.credential is not None:
            return None  # a client with a key or a session was let in by the site itself
        robot = agent.kind in ROBOTS
        if not robot and not (asked and taken > self.limit):
            return None
        certain = robot and (agent.kind != "unknown" or agent.raw == "" or bool(asked))
        weight = self.heavy if certain and taken > self.limit else self.weight
        known = "after reading robots.txt" if asked else "without reading robots.txt"
        reason = (
            f"{taken} disallowed objects in a day, {known}; the last by {facts.forbidden!r}; the limit is {self.limit}"
        )
        return Signal("robots", weight, reason, taken, self.limit, self.mode)
