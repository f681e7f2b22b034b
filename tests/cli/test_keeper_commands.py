"""keeper, fsck and keys, as an operator calls them."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard.cli import main
from scrapeguard.config import load
from scrapeguard.evidence.checkpoint import Verifier, verify
from scrapeguard.evidence.keeper import elect
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings

PROGRAM = "from scrapeguard.cli import main; main()"
TERMINAL = {**os.environ, "TERM": "xterm"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "scrapeguard.toml"
    path.write_text('[evidence]\ndirectory = "ev"\n[keeper]\nsite = "example.org"\nhost = "web1"\n')
    log = EvidenceLog(EvidenceSettings(), lambda _: tmp_path / "ev")
    log.activate("enforce", load(None), {})
    log.close()
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_records_are_committed_to_and_the_directory_is_sound(config: Path) -> None:
    kept = run("keeper", "--once", "--config", str(config))
    assert kept.exit_code == 0, kept.output
    assert "5 records committed to" in kept.output
    checked = json.loads(run("fsck", "--config", str(config), "--json").output)
    assert checked["sound"]
    assert (checked["leaves"], checked["faults"]) == (5, [])


def test_damage_is_told_and_the_exit_code_says_so(config: Path) -> None:
    run("keeper", "--once", "--config", str(config))
    bundle = next((config.parent / "ev/log").glob("*/tile/entries/000.p/5"))
    bundle.write_bytes(bundle.read_bytes().replace(b'"enforce"', b'"observe"'))
    checked = run("fsck", "--config", str(config))
    assert checked.exit_code == 1
    assert "is not the one that was hashed" in checked.output


def test_a_second_keeper_is_refused(config: Path) -> None:
    assert elect(config.parent / "ev") is not None
    refused = run("keeper", "--once", "--config", str(config))
    assert refused.exit_code == 2
    assert "has a keeper already" in refused.output


def test_the_key_is_made_shown_and_rotated(config: Path) -> None:
    first = run("keys", "init", "--config", str(config)).output.strip()
    assert run("keys", "show", "--config", str(config)).output.strip() == first
    assert Verifier.parse(first).name == "example.org/evidence/web1"
    second = run("keys", "rotate", "--config", str(config))
    assert second.exit_code == 0, second.output
    told = json.loads(run("keys", "show", "--config", str(config), "--json").output)
    assert [key["vkey"] for key in told["keys"]] == [first, second.output.splitlines()[0]]
    run("keeper", "--once", "--config", str(config))
    note = next((config.parent / "ev/log").glob("*/checkpoint")).read_bytes()
    signed = verify(note, [Verifier.parse(key["vkey"]) for key in told["keys"]])[1]
    assert len(signed) == 2


def test_without_a_key_show_says_what_to_do(config: Path) -> None:
    refused = run("keys", "show", "--config", str(config))
    assert refused.exit_code == 2
    assert "keys init" in refused.output


def test_a_folder_without_evidence_is_not_called_sound(config: Path, tmp_path: Path) -> None:
    refused = run("fsck", str(tmp_path / "nowhere"), "--config", str(config))
    assert refused.exit_code == 2
    assert "holds no evidence" in refused.output


def test_a_directory_can_be_named_without_a_configuration(config: Path) -> None:
    run("keeper", "--once", "--config", str(config))
    checked = json.loads(run("fsck", str(config.parent / "ev"), "--json").output)
    assert checked["sound"]
    assert checked["directory"].endswith("ev")


def test_progress_is_shown_on_a_terminal_only(config: Path) -> None:
    run("keeper", "--once", "--config", str(config))
    for words in (("fsck", "--config", str(config)), ("verify", str(config))):
        assert "━" not in run(*words).output  # what is piped has no bar
    command = [sys.executable, "-c", PROGRAM, "fsck", "--config", str(config)]
    for more, bar in (([], True), (["--json"], False)):
        terminal, other = pty.openpty()
        done = subprocess.run([*command, *more], stdout=subprocess.PIPE, stderr=other, env=TERMINAL, check=False)
        os.close(other)
        shown = b""
        with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:
            while block := file.read(4096):
                shown += block
        assert done.returncode == 0
        assert (b"checking" in shown) == bar, shown
