"""`crawlers` lists what is known, and says whether an address is who it claims to be."""

import json

import pytest
from click.testing import CliRunner

from scrapeguard.cli import main

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def test_the_list_says_how_each_claim_is_checked() -> None:
    result = CliRunner().invoke(main, ["crawlers", "list", "--json"])
    assert result.exit_code == 0
    rows = {row["token"]: row for row in json.loads(result.output)}
    assert rows["Googlebot"]["refutable"]
    assert rows["Googlebot"]["prefixes"] > 100
    assert rows["GPTBot"]["use"] == "training"
    assert not rows["360Spider"]["refutable"]
    shown = CliRunner().invoke(main, ["crawlers", "list"], env={"COLUMNS": "200"})
    assert "stays unknown" in shown.output


@pytest.mark.parametrize(
    ("address", "agent", "code", "said"),
    [
        (
            "66.249.64.5",
            GOOGLEBOT,
            0,
            "66.249.64.5 as Googlebot of Google: verified; the operator publishes",
        ),
        ("5.6.7.8", "360Spider", 3, "5.6.7.8 as 360Spider of 360 Search: unknown; nothing that is known of it settles"),
        ("5.6.7.8", "curl/8.5", 3, "'curl' does not claim to be a crawler of a known operator."),
        ("shop.example", GOOGLEBOT, 2, "'shop.example' is no address."),
    ],
)
def test_a_check_answers_in_a_sentence_and_by_its_exit_code(address: str, agent: str, code: int, said: str) -> None:
    result = CliRunner().invoke(main, ["crawlers", "check", address, agent])
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_a_check_answers_a_program(tmp_path: object) -> None:
    result = CliRunner().invoke(main, ["crawlers", "check", "--json", "66.249.64.5", GOOGLEBOT])
    assert json.loads(result.output) == {
        "address": "66.249.64.5",
        "state": "verified",
        "method": "ranges",
        "token": "Googlebot",
        "operator": "Google",
    }
