"""`agent` tells what a user agent is, one or many, for people and for programs."""

import json

from click.testing import CliRunner

from scrapeguard.cli import main

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def test_a_known_robot_is_told_with_how_its_claim_is_checked() -> None:
    told = CliRunner().invoke(main, ["agent", GOOGLEBOT])
    assert told.exit_code == 0
    for word in ("crawler", "Googlebot", "Google", ".googlebot.com"):
        assert word in told.output


def test_json_is_one_list() -> None:
    told = CliRunner().invoke(main, ["agent", "--json", GOOGLEBOT, "curl/8.5.0"])
    google = {"kind": "crawler", "name": "Googlebot", "operator": "Google", "version": 2, "token": "Googlebot"}
    assert json.loads(told.output) == [
        {"agent": GOOGLEBOT} | google,
        {"agent": "curl/8.5.0", "kind": "library", "name": "curl", "operator": "", "version": 8, "token": "curl"},
    ]


def test_a_batch_answers_every_line_in_order_whatever_is_in_it() -> None:
    lines = [b"curl/8.5.0", b"", b"[bold]\xff\x1b[31m", b"x" * 9000, GOOGLEBOT.encode()]
    told = CliRunner().invoke(main, ["agent", "--batch"], input=b"\n".join(lines) + b"\r\n")
    answers = [json.loads(line) for line in told.output.splitlines()]
    assert [answer["kind"] for answer in answers] == ["library", "unknown", "library", "library", "crawler"]
    assert [len(answer["agent"]) for answer in answers] == [10, 0, 12, 9000, len(GOOGLEBOT)]


def test_markup_in_an_agent_is_not_obeyed() -> None:
    told = CliRunner().invoke(main, ["agent", "[red]bold/2[/red] \x1b[31mx"])
    assert told.exit_code == 0
    assert "\x1b" not in told.output


def test_agents_and_a_batch_at_once_or_neither_are_refused() -> None:
    assert CliRunner().invoke(main, ["agent"]).exit_code == 2
    assert CliRunner().invoke(main, ["agent", "--batch", "curl"]).exit_code == 2
