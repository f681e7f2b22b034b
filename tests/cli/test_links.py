"""`links`: what joins addresses is listed with its numbers, and a rejection is recorded and honoured everywhere."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard.cli import main

sys.path.insert(0, str(Path(__file__).parent.parent / "evidence"))
from linking import rotation


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.fixture
def evidence(tmp_path: Path) -> str:
    rotation(tmp_path, addresses=3)
    return str(tmp_path)


def incident(evidence: str) -> str:
    (found, *_) = json.loads(run("incidents", evidence, "--json").output)
    return str(found["id"])


def test_each_link_is_listed_with_its_reason_its_records_and_how_often_it_would_be_chance(evidence: str) -> None:
    output = run("links", "list", incident(evidence), "-e", evidence).output
    assert "203.0.114.8 began at the page where the other was refused" in output
    assert "7H2K-9QXA, then 4.0 s later 203.0.114.8" in output
    assert "0 of 300 strangers share it." in output
    assert "4 links, 4 followed: 3 addresses" in output
    told = json.loads(run("links", "list", incident(evidence), "-e", evidence, "--json").output)
    assert {link["reason"] for link in told} == {"walk", "return"}
    assert all(link["joined"] and link["error"]["ppm"] < 50_000 for link in told)


def test_what_the_operator_rejects_is_left_out_from_then_on_and_who_said_why_is_told(evidence: str) -> None:
    name = incident(evidence)
    told = json.loads(run("links", "list", name, "-e", evidence, "--json").output)
    for link in [link for link in told if link["second"]["subject"] == "address:203.0.115.9"]:
        done = run("links", "reject", link["id"][:8], "--why", "our partner", "--who", "J. Doe", "-e", evidence)
        assert (done.exit_code, done.output) == (0, f"{link['id']} is rejected: it joins nothing any more.\n")
    assert incident(evidence) == name
    shown = json.loads(run("show", name, "-e", evidence, "--json").output)
    assert shown["subjects"] == ["address:203.0.113.7", "address:203.0.114.8"]
    assert [link["rejected"]["why"] for link in shown["links"] if link["rejected"]] == ["our partner"] * 2
    assert "(rejected by J. Doe on " in run("links", "list", name, "-e", evidence).output


def test_a_link_is_rejected_once(evidence: str) -> None:
    (link, *_) = json.loads(run("links", "list", incident(evidence), "-e", evidence, "--json").output)
    words = ("links", "reject", link["id"], "--why", "x", "--who", "J. Doe", "-e", evidence)
    assert json.loads(run(*words, "--json").output)["link"] == link["id"]
    again = run(*words)
    assert (again.exit_code, "is rejected already, by J. Doe" in again.output) == (2, True)


@pytest.mark.parametrize("name", ["", "zz", "000000000000"])
def test_a_link_that_is_not_there_is_a_sentence_and_a_hint(evidence: str, name: str) -> None:
    done = run("links", "reject", name, "--why", "x", "--who", "y", "-e", evidence)
    assert (done.exit_code, "There is no link" in done.output) == (2, True)


def test_show_and_incidents_tell_of_all_addresses(evidence: str) -> None:
    assert "203.0.113.7 +2" in run("incidents", evidence).output
    output = " ".join(run("show", incident(evidence), "-e", evidence).output.split())
    assert "203.0.115.9 It was back from another address, 4.0 s after 203.0.114.8 was refused" in output
    assert "[inferred; wrong at most in 0.00" in output
    assert "ports 41026 to 41048" in output
