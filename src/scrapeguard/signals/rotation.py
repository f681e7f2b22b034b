"""Rotation: one fingerprint or session over many addresses, or many agents on one address.

Sees: a fleet that spreads one collection over addresses, so that each of them stays below every limit. By four things:
a walk through numbered addresses that goes on from address to address; what one fingerprint got in a day without the
assets of a page, hardly anything of it twice, by addresses that mostly go on without assets or get much each; one
session from several networks; many agents on an address that takes no assets.
Wrongs: thousands of people have one and the same fingerprint, so only addresses that take no assets are counted (a
second look, see doubt.py), those that pages lead on apart from the others, and none is stopped by what its fingerprint
got before its third page, or its twentieth, if pages led there. Left are: while a fleet with her fingerprint is at
work, somebody who has the assets of the site from yesterday and opens a third page from her bookmarks, or reads more
than twenty; and who opens the very next number of a walk from a bookmark (where a link or a cookie leads there, only
the second time). Of addresses that come for one or two pages and never again, nothing is seen but a walk.
"""

from dataclasses import dataclass, replace

from scrapeguard.model import Doubt, Facts, Mode, Resource, Rung, Seen, Signal, Steps, Watch
from scrapeguard.signals.doubt import OWN_TRAIL, REACH, asked, doubt
from scrapeguard.signals.headers import looks_odd
from scrapeguard.signals.watches import ASSETS, DAY, HOUR, TAKEN_DAY, WEEK, of_page


@dataclass(frozen=True, slots=True)
class Counted:
    """What a fingerprint's addresses that take no assets did, on pages that another page led to, or on all others."""

    led: bool

    def came(self, facts: Facts, doubted: Doubt) -> str | None:
        return facts.client.key if doubted.rung is None and doubted.bare == 1 and self._fits(facts) else None

    def stayed(self, facts: Facts, doubted: Doubt) -> str | None:
        return facts.client.key if doubted.rung is None and doubted.bare >= 2 and self._fits(facts) else None

    def got(self, facts: Facts, doubted: Doubt) -> str | None:
        return facts.object if self.gave(facts, doubted) else None

    def gave(self, facts: Facts, doubted: Doubt) -> int:
        return 1 if doubted.rung is Rung.ALLOW and doubted.bare >= 2 and self._fits(facts) else 0

    def watches(self) -> tuple[Watch, ...]:
        how = "led" if self.led else "unled"
        return (
            Watch(f"{how}-came", "distinct", DAY, self.came, "fingerprint", bits=2048, closer=True),
            Watch(f"{how}-stayed", "distinct", DAY, self.stayed, "fingerprint", bits=2048, closer=True),
            Watch(f"{how}-gave", "count", DAY, self.gave, "fingerprint", closer=True),
            Watch(f"{how}-got", "distinct", DAY, self.got, "fingerprint", bits=4096, closer=True),
        )

    def _fits(self, facts: Facts) -> bool:
        return of_page(facts) == self.led


LED, UNLED = Counted(led=True), Counted(led=False)


def _network(facts: Facts, doubted: Doubt) -> str | None:
    return facts.client.network or None if doubted.rung is None and doubted.bare >= 2 else None


def _got(facts: Facts, doubted: Doubt) -> str | None:
    return facts.object if doubted.rung is Rung.ALLOW and doubted.bare >= 2 else None


def _let(_: Facts, doubted: Doubt) -> int:
    return 1 if doubted.rung is Rung.ALLOW else 0


def _followed(_: Facts, doubted: Doubt) -> int:
    return 1 if "rotation" in doubted.said else 0


def _agent(facts: Facts) -> str | None:
    if facts.resource is not Resource.PAGE or facts.agent is None:
        return None
    return facts.fingerprint or facts.agent.raw


CLOSER = (
    *UNLED.watches(),
    *LED.watches(),
    Watch("let", "count", HOUR, _let, "fingerprint", closer=True),
    Watch("trail", "steps", HOUR, asked, "fingerprint", closer=True, reach=REACH),
    OWN_TRAIL,
    Watch("followed", "count", WEEK, _followed, closer=True),
    Watch("session-networks", "distinct", DAY, _network, "credential", bits=256, closer=True),
    Watch("session-got", "distinct", DAY, _got, "credential", bits=1024, closer=True),
)


