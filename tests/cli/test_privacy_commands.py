"""`hold`, `subject` and `expense` from the command line: done, told, and on record without naming anybody."""

import json
from pathlib import Path

import pytest
from building import BLOCKED, FINE, REFUSED, SERVED, facts, open_log
from click.testing import CliRunner, Result

from scrapeguard.cli import main
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.reading import lines, parse, segments

ADDRESS, OTHER = "203.0.113.77", "198.51.100.23"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose evidence holds one incident and another visitor."""
    log = open_log(tmp_path / "ev")
    for number in range(10):
        for address in (ADDRESS, OTHER):
            odd = number == 9 and address == ADDRESS
            log.request(facts(number, f"/item/{number}", address), BLOCKED if odd else FINE, REFUSED if odd else SERVED)
    log.close()
    path = tmp_path / "scrapeguard.toml"
    path.write_text('[evidence]\ndirectory = "ev"\n[keeper]\nsite = "example.org"\nhost = "web1"\n')
    return path


def recorded(config: Path, kind: str) -> list[dict[str, object]]:
    found = [parse(line.raw) for path in segments(config.parent / "ev") for line in lines(path)]
    return [record["what"] for record in found if record and record["k"] == kind]


def test_a_hold_is_set_told_recorded_and_released(config: Path) -> None:
    incident = incidents(config.parent / "ev")[0].found.id
    why = ("--reason", "claim 7", "--approver", "counsel", "--config", str(config))
    done = run("hold", "set", incident[:6], *why, "--json")
    assert done.exit_code == 0, done.output
    expected = {"approver": "counsel", "incident": incident, "reason": "claim 7", "records": 10}
    assert json.loads(done.output) == expected
    assert recorded(config, "hold.set") == [expected]
    assert run("hold", "release", incident, *why).exit_code == 0
    assert [each["incident"] for each in recorded(config, "hold.released")] == [incident]
    again = run("hold", "release", incident, *why)
    assert again.exit_code == 2
    assert "Held is: nothing" in again.output


def test_a_hold_without_a_reason_is_refused(config: Path) -> None:
    assert run("hold", "set", "x", "--approver", "a", "--config", str(config)).exit_code == 2


def test_a_person_gets_an_answer_and_is_forgotten_and_the_log_does_not_say_who(config: Path) -> None:
    told = json.loads(run("subject", ADDRESS, "--report", "--json", "--config", str(config)).output)
    assert len(told["records"]) == 10
    assert told["records"][0]["client"]["address"] == ADDRESS
    assert f"{ADDRESS}  block  /item/9" in run("subject", ADDRESS, "--config", str(config)).output
    erased = run("subject", ADDRESS, "--erase", "--config", str(config))
    assert "10 records erased" in erased.output
    assert "0 records about" in run("subject", ADDRESS, "--config", str(config)).output
    assert [each["records"] for each in recorded(config, "subject.report")] == [10, 10, 0]
    assert [each["erased"] for each in recorded(config, "subject.erased")] == [10]
    for path in (config.parent / "ev").rglob("*"):
        assert not path.is_file() or ADDRESS.encode() not in path.read_bytes()


def test_erasing_tells_what_a_hold_keeps(config: Path) -> None:
    incident = incidents(config.parent / "ev")[0].found.id
    run("hold", "set", incident, "--reason", "r", "--approver", "a", "--config", str(config))
    erased = run("subject", ADDRESS, "--erase", "--config", str(config))
    assert f"10 records kept by the hold of incident {incident}" in erased.output


def test_what_is_no_address_is_refused(config: Path) -> None:
    assert run("subject", "nobody", "--config", str(config)).exit_code == 2


def test_an_expense_is_recorded_as_it_was_said(config: Path) -> None:
    incident = incidents(config.parent / "ev")[0].found.id
    spent = ("--currency", "EUR", "--what", "notary", "--config", str(config))
    assert run("expense", "add", incident[:5], "--amount", "1200.50", *spent).exit_code == 0
    assert recorded(config, "expense") == [
        {"amount": "1200.50", "currency": "EUR", "incident": incident, "what": "notary"}
    ]


@pytest.mark.parametrize(("amount", "currency"), [("1e3", "EUR"), ("-5", "EUR"), ("5.001", "EUR"), ("5", "euro")])
def test_an_amount_that_is_none_is_refused(config: Path, amount: str, currency: str) -> None:
    incident = incidents(config.parent / "ev")[0].found.id
    spent = ("--amount", amount, "--currency", currency, "--what", "x", "--config", str(config))
    assert run("expense", "add", incident, *spent).exit_code == 2
    assert recorded(config, "expense") == []
