"""The detectors, in the order in which their reasons are told. To add one: its file, its import, its entry."""

from collections.abc import Callable, Mapping
from operator import itemgetter

from scrapeguard.model import Detector, Doubt, Facts, Outcome, Plan, Seen, Signal, Tally
from scrapeguard.signals.agent import Declared
from scrapeguard.signals.api import Api
from scrapeguard.signals.assets import Assets
from scrapeguard.signals.breadth import Breadth
from scrapeguard.signals.cadence import Cadence
from scrapeguard.signals.continued import Continued
from scrapeguard.signals.coverage import Coverage
from scrapeguard.signals.doubt import doubt
from scrapeguard.signals.headers import HeadersOdd
from scrapeguard.signals.impostor import Impostor
from scrapeguard.signals.misses import Misses
from scrapeguard.signals.pace import Pace
from scrapeguard.signals.passes import Passes
from scrapeguard.signals.purpose import Purpose
from scrapeguard.signals.robots import Robots
from scrapeguard.signals.rotation import Rotation
from scrapeguard.signals.sequence import Sequence
from scrapeguard.signals.trap import Trap
from scrapeguard.signals.watches import ASSETS, TAKEN_DAY

DETECTORS: dict[str, type[Detector]] = {
    "pace": Pace,
    "breadth": Breadth,
    "sequence": Sequence,
    "cadence": Cadence,
    "robots": Robots,
    "trap": Trap,
    "headers": HeadersOdd,
    "agent": Declared,
    "misses": Misses,
    "assets": Assets,
    "impostor": Impostor,
    "purpose": Purpose,
    "passes": Passes,
    "api": Api,
    "coverage": Coverage,
    "rotation": Rotation,
    "continued": Continued,
}

Pick = Callable[[tuple[Seen, ...]], tuple[Seen, ...]]
Seat = tuple[Callable[[Facts, tuple[Seen, ...]], Signal | None], Pick]


class Panel:
    """The detectors that are switched on, and the watches of them all, each once.

    Those that want something counted closer (`Watch.closer`) are heard at the second look only, where there is a doubt.
    """

    def __init__(self, detectors: Mapping[str, Detector]) -> None:
        self.detectors = {name: detector for name, detector in detectors.items() if detector.mode != "off"}
        wanted = {name: detector.watches() for name, detector in self.detectors.items()}
        near = {watch.name: watch for watches in wanted.values() for watch in watches if watch.closer}
        told = (TAKEN_DAY, ASSETS) if near else ()
        far = {watch.name: watch for watches in (*wanted.values(), told) for watch in watches if not watch.closer}
        self.plan, self.closer = Plan(tuple(far.values())), Plan(tuple(near.values()), held=False)
        self._seats: list[Seat] = []
        self._closer_seats: list[Seat] = []
        order = [*far, *near]
        for name, detector in self.detectors.items():
            seat = detector.detect, _picking([order.index(watch.name) for watch in wanted[name]])
            (self._closer_seats if any(w.closer for w in wanted[name]) else self._seats).append(seat)
        self._told = _picking([order.index(watch.name) for watch in told])
        self._after = tuple(watch.take for watch in self.plan.watches if watch.after)

    def detect(self, facts: Facts, tally: Tally) -> tuple[Signal, ...]:
        """The signals of one request, at the first look."""
        seen = tally.seen
        return tuple([signal for detect, pick in self._seats if (signal := detect(facts, pick(seen)))])

    def doubt(self, facts: Facts, tally: Tally) -> Doubt | None:
        """The doubt about a request, if it is worth a second look; None nearly always."""
        return doubt(facts, *self._told(tally.seen)) if self._closer_seats else None

    def detect_closer(self, facts: Facts, tally: Tally, closer: Tally) -> tuple[Signal, ...]:
        """The signals that the second look adds; `closer` answers the plan of that name.

        None while it is held: whoever is refused anyway is only followed, so that others are seen to go on.
        """
        if tally.standing.held:
            return ()
        seen = tally.seen + closer.seen
        return tuple([signal for detect, pick in self._closer_seats if (signal := detect(facts, pick(seen)))])

    def wants(self, facts: Facts, outcome: Outcome) -> bool:
        """Whether any detector counts something now that the outcome is known."""
        return any(take(facts, outcome) for take in self._after)


def _picking(places: list[int]) -> Pick:
    """What takes a detector's own answers, in order, out of those to the whole plan."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))  # a tuple, even of one
