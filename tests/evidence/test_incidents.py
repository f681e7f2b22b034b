"""Incidents: what belongs together, and what it adds up to."""

import random
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from building import BLOCKED, FINE, HELD, LATER, OBSERVED, REFUSED, SECOND, SERVED, SLOWED, START, facts, open_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrapeguard.config import Config
from scrapeguard.errors import InputError
from scrapeguard.evidence.incidents import configured_idle, incident, incidents, members
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings
from scrapeguard.evidence.reading import segments
from scrapeguard.model import Outcome, Resource, Rung, Verdict

DENIED = Verdict(Rung.BLOCK, Rung.BLOCK, "deny-list")
NOTICE = Verdict(Rung.ALLOW, Rung.ALLOW, "notice")
MINUTE = 60


def scraper(folder: Path, address: str = "192.0.2.7", start: float = 0) -> None:
    """Asks robots.txt, takes 30 pages, is slowed, comes back after 5 s, takes 10 more, is blocked, tries 20 times."""
    log = open_log(folder)
    log.request(
        facts(start, "/robots.txt", address, resource=Resource.NOTICE), NOTICE, Outcome(200, 60, 90, complete=True)
    )
    for number in range(30):
        rule = "Disallow: /item/2" if number >= 20 else ""
        log.request(facts(start + 1 + number, f"/item/{number}", address, forbidden=rule), FINE, SERVED)
    log.request(facts(start + 31, "/item/30", address), SLOWED, LATER)
    for number in range(10):
        log.request(facts(start + 36 + number, f"/item/{31 + number}", address), FINE, SERVED)
    log.request(facts(start + 46, "/item/41", address), BLOCKED, REFUSED)
    for number in range(20):
        log.request(facts(start + 47 + number, "/item/41", address), HELD, REFUSED)
    log.close()


def test_an_incident_tells_what_was_asked_taken_refused_and_how_the_actor_came_back(tmp_path: Path) -> None:
    scraper(tmp_path)
    (found,) = incidents(tmp_path)
    told = found.told()
    assert told["actor"] == "address:192.0.2.7"
    assert (told["requests"], told["odd"], told["distinct"]) == (63, 22, 43)
    assert (told["first"], told["last"]) == (START, START + 66 * SECOND)
    assert told["opened"] == START + 31 * SECOND
    assert told["taken"] == {"bytes": 40 * 5120, "objects": 40, "requests": 40}
    assert told["after_measure"] == {"bytes": 10 * 5120, "objects": 10, "requests": 10, "returned": 31}
    assert told["refused"] == 22
    assert told["statuses"] == {"200": 41, "403": 21, "429": 1}
    assert told["robots"] == {"asked": 1, "first": START}
    assert told["forbidden"] == {"rules": {"Disallow: /item/2": 10}, "served": 10}
    assert told["rung"] == "block"
    slowed, blocked = told["measures"]  # type: ignore[misc]
    assert (slowed["rung"], slowed["back_us"], slowed["refused"]) == ("throttle", 5 * SECOND, 0)  # type: ignore[index,call-overload]
    assert (blocked["rung"], blocked["back_us"], blocked["refused"]) == ("block", SECOND, 20)  # type: ignore[index,call-overload]
    assert told["signals"]["pace"]["count"] == 2  # type: ignore[index,call-overload]
    assert told["signals"]["breadth"]["reason"] == "300 requests in 60 s; the limit is 200"  # type: ignore[index,call-overload]


def test_people_who_did_nothing_odd_are_in_no_incident(tmp_path: Path) -> None:
    scraper(tmp_path)
    log = open_log(tmp_path)
    for number in range(50):
        log.request(facts(number, f"/item/{number}", f"198.51.100.{number}"), FINE, SERVED)
    log.close()
    (found,) = incidents(tmp_path)
    assert all(entry.actor == "address:192.0.2.7" for entry in members(tmp_path, found.found))


