"""`notices` begins with a few questions, overwrites nothing, and says with its exit code whether all is consistent."""

import json
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard import config, parts
from scrapeguard.cli import main

SITE = (
    "--url",
    "https://shop.example",
    "--owner",
    'Shop "A" 店',
    "--contact",
    "data@shop.example",
    "--terms",
    "/terms",
)


def run(*arguments: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(main, ["notices", *arguments], input=answers)


def test_what_init_writes_is_valid_says_what_was_answered_and_has_no_contradiction(tmp_path: Path) -> None:
    assert run("init", str(tmp_path), "--yes", *SITE, "--ai-input", "refuse").exit_code == 0
    file = tmp_path / "scrapeguard.toml"
    tables = tomllib.loads(file.read_text("utf-8"))["notices"]
    assert tables["owner"] == 'Shop "A" 店'
    assert tables["policy"]["ai_input"] == "refuse"
    assert tables["publish"] == ["tdm", "license", "terms", "security"]
    published = parts.examine(config.load(file)).notices.published()
    assert published["robots.txt"] == (tmp_path / "robots" / "robots.txt").read_bytes()
    assert b"ai-input=no" in published["robots.txt"]
    assert run("lint", "--config", str(file)).exit_code == 0


def test_init_asks_for_what_it_is_not_told(tmp_path: Path) -> None:
    answers = "https://shop.example\nShop\nmailto:a@shop.example\n\nallow\nallow\nunstated\nrefuse\nunstated\n"
    assert run("init", str(tmp_path), answers=answers).exit_code == 0
    tables = tomllib.loads((tmp_path / "scrapeguard.toml").read_text("utf-8"))["notices"]
    assert (tables["terms_url"], tables["policy"]["ai_train"], tables["policy"]["archive"]) == (
        "/terms",
        "allow",
        "refuse",
    )


def test_init_overwrites_nothing_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "robots").mkdir()
    for name, text in (("robots/robots.txt", "User-agent: *\nDisallow: /mine\n"), ("scrapeguard.toml", "[notices]\n")):
        (tmp_path / name).write_text(text)
    told = run("init", str(tmp_path), "--yes", *SITE)
    assert told.exit_code == 0
    assert "[notices.policy]" in told.output
    assert (tmp_path / "robots" / "robots.txt").read_text() == "User-agent: *\nDisallow: /mine\n"
    assert (tmp_path / "scrapeguard.toml").read_text() == "[notices]\n"
    (tmp_path / "scrapeguard.toml").write_text('[guard]\nmode = "observe"\n')
    answers = "refuse\n" * 5 + "y\ny\n"
    assert run("init", str(tmp_path), *SITE, answers=answers).exit_code == 0
    tables = tomllib.loads((tmp_path / "scrapeguard.toml").read_text("utf-8"))
    assert tables["guard"] == {"mode": "observe"}
    assert tables["notices"]["policy"]["preview"] == "refuse"
    assert "/mine" not in (tmp_path / "robots" / "robots.txt").read_text()


def test_init_refuses_an_answer_that_cannot_be_published_and_writes_nothing(tmp_path: Path) -> None:
    told = run("init", str(tmp_path), "--yes", "--url", "shop.example")
    assert told.exit_code == 2
    assert "https://shop.example" in told.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("robots.txt", "User-agent: *\nAllow: /\n", "policy refuses ai_train"),
        ("tdmrep.json", "{}", "no list of rules"),
    ],
)
def test_lint_reads_files_of_the_site_too(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    told = run("lint", str(tmp_path / name), "--json")
    assert told.exit_code == 1
    found = json.loads(told.output)["contradictions"]
    assert all(it["place"].startswith(str(tmp_path / name)) and it["hint"] for it in found)
    assert any(says in it["text"] for it in found)


def test_lint_finds_a_robots_txt_that_is_too_long_and_one_that_leads_into_a_trap(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("#" * 512_001)
    (tmp_path / "a.toml").write_text('[notices]\nrobots = "own.txt"\n')
    told = run("lint", "--config", str(tmp_path / "a.toml"))
    assert (told.exit_code, "512000 bytes" in told.output) == (1, True)
    (tmp_path / "own.txt").write_text("User-agent: *\nDisallow: /x\n")
    (tmp_path / "a.toml").write_text('[notices]\nrobots = "own.txt"\n[facts]\ntraps = ["/trap"]\n')
    told = run("lint", "--config", str(tmp_path / "a.toml"))
    assert (told.exit_code, "does not forbid '*' the trap" in told.output) == (1, True)
    assert run("lint", str(tmp_path / "none.txt")).exit_code == 2


def test_show_lists_the_digests_and_prints_what_is_served_byte_for_byte(tmp_path: Path) -> None:
    run("init", str(tmp_path), "--yes", *SITE)
    settings = ("--config", str(tmp_path / "scrapeguard.toml"))
    rows = json.loads(run("show", "--json", *settings).output)["notices"]
    for row in rows:
        body = run("show", row["name"], *settings).stdout_bytes
        assert (len(body), sha256(body).hexdigest()) == (row["bytes"], row["digest"])
    assert run("show", "robot.txt", *settings).exit_code == 2
    assert "robots.txt" in run("show", *settings).output
