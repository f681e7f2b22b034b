"""The self-test: every detector fires, a person passes, a challenge is solved; what is broken on purpose is told."""

import asyncio
import json
import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from scrapeguard import parts as building
from scrapeguard import selftest
from scrapeguard.cli import main
from scrapeguard.config import load
from scrapeguard.evidence.reading import lines, parse, segments
from scrapeguard.facts.reader import FactsSettings
from scrapeguard.model import Facts, Mode, Seen, Signal, Watch
from scrapeguard.selftest.challenge import Trial
from scrapeguard.selftest.traffic import PERSON, RECIPES, ROBOT, VISITOR
from scrapeguard.signals import DETECTORS, Panel

NOW = 1_790_000_000_000_000
QUIET = {"evidence": {"directory": ""}}


class Deaf:
    """A detector that hears nothing."""

    mode: Mode = "enforce"

    def watches(self) -> tuple[Watch, ...]:
        return ()

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        return None


class Hasty(Deaf):
    """A detector that takes everybody for a robot."""

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        return Signal("hasty", 8, "everybody", 1, 0)


def results(parts: building.Parts) -> dict[str, str]:
    return {one.name: one.state for one in asyncio.run(selftest.run(parts, NOW))}


def test_there_is_traffic_for_every_detector_and_for_no_other() -> None:
    assert set(RECIPES) == set(DETECTORS)


def test_every_detector_fires_and_a_person_passes() -> None:
    found = results(building.examine(load({**QUIET, "signals": {"purpose": {"refuse": ["training"]}}})))
    assert found == dict.fromkeys(DETECTORS, "fired") | {"person": "passed", "challenge": "passed"}


def test_it_takes_no_address_that_anybody_can_have() -> None:
    assert (ROBOT, VISITOR) == ("192.0.2.250", "198.51.100.250")  # RFC 5737
    assert {request.address for request in PERSON} == {VISITOR}


@pytest.mark.parametrize("name", sorted(DETECTORS.keys() - {"purpose"}))  # which fires only where it is asked to
def test_a_detector_that_went_deaf_is_found_out(name: str) -> None:
    parts = building.examine(load(QUIET))
    deaf = replace(parts, panel=Panel({**parts.panel.detectors, name: Deaf()}))
    found = {one.name: one.state for one in asyncio.run(selftest.run(deaf, NOW, most=300))}
    assert {name for name, state in found.items() if state == "silent"} == {name}


def test_a_detector_that_stops_people_is_found_out() -> None:
    parts = building.examine(load(QUIET))
    hasty = replace(parts, panel=Panel({**parts.panel.detectors, "hasty": Hasty()}))
    assert results(hasty)["person"] == "stopped"


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"answer_seconds": 0}, "a good solution was not accepted (expired)"),
        ({"work_pass_seconds": 0}, "the pass that was given for it is not accepted"),
    ],
)
def test_a_challenge_that_lets_nobody_through_is_found_out(table: dict[str, object], fault: str) -> None:
    assert said(building.examine(load({**QUIET, "challenge": table}))) == ("broken", fault)


def test_a_solution_that_is_good_twice_is_found_out() -> None:
    async def forgetful(_key: str, _seconds: int, _now: int) -> bool:
        return True

    trial = Trial(building.examine(load(QUIET)), FactsSettings(), forgetful, NOW)
    assert asyncio.run(trial.fault()) == "the same solution was accepted a second time"


@pytest.mark.parametrize("table", [{"cost": 10_000, "calculations": 100_000, "calculations_most": 100_000},
                                   {"prefix": "/gate/", "cookie": "mine"}])  # fmt: skip
def test_the_challenge_of_any_configuration_is_tried_in_little_time(table: dict[str, object]) -> None:
    parts = building.examine(load({**QUIET, "challenge": table}))
    began = time.process_time()
    assert said(parts)[0] == "passed"
    assert time.process_time() - began < 5


def said(parts: building.Parts) -> tuple[str, str]:
    (found,) = [one for one in asyncio.run(selftest.run(parts, NOW, most=1)) if one.name == "challenge"]
    return found.state, found.said


def test_what_is_switched_off_is_no_alarm_and_a_limit_out_of_reach_is_one() -> None:
    settings = {"pace": {"mode": "off"}, "sequence": {"limit": 1_000_000}}
    found = results(building.examine(load({**QUIET, "signals": settings})))
    assert (found["pace"], found["sequence"]) == ("off", "silent")


def test_the_command_says_what_fired_and_fails_on_silence(tmp_path: Path) -> None:
    good = CliRunner().invoke(main, ["selftest", "--json"])
    assert good.exit_code == 0, good.output
    assert json.loads(good.output)["results"]["pace"]["state"] == "fired"
    assert json.loads(good.output)["results"]["challenge"]["state"] == "passed"
    config = tmp_path / "scrapeguard.toml"
    config.write_text('[signals.sequence]\nlimit = 1000000\n[evidence]\ndirectory = "log"\n')
    bad = CliRunner().invoke(main, ["selftest", str(config), "--record"])
    assert bad.exit_code == 1
    assert "silent   sequence   20,000 requests made to fire it did not" in bad.output
    (record,) = recorded(tmp_path / "log")
    assert (record["good"], record["results"]["sequence"]["state"]) == (False, "silent")
    assert record["results"]["challenge"] == {"requests": 4, "state": "passed"}


def test_a_running_guard_tests_itself_and_silence_is_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"evidence": {"directory": str(tmp_path)}, "signals": {"pace": {"limit": 1_000_000}}}
    parts = building.build(load(settings))
    again = threading.Event()
    asked: list[int] = []

    def current() -> building.Parts:
        asked.append(1)
        if len(asked) > 1:
            again.set()
        return parts

    with caplog.at_level(logging.ERROR, "scrapeguard.selftest"):
        periodic = selftest.Periodic(0.01, current)
        assert again.wait(20)
        periodic.end()
    parts.evidence.close()
    assert "pace is silent: 20,000 requests made to fire it did not" in caplog.text
    assert {record["good"] for record in recorded(tmp_path)} == {False}


def test_it_runs_only_where_it_is_asked_for() -> None:
    parts = building.examine(load(QUIET))
    assert selftest.begin(parts, lambda: parts) is None
    asked = building.examine(load({**QUIET, "selftest": {"every_minutes": 60}}))
    periodic = selftest.begin(asked, lambda: asked)
    assert periodic is not None
    periodic.end()


def recorded(directory: Path) -> list[dict[str, object]]:
    found = [parse(line.raw) for path in segments(directory) for line in lines(path)]
    return [record["what"] for record in found if record is not None and record["k"] == "selftest.result"]
