"""An office that is blocked wrongly raises the alarm; scrapers that are blocked rightly do not."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from building import BLOCKED, FINE, HELD, OBSERVED, REFUSED, SECOND, SERVED, SLOWED, START, facts, open_log

from scrapeguard.cli.doctor import configured
from scrapeguard.evidence.keeper import Keeper, KeeperSettings
from scrapeguard.evidence.overblock import MOST_CLIENTS, Look, look
from scrapeguard.evidence.segment import FOLDER
from scrapeguard.model import Facts, Resource, Verdict

NOW = START + 3000 * SECOND
Visit = Iterator[Facts]


def page(second: float, number: int, address: str, browser: str = "one", *, inside: bool, session: bool) -> Facts:
    asked = facts(second, f"/item/{number}", address, referer="https://shop.example/item/1" if inside else None)
    return replace(asked, fingerprint=browser, credential="a session" if session else None)


def asset(second: float, number: int, address: str, browser: str = "one", *, session: bool = False) -> Facts:
    asked = facts(second, f"/static/{number}.png", address, resource=Resource.ASSET)
    return replace(asked, fingerprint=browser, credential="a session" if session else None)


def person(address: str, seed: int, browser: str = "one", pages: int = 12) -> Visit:
    """Reads for a few seconds or a minute, from page to page, with their pictures."""
    chance = random.Random(seed)
    second = chance.uniform(0, 60)
    for number in range(pages):
        yield page(second, number, address, browser, inside=number > 0, session=True)
        for each in range(3):
            yield asset(second + 0.2 + each / 10, 10 * number + each, address, browser, session=True)
        second += chance.expovariate(1 / 30) + 2


def office(address: str) -> Visit:
    """Thirty people behind one address."""
    visits = [visit for each in range(30) for visit in person(address, each, f"browser {each}")]
    yield from sorted(visits, key=lambda it: it.time)


def crawler(address: str, seed: int) -> Visit:
    """Pages only, twice a second."""
    yield from (page(number / 2, number, address, inside=False, session=False) for number in range(100))


def random_pauses(address: str, seed: int) -> Visit:
    """Pages only, with a pause between half of and one and a half times three seconds."""
    chance, second = random.Random(seed), 0.0
    for number in range(100):
        yield page(second, number, address, inside=True, session=True)
        second += chance.uniform(1.5, 4.5)


def headless(address: str, seed: int) -> Visit:
    """A driven browser: all that belongs to a page, referers, cookies; every four seconds."""
    chance = random.Random(seed)
    for number in range(60):
        second = 4 * number + chance.uniform(0, 0.8)
        yield page(second, number, address, inside=True, session=True)
        yield from (asset(second + each / 10, each, address, session=True) for each in range(4))


def bursts(address: str, seed: int) -> Visit:
    """Twenty at once, a minute of rest, all with referers and a session."""
    for number in range(200):
        yield page(number // 20 * 60 + number % 20 / 50, number, address, inside=True, session=True)


def played(folder: Path, *visits: Visit, verdict: Verdict = BLOCKED) -> Look:
    """What is found when all these have come, each refused from the middle of its visit on."""
    log = open_log(folder)
    for visit in visits:
        whole = list(visit)
        for number, asked in enumerate(whole):
            middle = number - len(whole) // 2
            met = FINE if middle < 0 else verdict if middle == 0 or verdict is OBSERVED else HELD
            log.request(asked, met, SERVED if met in (FINE, OBSERVED) else REFUSED)
    log.close()
    return look(folder, NOW)


def test_an_office_blocked_wrongly_raises_it(tmp_path: Path) -> None:
    found = played(tmp_path, office("192.0.2.7"))
    assert found.measured == found.people == 30
    assert found.alarming(3, 30)
    assert found.examples == ("7H2K-9QXA",)
    assert set(found.detectors) == {"pace", "breadth"}


def test_an_office_of_equal_browsers_without_sessions_is_one_client_like_people(
    tmp_path: Path,
) -> None:
    alike = [replace(asked, fingerprint="one", credential=None) for asked in office("192.0.2.7")]
    found = played(tmp_path, iter(alike))
    assert (found.measured, found.people) == (1, 1)


def test_people_throttled_one_by_one_raise_it_even_among_scrapers(tmp_path: Path) -> None:
    people = [person(f"192.0.2.{number}", number) for number in range(20)]
    scrapers = [crawler(f"198.51.100.{number}", number) for number in range(20)]
    found = played(tmp_path, *people, *scrapers, verdict=SLOWED)
    assert found.measured == 40
    assert found.people >= 15
    assert found.alarming(3, 30)


@pytest.mark.parametrize("style", [crawler, random_pauses, headless, bursts])
def test_a_fleet_blocked_rightly_does_not(style: Callable[[str, int], Visit], tmp_path: Path) -> None:
    found = played(tmp_path, *(style(f"198.51.100.{number}", number) for number in range(40)))
    assert found.measured == 40
    assert found.people == 0


def test_one_person_among_many_scrapers_is_seen_and_is_no_alarm(tmp_path: Path) -> None:
    fleet = [crawler(f"198.51.100.{number}", number) for number in range(30)]
    found = played(tmp_path, *fleet, person("192.0.2.7", 1))
    assert (found.measured, found.people) == (31, 1)
    assert not found.alarming(3, 30)


def test_people_who_were_let_through_or_only_observed_are_none_of_its_business(tmp_path: Path) -> None:
    log = open_log(tmp_path / "a")
    for asked in office("192.0.2.7"):
        log.request(asked, FINE, SERVED)
    log.close()
    assert look(tmp_path / "a", NOW).measured == 0
    assert played(tmp_path / "b", office("192.0.2.7"), verdict=OBSERVED).measured == 0


def test_what_is_older_than_an_hour_is_forgotten(tmp_path: Path) -> None:
    assert played(tmp_path, office("192.0.2.7")).people
    assert look(tmp_path, NOW + 3600 * SECOND).measured == 0


def test_an_empty_folder_and_damaged_lines_are_no_trouble(tmp_path: Path) -> None:
    assert look(tmp_path, NOW) == Look(0, 0, (), {})
    played(tmp_path, office("192.0.2.7"))
    (segment,) = (tmp_path / FOLDER).glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'{"k":"request"\n{"k":"request","sub":"' + b"0" * 32 + b'","t":99,\n\xff\xfe\n')
    assert look(tmp_path, NOW).people == 30


def test_so_many_clients_are_looked_at_and_no_more(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for number in range(MOST_CLIENTS + 500):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        asked = replace(facts(number / 100, address=address))
        asked = replace(asked, client=replace(asked.client, key=address))
        log.request(asked, BLOCKED, REFUSED)
    log.close()
    assert look(tmp_path, NOW).measured == MOST_CLIENTS


def test_the_keeper_puts_it_on_record_and_says_so_once_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    played(tmp_path, office("192.0.2.7"))
    told: list[tuple[str, object]] = []
    keeper = Keeper(tmp_path, KeeperSettings(), lambda kind, fields: told.append((kind, fields)), NOW)
    for minute in range(30):
        keeper.watch_people(NOW + minute * 60 * SECOND)
    alarms = [fields for kind, fields in told if kind == "alarm.overblock"]
    assert alarms == [{"detectors": {"breadth": 1, "pace": 1}, "measured": 30, "people": 30}]
    assert caplog.text.count("people may be stopped: 30 of 30") == 1
    off = Keeper(tmp_path, KeeperSettings(people_minutes=0), lambda *_: pytest.fail("it is off"), NOW)
    off.watch_people(NOW)


def test_the_doctor_says_so(tmp_path: Path) -> None:
    config = tmp_path / "scrapeguard.toml"
    config.write_text('[evidence]\ndirectory = "evidence"\n', "utf-8")
    shift = time.time_ns() // 1000 - NOW
    played(tmp_path / "evidence", (replace(asked, time=asked.time + shift) for asked in office("192.0.2.7")))
    (found,) = (finding for finding in configured(str(config)) if finding.name == "people")
    assert found.state == "warn"
    assert found.said.startswith(
        "30 of 30 clients measured in the last hour behave like people; see scrapeguard explain"
    )
    assert "breadth" in found.advice
