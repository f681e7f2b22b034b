"""The detectors, in the order in which their reasons are told. To add one: its file, its import, its entry."""

from collections.abc import Callable, Mapping
from operator import itemgetter

from scrapeguard.model import Detector, Facts, Outcome, Plan, Seen, Signal, Tally, Watch
from scrapeguard.signals.agent import Declared
from scrapeguard.signals.assets import Assets
from scrapeguard.signals.breadth import Breadth
from scrapeguard.signals.cadence import Cadence
from scrapeguard.signals.headers import HeadersOdd
from scrapeguard.signals.impostor import Impostor
from scrapeguard.signals.misses import Misses
from scrapeguard.signals.pace import Pace
from scrapeguard.signals.passes import Passes
from scrapeguard.signals.purpose import Purpose
from scrapeguard.signals.robots import Robots
from scrapeguard.signals.sequence import Sequence
from scrapeguard.signals.trap import Trap

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
}

Pick = Callable[[tuple[Seen, ...]], tuple[Seen, ...]]


class Panel:
    """The detectors that are switched on, and one plan with the watches of them all, each once."""

    def __init__(self, detectors: Mapping[str, Detector]) -> None:
        self.detectors = {name: detector for name, detector in detectors.items() if detector.mode != "off"}
        watches: dict[str, Watch] = {}
        self._seats: list[tuple[Callable[[Facts, tuple[Seen, ...]], Signal | None], Pick]] = []
        for detector in self.detectors.values():
            wanted = detector.watches()
            watches.update((watch.name, watch) for watch in wanted)
            places = [list(watches).index(watch.name) for watch in wanted]
            self._seats.append((detector.detect, _picking(places)))
        self.plan = Plan(tuple(watches.values()))
        self._after = tuple(watch.take for watch in self.plan.watches if watch.after)

    def detect(self, facts: Facts, tally: Tally) -> tuple[Signal, ...]:
        """The signals of one request."""
        seen = tally.seen
        return tuple([signal for detect, pick in self._seats if (signal := detect(facts, pick(seen)))])

    def wants(self, facts: Facts, outcome: Outcome) -> bool:
        """Whether any detector counts something now that the outcome is known."""
        return any(take(facts, outcome) for take in self._after)


def _picking(places: list[int]) -> Pick:
    """What takes a detector's own answers, in order, out of those to the whole plan."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))  # a tuple, even of one