@dataclass(frozen=True, slots=True)
class Rotation:
    mode: Mode = "enforce"
    weight: int = 4
    light: int = 2  # the weight where chance, or a warm cache, may be the reason
    limit: int = 150  # different objects that a fingerprint, or a session, got in a day without assets
    spread: int = 90  # per cent of them different: people ask for the same things
    some: int = 50  # the same where most addresses go on so, and no page led there: scrapers may ask for the same, too
    addresses: int = 3  # at least so many addresses; of a session, so many networks
    alike: int = 30  # per cent of the fingerprint's addresses that went on without assets; of a crowd, few do
    each: int = 10  # or so many objects for each of those: people read less
    pages: int = 3  # different objects of an address before it is taken for one of a fleet
    led_pages: int = 20  # the same where pages lead to each other
    steps: int = 25  # of a walk that others are on
    share: int = 10  # per cent of all that the fingerprint got in an hour; a crowd's walks are less
    agents: int = 5  # on one address that takes no assets

    def watches(self) -> tuple[Watch, ...]:
        return (TAKEN_DAY, ASSETS, Watch("agents", "distinct", DAY, _agent, bits=64), *CLOSER)

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        taken, assets, agents, *counts, let, trail, own, followed, networks, session = seen
        doubted = doubt(facts, taken, assets)
        if doubted is None:
            return None
        led = of_page(facts)
        found = (
            self._walk(facts, led, own, trail, followed, let)
            or self._fleet(doubted, led, counts[4:] if led else counts[:4])
            or self._session(doubted, networks, session)
            or (self._agents(doubted, agents) if facts.has_assets else None)
        )
        if found is not None and found.weight == self.light and looks_odd(facts):
            return replace(found, weight=0)  # that they look alike, and odd, is said by `headers` already
        return found

    def _walk(self, facts: Facts, led: bool, own: Seen, trail: Seen, followed: Seen, let: Seen) -> Signal | None:
        """The next step of a walk that others are on, by somebody who looks as they do.

        A crowd that asks for many neighbours seems to walk as well, now and then: so it must be a good part of all.
        """
        if not isinstance(trail, Steps) or not isinstance(let, int):
            return None
        others = trail.run - (own.run if isinstance(own, Steps) else 0)
        if others <= self.steps or others * 100 < let * self.share:
            return None
        known = facts.headers is not None and b"cookie" in facts.headers.raw
        chance = (led or known or trail.wide > trail.stride) and not followed
        reason = (
            f"goes on with a walk of {others} steps, {trail.stride} apart, that other addresses with the same"
            f" fingerprint are on; the limit is {self.steps}"
        )
        return self._signal(self.light if chance else self.weight, reason, others, self.steps)

    def _fleet(self, doubted: Doubt, led: bool, counts: list[Seen]) -> Signal | None:
        """One of many addresses that share a fingerprint and a catalogue, and take nothing else."""
        came, stayed, gave, got = counts
        if doubted.bare < self.pages or not isinstance(got, int) or got <= self.limit or not isinstance(gave, int):
            return None
        if not isinstance(came, int) or not isinstance(stayed, int) or stayed < self.addresses:
            return None
        alike, different = stayed * 100 // max(came, stayed), got * 100 // max(gave, 1)
        if different >= self.spread:
            fits = alike >= self.alike * (1 + led)
        else:
            fits = alike >= self.alike * 2 and different >= self.some and not led
        if not fits and (got < stayed * self.each or (led and different < self.spread)):
            return None
        chance = led and doubted.bare < self.led_pages and (alike < 90 or stayed < 10)
        reason = (
            f"{got} different pages or data objects in a day, {different} % of all that was got, without assets, by"
            f" {stayed} addresses with the same fingerprint; the limit is {self.limit}"
        )
        return self._signal(self.light if chance else self.weight, reason, got, self.limit)

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
