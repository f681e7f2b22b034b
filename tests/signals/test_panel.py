"""The panel asks for each watch once and hands every detector its own answers."""

from dataclasses import dataclass

from building import facts

from scrapeguard.model import Facts, Mode, Outcome, Seen, Signal, Tally, Watch
from scrapeguard.signals import DETECTORS, Panel
from scrapeguard.signals.pace import Pace


@dataclass(frozen=True, slots=True)
class Echo:
    """Says what it was handed."""

    names: tuple[str, ...]
    mode: Mode = "enforce"

    def watches(self) -> tuple[Watch, ...]:
        return tuple(Watch(name, "count", 60, len) for name in self.names)

    def detect(self, _: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        return Signal("echo", 1, repr(seen), 0, 0, self.mode)


def test_every_detector_gets_its_own_answers_in_its_own_order() -> None:
    panel = Panel({"one": Echo(("a", "b")), "two": Echo(("c", "a")), "three": Echo(("b",)), "four": Echo(())})
    assert [watch.name for watch in panel.plan.watches] == ["a", "b", "c"]
    signals = panel.detect(facts(), Tally((1, 2, 3)))
    assert [signal.reason for signal in signals] == ["(1, 2)", "(3, 1)", "(2,)", "()"]


def test_a_detector_that_is_off_counts_nothing_and_says_nothing() -> None:
    panel = Panel({"pace": Pace(mode="off")})
    assert (panel.plan.watches, panel.detect(facts(), Tally(()))) == ((), ())


def test_an_observed_detector_speaks_as_observed() -> None:
    panel = Panel({"pace": Pace(mode="observe")})
    (signal,) = panel.detect(facts(), Tally((500, 99, 0, 1, 0)))
    assert signal.mode == "observe"


def test_only_what_was_not_there_is_counted_after_the_answer() -> None:
    panel = Panel({name: detector() for name, detector in DETECTORS.items()})
    assert panel.wants(facts(), Outcome(404, 0, 0, True))
    assert not panel.wants(facts(), Outcome(200, 0, 0, True))
