"""Whoever looks into the vault leaves one record of it: who, with which command, at which incident or subject."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from bundling import scene
from click.testing import CliRunner, Result

from scrapeguard.cli import main
from scrapeguard.evidence import fsck
from scrapeguard.evidence.incidents import incidents
from scrapeguard.evidence.reading import lines, parse, segments
from scrapeguard.evidence.vault import KEY


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose evidence holds one incident."""
    folder = tmp_path_factory.mktemp("looked")
    scene(folder / "evidence")
    path = folder / "guard.toml"
    path.write_text('[evidence]\ndirectory = "evidence"\n[keeper]\nsite = "shop.example"\nhost = "web1"\n')
    return path


def looks(directory: Path) -> list[dict[str, Any]]:
    found = filter(None, (parse(line.raw) for path in segments(directory) for line in lines(path)))
    return [record["what"] for record in found if record["k"] == "vault.access"]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


COMMANDS = {
    "incidents": lambda config, _: ["incidents", str(config.parent / "evidence")],
    "show": lambda config, name: ["show", name[:6], "-e", str(config.parent / "evidence")],
    "explain": lambda config, _: ["explain", "7H2K-0007", str(config.parent / "evidence")],
    "export": lambda config, name: ["export", name, "-e", str(config.parent / "evidence"), "-c", str(config), "--out",
                                    str(config.parent / "x.zip")],
    "subject": lambda config, _: ["subject", "192.0.2.7", "--report", "-c", str(config)],
}  # fmt: skip


@pytest.mark.parametrize("command", list(COMMANDS))
def test_each_run_of_a_command_that_opens_the_vault_is_one_record(config: Path, command: str) -> None:
    evidence = config.parent / "evidence"
    (found,) = incidents(evidence)
    before = len(looks(evidence))
    done = run(*COMMANDS[command](config, found.found.id))
    assert done.exit_code == 0, done.output
    (look,) = looks(evidence)[before:]
    assert look["command"] == command
    assert (look["uid"], look["by"]) == (os.getuid(), pwd.getpwuid(os.getuid()).pw_name)
    about = {"show": {"incident": found.found.id}, "export": {"incident": found.found.id}, "incidents": {}}
    about["explain"] = {"reference": "7H2K-0007"}
    if command == "subject":
        assert "192.0.2.7" not in json.dumps(look)
        assert len(look["about"]["subject"]) == 32
    else:
        assert look["about"] == about[command]
    assert not fsck.check(evidence).faults


def test_a_look_that_finds_nothing_is_recorded_too(config: Path) -> None:
    evidence = config.parent / "evidence"
    before = len(looks(evidence))
    assert run("show", "ffffff", "-e", str(evidence)).exit_code != 0
    assert [look["about"] for look in looks(evidence)[before:]] == [{"incident": "ffffff"}]


def test_without_the_vault_s_key_nothing_opens_and_nothing_is_recorded(tmp_path: Path) -> None:
    scene(tmp_path)
    (tmp_path / KEY).unlink()
    assert run("incidents", str(tmp_path)).exit_code == 0
    assert looks(tmp_path) == []
