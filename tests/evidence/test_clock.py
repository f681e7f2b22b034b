"""The clock's state is on record at the start, when it was stepped, and when it is kept or no longer kept."""

from pathlib import Path

from building import open_log

from scrapeguard.evidence import clock
from scrapeguard.evidence.clock import STEP, Clock
from scrapeguard.evidence.keeper import Keeper, KeeperSettings

KEPT = {"error_us": 900, "synchronised": "yes"}
LOOSE = {"error_us": 16_000_000, "synchronised": "no"}
HOUR = 3_600_000_000


def test_the_first_look_is_recorded_and_a_clock_that_runs_true_is_not_again() -> None:
    looked = Clock()
    assert looked.look(10 * HOUR, 5, dict(KEPT)) == {**KEPT, "step_us": 0}
    assert looked.look(11 * HOUR, 5 + HOUR, dict(KEPT)) is None
    assert looked.look(12 * HOUR + STEP - 1, 5 + 2 * HOUR, dict(KEPT)) is None


def test_a_clock_stepped_back_an_hour_is_told_with_the_step() -> None:
    looked = Clock()
    looked.look(10 * HOUR, 5, dict(KEPT))
    told = looked.look(9 * HOUR + 60, 65, dict(KEPT))
    assert told == {**KEPT, "step_us": -HOUR}
    assert looked.look(9 * HOUR + 120, 125, dict(KEPT)) is None


def test_losing_and_finding_the_time_service_is_told() -> None:
    looked = Clock()
    looked.look(HOUR, 5, dict(KEPT))
    assert looked.look(HOUR + 1, 6, dict(LOOSE)) == {**LOOSE, "step_us": 0}
    assert looked.look(HOUR + 2, 7, dict(KEPT)) == {**KEPT, "step_us": 0}


def test_this_machine_has_a_state() -> None:
    told = clock.state()
    assert told["synchronised"] in ("yes", "no", "unknown")
    assert told["error_us"] is None or isinstance(told["error_us"], int)
    wall, mono = clock.now()
    assert wall > mono > 0


def test_the_keeper_records_the_clock_when_it_starts(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    events: list[str] = []
    kept = Keeper(tmp_path, KeeperSettings(), lambda kind, _: events.append(kind), 1_795_500_000_000_000)
    kept.look_at_clock()
    kept.look_at_clock()
    log.close()
    assert events == ["clock"]
