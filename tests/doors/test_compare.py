"""Two configurations on one log: who fares differently, and who of them has the marks of a person."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard.cli import main

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
START = datetime(2026, 11, 1, 10, tzinfo=UTC)
PAUSES = (4, 31, 9, 77, 15, 140, 6, 22, 58, 11, 95, 18)  # seconds, as somebody reads
Hit = tuple[float, str]


def line(second: float, address: str, path: str, referer: str, agent: str) -> Hit:
    time = (START + timedelta(seconds=second)).strftime("%d/%b/%Y:%H:%M:%S +0000")
    return second, f'{address} - - [{time}] "GET {path} HTTP/1.1" 200 512 "{referer or "-"}" "{agent}"'


def person(address: str) -> Iterator[Hit]:
    now = 0.0
    for number, pause in enumerate(PAUSES):
        yield line(now, address, f"/read/{number}x", "https://shop.example/", FIREFOX)
        yield line(now + 1, address, f"/static/{number}.png", f"https://shop.example/read/{number}x", FIREFOX)
        yield line(now + 1, address, f"/static/{number}.css", f"https://shop.example/read/{number}x", FIREFOX)
        now += pause


def scraper(address: str) -> Iterator[Hit]:
    return (line(number * 2.0, address, f"/read/{number}x", "", "curl/8.5.0") for number in range(40))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    hits = sorted([*person("198.51.100.7"), *scraper("203.0.113.9")])
    path = tmp_path / "access.log"
    path.write_text("\n".join(text for _, text in hits) + "\n")
    return path


def compare(log: Path, settings: str, *options: str) -> Result:
    other = log.parent / "other.toml"
    other.write_text(settings)
    return CliRunner().invoke(main, ["replay", str(log), "--compare", str(other), *options], env={"COLUMNS": "200"})


def test_who_would_be_stopped_in_addition_and_that_it_may_be_a_person(log: Path) -> None:
    told = json.loads(compare(log, "[signals.breadth]\nlimit = 5\nweight = 8\n", "--json").stdout)
    (one,) = [row for row in told["differences"] if row["address"] == "198.51.100.7"]
    assert (one["before"], one["after"], one["marks"]) == ("allow", "block", ["assets", "referers", "pauses"])
    assert told["before"]["people"] == []
    assert told["after"]["people"] == ["198.51.100.7"]
    assert told["after"]["estimated_false_alarms"] == 0.5
    assert told["differences"][0] == one, "possible people come first"


def test_who_would_be_let_go_is_told_as_milder(log: Path) -> None:
    told = json.loads(compare(log, '[guard]\nmode = "enforce"\n[lists]\nallow = ["203.0.113.9"]\n', "--json").stdout)
    assert (told["harsher"], told["milder"], told["after"]["stopped"]) == (0, 1, 0)
    (one,) = told["differences"]
    assert (one["address"], one["after"], one["marks"]) == ("203.0.113.9", "allow", [])


def test_the_same_configuration_treats_nobody_differently(log: Path) -> None:
    told = json.loads(compare(log, "", "--json").stdout)
    assert told["differences"] == []
    assert told["before"] == {**told["after"], "config": told["before"]["config"]}


def test_people_are_told_in_sentences(log: Path) -> None:
    output = compare(log, "[signals.breadth]\nlimit = 5\nweight = 8\n").output
    assert "1 of those stopped (50.0%) have all the marks of a person: 198.51.100.7." in output
    assert "Of 2 clients, " in output


def test_standard_input_and_a_faulty_configuration_are_refused(log: Path) -> None:
    assert "the logs are read twice" in CliRunner().invoke(main, ["replay", "-", "--compare", "x.toml"]).output
    assert "there is no section [policyy]" in compare(log, "[policyy]\n").output
