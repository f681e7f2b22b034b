"""`doctor` looks at this machine and a configuration, says what to do, and leaves nothing behind."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard.cli import main
from scrapeguard.cli.doctor import uvicorn


def doctor(folder: Path, text: str, *options: str) -> Result:
    file = folder / "scrapeguard.toml"
    file.write_text(text, "utf-8")
    return CliRunner().invoke(main, ["doctor", "--config", str(file), *options])


def states(result: Result) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(result.stdout)["checks"]}


def test_this_machine_can_guard_a_site(tmp_path: Path) -> None:
    done = doctor(tmp_path, "", "--json")
    assert done.exit_code == 0
    found = states(done)
    assert list(found) == [
        *("python", "packages", "agents", "clock", "uvicorn"),
        *("configuration", "store", "evidence", "notices", "proxies", "challenge"),
    ]
    assert found["agents"] == found["store"] == found["evidence"] == found["notices"] == "ok"
    assert [file.name for file in tmp_path.iterdir()] == ["scrapeguard.toml"]


def test_for_people_each_finding_is_a_line_with_its_state_first(tmp_path: Path) -> None:
    lines = doctor(tmp_path, "").output.splitlines()
    assert lines[0].startswith("ok    python         Python 3.")


def test_a_store_that_does_not_answer_is_a_failure(tmp_path: Path) -> None:
    done = doctor(tmp_path, f'[store]\nurl = "unix://{tmp_path}/none.sock"', "--json")
    assert done.exit_code == 1
    assert states(done)["store"] == "fail"


def test_a_faulty_configuration_is_a_failure_and_the_machine_is_looked_at_all_the_same(tmp_path: Path) -> None:
    done = doctor(tmp_path, "[gaurd]", "--json")
    assert done.exit_code == 1
    assert states(done)["configuration"] == "fail"
    assert "python" in states(done)
    assert "Did you mean 'guard'?" in done.stdout


def test_evidence_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    done = doctor(tmp_path, '[evidence]\ndirectory = "/proc/evidence"', "--json")
    assert done.exit_code == 1
    assert states(done)["evidence"] == "fail"


def test_a_folder_that_does_not_exist_yet_is_looked_for_where_it_would_be_made(tmp_path: Path) -> None:
    done = doctor(tmp_path, '[evidence]\ndirectory = "a/b/c"', "--json")
    assert states(done)["evidence"] == "ok"
    assert not (tmp_path / "a").exists()


def test_no_evidence_is_a_warning(tmp_path: Path) -> None:
    assert states(doctor(tmp_path, '[evidence]\ndirectory = ""', "--json"))["evidence"] == "warn"


@pytest.mark.parametrize(("trusted", "state"), [("", "ok"), ("10.0.0.1", "ok"), ("*", "fail")])
def test_uvicorn_that_believes_everybody_is_a_failure(trusted: str, state: str) -> None:
    finding = uvicorn(trusted)
    assert finding.state == state
    assert "--no-proxy-headers" in finding.advice


def test_trusted_proxies_are_named(tmp_path: Path) -> None:
    assert "10.0.0.0/8" in doctor(tmp_path, '[facts]\ntrusted_proxies = ["10.0.0.0/8"]').output
