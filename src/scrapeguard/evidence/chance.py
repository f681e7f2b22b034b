"""Chance: how often a link would join strangers, counted in the same log among those who did nothing odd.

Strangers are addresses by day that met no measure and whose signals asked for none, each by its first request of an
hour. Of a large log a sample is looked at: those whose pseudonym, a random number, is small enough.

- What is shared (looks, a session, the place where a walk goes on): K of N strangers share it. The share in the long
  run is, with 95 % confidence, at most the upper limit of Wilson's score interval.
- A coincidence in time: M strangers who look the same came within an hour before or after. If they come at that rate
  without regard to the refusal, one comes by chance within the time that passed with probability 1 - exp(-rate * time),
  with the rate at its upper 95 % limit (the score interval of a Poisson count).
- A walk that goes on: only those strangers count who began near there, which their share says; among those who look the
  same it is taken as it was seen, if that is more than the limit among all.
- Looks within a network: if any stranger in that network looks the same, it may be an office or a school: no link.

Each measure is a trial in which a stranger may come in time, each odd subject one in which a stranger may look alike.
So the chance of one link is put in proportion (Benjamini and Hochberg, 1995): of n trials, i links were as unlikely or
more so; by chance alone there would be n * p of them; the share of wrong ones among them is at most n * p / i. A
session, a key or a pass is made to be unlike any other: there the chance of the single link is the error.

All of it holds only as far as who did nothing odd is no part of the actor, and as strangers do not imitate it.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from scrapeguard.evidence.actors import REACH
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.links import MILLION, Error, Link, looks
from scrapeguard.facts.walk import step_in

SECOND = 1_000_000
HOUR = 3_600 * SECOND
SAMPLE = 20_000  # strangers looked at
TIMED = ("return", "walk", "continued")  # reasons that are a coincidence in time
Z = 1.6449  # of the normal distribution, one-sided 95 %


def share_at_most(count: int, of: int) -> float:
    """The upper limit of a share of which `count` of `of` were seen; 1 when nothing was seen."""
    if not of:
        return 1.0
    p, z = count / of, Z * Z / of
    return min(1.0, (p + z / 2 + Z * math.sqrt(p * (1 - p) / of + z / (4 * of))) / (1 + z))


def count_at_most(count: int) -> float:
    """The upper limit of the mean of which `count` were seen."""
    return count + Z * Z / 2 + Z * math.sqrt(count + Z * Z / 4)


@dataclass(slots=True)
class Crowd:
    """`add` every first request (`entry.maybe_first`); then `error` of each of the `links` that were given."""

    links: Iterable[Link]
    odd: Set[str]  # subjects that did something odd
    _strangers: set[int] = field(default_factory=set)  # pseudonyms in the sample
    _having: dict[str, set[int]] = field(default_factory=dict)  # feature -> of those, who has it
    _alike: Counter[tuple[str, str]] = field(default_factory=Counter)  # (looks, place of a walk) -> who began there
    _walks: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # family -> where walks stood
    _beside: Counter[tuple[str, str]] = field(default_factory=Counter)  # (looks, network) -> strangers
    _arrivals: dict[str, Counter[int]] = field(default_factory=dict)  # looks ("" = anybody) -> hour -> strangers
    _most: int = 1 << 128  # pseudonyms below this are in the sample
    _first: int = 0  # and last time of the log
    _last: int = 0

    def __post_init__(self) -> None:
        for link in self.links:
            self._having.setdefault(link.feature, set())
            self._arrivals.setdefault(link.looks, Counter())
            family, at, number = link.feature.rpartition("@")
            if link.reason in ("walk", "continued") and at:
                self._walks.setdefault(family, []).append((int(number), link.feature))
        for places in self._walks.values():
            places.sort()

    def add(self, entry: Entry) -> None:
        self._first, self._last = min(self._first or entry.time, entry.time), max(self._last, entry.time)
        if entry.actor in self.odd or entry.actor.startswith("sub:"):
            return
        look, hour = looks(entry), entry.time // HOUR
        for kind in {look, ""} & self._arrivals.keys():
            self._arrivals[kind][hour] += 1
        if look in self._having:
            self._beside[look, entry.network] += 1
        name = int(entry.sub, 16)
        if name >= self._most:
            return
        self._strangers.add(name)
        near = self._near(entry)
        self._alike.update((look, feature) for feature in near)
        for feature in (look, f"account:{entry.credential}", f"pass:{entry.passed}", *near):
            if feature in self._having:
                self._having[feature].add(name)
        if len(self._strangers) > SAMPLE:
            self._halve()

    def _near(self, entry: Entry) -> list[str]:
        """The places of walks near which a stranger began."""
        family, number = step_in(entry.host, entry.object) or ("", 0)
        places = self._walks.get(family, [])
        start, stop = bisect_left(places, (number - REACH, "")), bisect_left(places, (number + REACH + 1, ""))
        return [feature for _, feature in places[start:stop]]

    def _halve(self) -> None:
        self._most //= 2
        self._strangers = {name for name in self._strangers if name < self._most}
        for feature, names in self._having.items():
            self._having[feature] = {name for name in names if name < self._most}

    def error(self, link: Link) -> Error:
        """How often such a link joins strangers, not counting the two who are linked."""
        own = [each.subject for each in (link.first, link.second) if each.subject not in self.odd]
        shared, of = max(len(self._having[link.feature]) - len(own), 0), max(len(self._strangers) - len(own), 0)
        beside = max(self._beside[link.looks, link.network] - len(own), 0) if link.looks and link.network else 0
        share, arrivals, seconds = share_at_most(shared, of), None, 0
        if link.reason in TIMED:
            arrivals, seconds, coming = self._coming(link, len(own))
            alike = self._alike[link.looks, link.feature] - len(own)
            began = min(alike / arrivals, 1.0) if link.looks and arrivals else 0.0
            share = 1 - math.exp(-coming * (1.0 if link.feature == link.looks else max(share, began)))
        single = _ppm(1.0 if beside else share)
        return Error(single, single, 1, shared, of, arrivals, seconds, beside)

    def _coming(self, link: Link, own: int) -> tuple[int, int, float]:
        """Strangers that came within an hour, in how many seconds, and how many would come in the time that passed."""
        hour = link.second.time // HOUR
        counts = self._arrivals[link.looks]
        arrivals = max(sum(counts[hour + near] for near in (-1, 0, 1)) - own, 0)
        first, last = max(self._first, (hour - 1) * HOUR), min(self._last, (hour + 2) * HOUR)
        seconds = max((last - first) // SECOND, 1)
        passed = max(link.apart, SECOND) / SECOND
        return arrivals, seconds, count_at_most(arrivals) * passed / seconds


def proportioned(errors: Mapping[Link, Error], trials: Mapping[str, int]) -> dict[Link, Error]:
    """The errors with the share of wrong ones to be expected; `trials` by reason, 1 where there is none."""
    result: dict[Link, Error] = {}
    for reason in {link.reason for link in errors}:
        own = sorted((error.single, link.id, link) for link, error in errors.items() if link.reason == reason)
        result |= _ranked([(link, errors[link]) for *_, link in own], max(trials.get(reason, 0), len(own)), reason)
    return result


def _ranked(own: Sequence[tuple[Link, Error]], trials: int, reason: str) -> dict[Link, Error]:
    """From the least sure to the surest: none is less sure than one that is more likely by chance."""
    worst, result = MILLION, {}
    for rank, (link, error) in reversed(list(enumerate(own, 1))):
        if reason in ("account", "pass"):
            result[link] = error
            continue
        worst = min(worst, math.ceil(error.single * trials / rank))
        result[link] = replace(error, ppm=worst, trials=trials)
    return result


def _ppm(share: float) -> int:
    return min(MILLION, math.ceil(share * MILLION))
