"""`check` says what is wrong, what differs, and what may surprise; and touches nothing."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard.cli import main


def check(folder: Path, text: str, *options: str) -> Result:
    file = folder / "scrapeguard.toml"
    file.write_text(text, "utf-8")
    return CliRunner().invoke(main, ["check", str(file), *options])


def test_the_defaults_are_valid() -> None:
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 0
    assert done.output.startswith("valid: the built-in defaults\nEvery setting is at its default.\n")


def test_differences_are_told_with_their_defaults(tmp_path: Path) -> None:
    done = check(tmp_path, "[signals.pace]\nlimit = 99\nwindow = 60", "--json")
    assert json.loads(done.stdout)["differences"] == [
        {"section": "signals.pace", "setting": "limit", "value": 99, "default": 120}
    ]
    told = check(tmp_path, "[signals.pace]\nlimit = 99").output
    assert "signals.pace.limit" in told
    assert "signals.pace.window" not in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[signals.pacee]\nlimit = 9", "Did you mean 'signals.pace'?"),
        ("[signals.pace]\nlimits = 9", "Did you mean 'limit'?"),
        ("[policy]\nthrottle = 9\nblock = 8", "thresholds must rise with the rungs"),
        ('[lists]\ndeny = ["10.0.0.0.0"]', "10.0.0.0.0"),
        ('[store]\nurl = "mongo://h"', "It must begin with one of memory://"),
        ('[notices]\nrobots = "none.txt"', "none.txt"),
    ],
)
def test_a_mistake_is_refused_with_what_was_meant(text: str, said: str, tmp_path: Path) -> None:
    done = check(tmp_path, text)
    assert done.exit_code == 2
    assert said in done.stderr
    answer = check(tmp_path, text, "--json")
    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["valid"] is False
    assert said in json.loads(answer.stdout)["error"] + json.loads(answer.stdout)["hint"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[guard]\nmode = "observe"', 'guard.mode is "observe": nobody is stopped'),
        ('[signals.trap]\nmode = "off"', "[signals.trap] is off"),
        ('[facts]\ntrusted_proxies = ["0.0.0.0/0"]', "any visitor can then choose which address is counted"),
        ('[facts]\ntrusted_proxies = ["::/0"]', "any visitor can then choose which address is counted"),
        ('[store]\nurl = "memory://"', "several worker processes"),
        ('[store]\nurl = "redis://h"\n[facts]\nsession_cookies = ["sid"]', "facts.secret is empty"),
        ('[store]\nurl = "redis://h"', "would not believe each other's passes"),
        ('[evidence]\ndirectory = ""', "several workers would ask again"),
        ("[crawlers]\ndns = false", "no impostor is found out"),
        ('[evidence]\ndirectory = ""', "nothing is kept"),
        ('[notices]\ncontact = ""', "is told nobody to ask"),
        ('[notices]\nterms_url = ""', "which terms they rest on"),
    ],
)
def test_what_may_surprise_is_told(text: str, said: str, tmp_path: Path) -> None:
    assert said in check(tmp_path, text).output
    assert any(said in warning for warning in json.loads(check(tmp_path, text, "--json").stdout)["warnings"])


def test_a_careful_configuration_is_told_nothing(tmp_path: Path) -> None:
    text = (
        '[store]\nurl = "redis://h"\n[facts]\ntrusted_proxies = ["10.0.0.0/8"]\n'
        '[notices]\ncontact = "mailto:data@shop.example"\nterms_url = "/terms"\n'
        '[crawlers]\ndns = true\ndns_servers = ["192.0.2.53"]\n[challenge]\nsecret = "thirty-two characters at random!"'
    )
    done = check(tmp_path, text, "--json")
    assert json.loads(done.stdout)["warnings"] == []


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:hunter2@h/0",
        "redis://me:hunt@hunter2@h/0",
        "redis://h/0?password=hunter2",
        "rediss+sentinel://me:hunter2@h,i/m?db=0&sentinel_username=it&sentinel_password=hunter2",
        "rediss://h/0?ssl_password=hunter2",
    ],
)
def test_secrets_are_not_shown(tmp_path: Path, url: str) -> None:
    text = f'[facts]\nsecret = "hunter2"\n[store]\nurl = "{url}"'
    for options in ((), ("--json",)):
        done = check(tmp_path, text, *options)
        assert done.exit_code == 0
        assert "hunter2" not in done.output


def test_nothing_is_written(tmp_path: Path) -> None:
    check(tmp_path, '[evidence]\ndirectory = "evidence"')
    assert [file.name for file in tmp_path.iterdir()] == ["scrapeguard.toml"]


def test_it_says_so_when_our_robots_txt_takes_the_place_of_the_sites_own(tmp_path: Path) -> None:
    said = "told in place of the site's own"
    assert said in check(tmp_path, '[facts]\ntraps = ["/trap/*"]').output
    assert said not in check(tmp_path, '[facts]\ntraps = ["/trap/*"]\n[notices]\nserve_robots = false').output
    assert said not in check(tmp_path, "").output
