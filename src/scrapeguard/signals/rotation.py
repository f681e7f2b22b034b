"""Rotation: one fingerprint or session over many addresses, or many agents on one address.

Sees: a fleet that spreads one collection over addresses, so that each of them stays below every limit. By four things:
a walk through numbered addresses that goes on from address to address; what one fingerprint got in a day without the
assets of a page, if hardly anything of it twice and most of its addresses alike; one session from several networks;
many agents on an address that takes no assets.
Wrongs: thousands of people have one and the same fingerprint, so only addresses that take no assets are counted (a
second look, see doubt.py), and none is stopped by what its fingerprint got before its third page. Left are: somebody
whose browser still has the assets of a site from yesterday, where most who look like her came with a warm cache too
and read without repeating each other; and, during a walk by a fleet that looks like her, the one who opens the very
next number of it from a bookmark (whom a link of the site or a cookie leads there, only the second time). Of addresses
that come for one or two pages and never again, nothing is seen but a walk.
"""

from dataclasses import dataclass

from scrapeguard.model import Doubt, Facts, Mode, Resource, Seen, Signal, Steps, Watch
from scrapeguard.signals.doubt import asked, counted, doubt, granted
from scrapeguard.signals.watches import ASSETS, DAY, HOUR, TAKEN_DAY, WEEK, of_page

REACH = 16  # the widest first step of a walk that several addresses are on


def _came(facts: Facts, doubted: Doubt) -> str | None:
    return facts.client.key if doubted.rung is None and doubted.bare == 1 else None


def _stayed(facts: Facts, doubted: Doubt) -> str | None:
    return facts.client.key if doubted.rung is None and doubted.bare >= 2 else None


def _network(facts: Facts, doubted: Doubt) -> str | None:
    return facts.client.network or None if doubted.rung is None and doubted.bare >= 2 else None


def _got(facts: Facts, doubted: Doubt) -> str | None:
    return granted(facts, doubted) if doubted.bare >= 2 else None


def _gave(facts: Facts, doubted: Doubt) -> int:
    return counted(facts, doubted) if doubted.bare >= 2 else 0


def _followed(_: Facts, doubted: Doubt) -> int:
    return 1 if "rotation" in doubted.said else 0


def _agent(facts: Facts) -> str | None:
    if facts.resource is not Resource.PAGE or facts.agent is None:
        return None
    return facts.fingerprint or facts.agent.raw


CLOSER = (
    Watch("came", "distinct", DAY, _came, "fingerprint", bits=2048, closer=True),
    Watch("stayed", "distinct", DAY, _stayed, "fingerprint", bits=2048, closer=True),
    Watch("gave", "count", DAY, _gave, "fingerprint", closer=True),
    Watch("got", "distinct", DAY, _got, "fingerprint", bits=4096, closer=True),
    Watch("let", "count", HOUR, counted, "fingerprint", closer=True),
    Watch("let-objects", "distinct", HOUR, granted, "fingerprint", bits=2048, closer=True),
    Watch("trail", "steps", HOUR, asked, "fingerprint", closer=True, reach=REACH),
    Watch("own-trail", "steps", HOUR, asked, closer=True, reach=REACH),
    Watch("followed", "count", WEEK, _followed, closer=True),
    Watch("session-networks", "distinct", DAY, _network, "credential", bits=256, closer=True),
    Watch("session-got", "distinct", DAY, _got, "credential", bits=1024, closer=True),
)


@dataclass(frozen=True, slots=True)
class Rotation:
    mode: Mode = "enforce"
    weight: int = 4
    limit: int = 150  # different objects that a fingerprint, or a session, got in a day without assets
    spread: int = 90  # per cent of them different: people ask for the same things
    alike: int = 60  # per cent of its addresses that went on without assets
    addresses: int = 3  # at least so many of them; of a session, so many networks
    pages: int = 3  # different objects of an address before it is taken for one of a fleet
    steps: int = 25  # of a walk that others are on
    light: int = 2  # the weight of going on with it, if chance may have led there
    agents: int = 5  # on one address that takes no assets

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN_DAY, ASSETS, Watch("agents", "distinct", DAY, _agent, bits=64), *CLOSER)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        taken, assets, agents, came, stayed, gave, got, let, objects, trail, own, followed, networks, session = seen
        doubted = doubt(facts, taken, assets)
        if doubted is None:
            return None
        return (
            self._walk(facts, own, trail, followed, let, objects)
            or self._fleet(doubted, came, stayed, gave, got)
            or self._session(doubted, networks, session)
            or self._agents(doubted, agents)
        )

    def _walk(self, facts: Facts, own: Seen, trail: Seen, followed: Seen, let: Seen, objects: Seen) -> Signal | None:
        """The next step of a walk that others are on, by somebody who looks as they do.

        A crowd that asks for everything in a small catalogue can look like one, but asks for everything many times.
        """
        if not isinstance(trail, Steps) or not isinstance(let, int) or not isinstance(objects, int):
            return None
        others = trail.run - (own.run if isinstance(own, Steps) else 0)
        if others <= self.steps or objects * 2 < let:
            return None
        led = of_page(facts) or (facts.headers is not None and b"cookie" in facts.headers.raw)
        chance = (led or trail.wide > trail.stride) and not followed
        reason = (
            f"goes on with a walk of {others} steps, {trail.stride} apart, that other addresses with the same"
            f" fingerprint are on; the limit is {self.steps}"
        )
        return self._signal(self.light if chance else self.weight, reason, others, self.steps)

    def _fleet(self, doubted: Doubt, came: Seen, stayed: Seen, gave: Seen, got: Seen) -> Signal | None:
        """One of many addresses that share a fingerprint and a catalogue, and take nothing else."""
        if doubted.bare < self.pages or not isinstance(got, int) or got <= self.limit or not isinstance(gave, int):
            return None
        if not isinstance(came, int) or not isinstance(stayed, int) or stayed < self.addresses:
            return None
        if got * 100 < gave * self.spread or stayed * 100 < max(came, stayed) * self.alike:
            return None
        reason = (
            f"{got} different pages or data objects in a day, without assets and hardly any twice, by {stayed} of"
            f" {max(came, stayed)} addresses with the same fingerprint; the limit is {self.limit}"
        )
        return self._signal(self.weight, reason, got, self.limit)

    def _session(self, doubted: Doubt, networks: Seen, got: Seen) -> Signal | None:
        if doubted.bare < self.pages or not isinstance(got, int) or got <= self.limit:
            return None
        if not isinstance(networks, int) or networks < self.addresses:
            return None
        reason = (
            f"{got} different pages or data objects in a day, without assets, by one session from {networks} networks;"
            f" the limit is {self.limit}"
        )
        return self._signal(self.weight, reason, got, self.limit)

    def _agents(self, doubted: Doubt, agents: Seen) -> Signal | None:
        if not isinstance(agents, int) or agents <= self.agents or doubted.bare <= self.agents:
            return None
        reason = f"{agents} different agents in a day on one address that takes no assets; the limit is {self.agents}"
        return self._signal(self.weight, reason, agents, self.agents)

    def _signal(self, weight: int, reason: str, seen: int, limit: int) -> Signal:
        return Signal("rotation", weight, reason, seen, limit, self.mode)
