"""The clock's state is on record at the start, when it was stepped, and when it is kept or no longer kept."""

import json
from pathlib import Path

import pytest
from building import open_log

from scrapeguard.evidence import clock
from scrapeguard.evidence.clock import STEP, Clock, recall
from scrapeguard.evidence.keeper import Keeper, KeeperSettings
from scrapeguard.evidence.segment import boot

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


def told(folder: Path, wall: int, mono: int) -> dict[str, object] | None:
    """What a keeper that starts now has to record, with these clocks; it remembers them."""
    looked = recall(folder)
    found = looked.look(wall, mono, dict(KEPT))
    looked.remember(folder)
    return found


def test_a_step_while_no_keeper_was_there_is_told_by_the_next(tmp_path: Path) -> None:
    assert told(tmp_path, 10 * HOUR, 5) == {**KEPT, "step_us": 0}
    assert told(tmp_path, 10 * HOUR + 60, 65) == {**KEPT, "step_us": 0}
    assert told(tmp_path, 9 * HOUR + 120, 125) == {**KEPT, "step_us": -HOUR}
    assert told(tmp_path, 12 * HOUR, 125 + HOUR) == {**KEPT, "step_us": 2 * HOUR - 120}


def test_after_the_machine_was_off_only_a_clock_that_is_behind_is_a_step(tmp_path: Path) -> None:
    told(tmp_path, 10 * HOUR, 5 * HOUR)
    seen = (tmp_path / clock.FILE).read_text().replace(boot(), "f" * 32)
    for wall, step in ((11 * HOUR, 0), (9 * HOUR, -HOUR)):
        (tmp_path / clock.FILE).write_text(seen)
        assert told(tmp_path, wall, 7) == {**KEPT, "step_us": step}


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"boot":1}', '{"boot":"","mono":[],"wall":"x"}', "[" * 100_000])
def test_what_cannot_be_read_is_forgotten(tmp_path: Path, damaged: str) -> None:
    (tmp_path / clock.FILE).write_text(damaged)
    assert told(tmp_path, 9 * HOUR, 7) == {**KEPT, "step_us": 0}


def test_it_is_written_down_once_a_minute_and_when_it_was_stepped(tmp_path: Path) -> None:
    looked = Clock()
    times = []
    for second in (0, 5, 59, 60, 61):
        looked.look(10 * HOUR + second * 1_000_000, 5 + second * 1_000_000, dict(KEPT))
        looked.remember(tmp_path)
        times.append((json.loads((tmp_path / clock.FILE).read_text())["mono"] - 5) // 1_000_000)
    assert times == [0, 0, 0, 60, 60]
    looked.look(9 * HOUR, 5 + 62_000_000, dict(KEPT))
    looked.remember(tmp_path)
    assert json.loads((tmp_path / clock.FILE).read_text())["wall"] == 9 * HOUR


def test_the_keeper_records_the_clock_when_it_starts(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    events: list[str] = []
    kept = Keeper(tmp_path, KeeperSettings(), lambda kind, _: events.append(kind), 1_795_500_000_000_000)
    kept.look_at_clock()
    kept.look_at_clock()
    log.close()
    assert events == ["clock"]
