"""The command line tells what it can do, and refuses in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scrapeguard.cli import main
from scrapeguard.version import __version__


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"scrapeguard, version {__version__}\n"


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself(name: str) -> None:
    told = CliRunner().invoke(main, [name, "--help"])
    assert told.exit_code == 0
    assert len(told.output.splitlines()) > 5
    assert main.commands[name].get_short_help_str()


def test_a_refusal_is_a_sentence_and_a_hint_on_stderr_and_no_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from scrapeguard.cli import main; main()", "check", str(tmp_path / "none.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        done.stderr == f"Error: {tmp_path}/none.toml: cannot be read (No such file or directory). "
        "Name an existing file.\n"
    )


def test_a_full_disk_is_told_without_a_traceback() -> None:
    command = [sys.executable, "-c", "from scrapeguard.cli import main; main()", "check", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "Error: The output cannot be used: No space left on device.\n"


def test_a_mistyped_command_is_refused() -> None:
    assert CliRunner().invoke(main, ["chekc"]).exit_code == 2