def test_one_signal_that_asks_for_nothing_opens_no_incident(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    mild = Verdict(Rung.ALLOW, Rung.ALLOW, "signals", SLOWED.signals, 2, 0)
    log.request(facts(), mild, SERVED)
    log.close()
    assert incidents(tmp_path) == []


def test_observe_mode_opens_an_incident_that_says_nothing_was_imposed(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for number in range(3):
        log.request(facts(number), OBSERVED, SERVED)
    log.close()
    (found,) = incidents(tmp_path)
    told = found.told()
    assert (told["rung"], told["rung_intended"], told["refused"]) == ("allow", "block", 0)
    assert told["modes"] == {"observe": 3}
    assert told["measures"] == []


def test_silence_ends_an_incident_and_no_request_is_in_two(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.request(facts(0), BLOCKED, REFUSED)
    log.request(facts(29 * MINUTE), BLOCKED, REFUSED)
    log.request(facts(30 * MINUTE), FINE, SERVED)  # in nobody's span, but in the hour before the next
    log.request(facts(60 * MINUTE), BLOCKED, REFUSED)
    log.close()
    first, second = incidents(tmp_path)
    assert (first.requests, second.requests) == (2, 2)
    assert first.found.last < second.first
    (one,) = incidents(tmp_path, idle=45)
    assert one.requests == 4


def test_the_hour_before_belongs_to_it_and_the_day_before_does_not(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for minutes in (0, 100, 130):
        log.request(facts(minutes * MINUTE), FINE, SERVED)
    log.request(facts(140 * MINUTE), BLOCKED, REFUSED)
    log.close()
    (found,) = incidents(tmp_path)
    assert found.requests == 3


def test_ids_stay_while_an_incident_grows(tmp_path: Path) -> None:
    scraper(tmp_path)
    (before,) = incidents(tmp_path)
    scraper(tmp_path, start=200)
    (after,) = incidents(tmp_path)
    assert before.found.id == after.found.id
    assert after.requests == 2 * before.requests
    assert incident(tmp_path, after.found.id[:6]).requests == after.requests


def test_segments_of_several_processes_are_one_story_in_time(tmp_path: Path) -> None:
    logs = [open_log(tmp_path) for _ in range(3)]
    for number in range(90):
        logs[number % 3].request(facts(number, f"/item/{number}"), SLOWED if number >= 60 else FINE, SERVED)
    for log in logs:
        log.close()
    (found,) = incidents(tmp_path)
    assert found.requests == 90
    times = [entry.time for entry in members(tmp_path, found.found)]
    assert times == sorted(times)


def test_an_address_on_the_deny_list_is_one_measure_however_often_it_tries(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for number in range(5):
        log.request(facts(number), DENIED, REFUSED)
    log.close()
    (found,) = incidents(tmp_path)
    assert found.placed == 1
    assert found.measures[0].refused == 4


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=40), st.randoms())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_writing_changes_no_incident(
    tmp_path: Path, visits: list[tuple[int, bool]], chance: random.Random
) -> None:
    """Access logs are written when an answer ends, and files are read one after the other."""
    seen = []
    for mixed in (sorted(visits), chance.sample(visits, len(visits))):
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            log = open_log(Path(folder))
            for minute, odd in mixed:
                log.request(facts(minute * MINUTE), BLOCKED if odd else FINE, REFUSED if odd else SERVED)
            log.close()
            seen.append(
                [(each.found.opened, each.found.last, each.requests, each.odd) for each in incidents(Path(folder))]
            )
    assert seen[0] == seen[1]
    assert sum(odd for *_, odd in seen[0]) == sum(odd for _, odd in visits)
    assert all(before[1] + 30 * 60 * SECOND < after[0] for before, after in pairwise(seen[0]))


def test_damaged_lines_are_skipped(tmp_path: Path) -> None:
    scraper(tmp_path)
    (path,) = segments(tmp_path)
    rows = path.read_bytes().split(b"\n")
    rows[11] = rows[11][:50] + b"\xff" + rows[11][51:]
    rows[13] = b"[" * 100_000
    rows[15] = b'{"k":"request","seq":1,"t":1,"what":{"verdict":7}}'
    path.write_bytes(b"\n".join(rows)[:-40])
    (found,) = incidents(tmp_path)
    assert found.requests == 60


@pytest.mark.parametrize("name", ["", "zzz", "000000000000"])
def test_an_id_that_is_not_there_is_refused_with_what_there_is(tmp_path: Path, name: str) -> None:
    scraper(tmp_path)
    with pytest.raises(InputError, match="There are: "):
        incident(tmp_path, name)


def test_a_folder_without_evidence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no evidence"):
        incidents(tmp_path)


COUNTED = """
import resource, sys
from pathlib import Path
from scrapeguard.evidence.incidents import incidents
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = incidents(Path(sys.argv[1]))
print(len(found), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_stays_flat_however_long_the_log(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for number in range(40_000):
        log.request(facts(number / 100, f"/item/{number % 50}", f"10.0.{number % 200}.{number % 250}"), FINE, SERVED)
    scraper(tmp_path)
    log.close()
    size = sum(path.stat().st_size for path in segments(tmp_path)) >> 10
    done = subprocess.run([sys.executable, "-c", COUNTED, str(tmp_path)], capture_output=True, text=True, check=True)
    found, grown = map(int, done.stdout.split())
    assert found == 1
    assert size > 30_000
    assert grown < size / 8


def test_how_long_a_silence_ends_an_incident_is_what_the_config_in_force_says(tmp_path: Path) -> None:
    assert configured_idle(tmp_path) == 30
    log = EvidenceLog(EvidenceSettings(str(tmp_path)), Path)
    config = Config({"evidence": {"idle_minutes": 7}})
    config.section("evidence", EvidenceSettings)
    log.activate("enforce", config, {})
    log.close()
    assert configured_idle(tmp_path) == 7
