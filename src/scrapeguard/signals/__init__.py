"""The detectors, in the order in which their reasons are told. To add one: its file, its import, its entry."""

from collections.abc import Mapping

from scrapeguard.model import Detector, Facts, Outcome, Plan, Signal, Tally, Watch
from scrapeguard.signals.pace import Pace

DETECTORS: dict[str, type[Detector]] = {
    "pace": Pace,
}


class Panel:
    """The detectors that are switched on, and one plan with the watches of them all, each once."""

    def __init__(self, detectors: Mapping[str, Detector]) -> None:
        self.detectors = {name: detector for name, detector in detectors.items() if detector.mode != "off"}
        watches: dict[str, Watch] = {}
        self._seats: list[tuple[Detector, tuple[int, ...]]] = []
        for detector in self.detectors.values():
            wanted = detector.watches()
            watches.update((watch.name, watch) for watch in wanted)
            self._seats.append((detector, tuple(list(watches).index(watch.name) for watch in wanted)))
        self.plan = Plan(tuple(watches.values()))

    def detect(self, facts: Facts, tally: Tally) -> tuple[Signal, ...]:
        """The signals of one request."""
        seen = tally.seen
        found = []
        for detector, places in self._seats:
            signal = detector.detect(facts, tuple([seen[place] for place in places]))
            if signal is not None:
                found.append(signal)
        return tuple(found)

    def wants(self, facts: Facts, outcome: Outcome) -> bool:
        """Whether any detector counts something now that the outcome is known."""
        return any(watch.after and watch.take(facts, outcome) for watch in self.plan.watches)
