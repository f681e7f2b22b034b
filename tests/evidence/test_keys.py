"""Keys: nobody else can read them, a rotation is vouched for by both keys, a forged history is refused."""

import json
from pathlib import Path

import pytest

from scrapeguard.errors import EvidenceError, FormatError
from scrapeguard.evidence import keys
from scrapeguard.evidence.checkpoint import Checkpoint, verify

NAME = "example.org/evidence/web1"
DAY = 86_400_000_000


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path, NAME, 1)
    assert keys.ensure(tmp_path, NAME, 2).verifier == first.verifier
    assert (tmp_path / "keys/log.key").stat().st_mode & 0o777 == 0o600
    assert [change.new for change in keys.history(tmp_path)] == [first.verifier]


def test_a_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    keys.ensure(tmp_path, NAME, 1)
    (tmp_path / "keys/log.key").chmod(0o640)
    with pytest.raises(EvidenceError, match="chmod 600"):
        keys.load(tmp_path, NAME)


def test_after_a_rotation_both_keys_sign_for_a_while(tmp_path: Path) -> None:
    old = keys.ensure(tmp_path, NAME, 1)
    change = keys.rotate(tmp_path, NAME, 2 * DAY)
    new, before = keys.load(tmp_path, NAME), keys.retired(tmp_path, NAME, since=DAY)
    assert before is not None
    assert (change.old, change.new) == (old.verifier, new.verifier)
    assert before.verifier == old.verifier
    note = Checkpoint(NAME + "/2026-11", 1, b"\0" * 32).signed([new, before])
    assert verify(note, [old.verifier])[1] == [old.verifier]
    assert verify(note, [new.verifier])[1] == [new.verifier]
    assert keys.retired(tmp_path, NAME, since=3 * DAY) is None


def test_the_history_leads_from_the_first_key_to_the_last(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path, NAME, 1).verifier
    second = keys.rotate(tmp_path, NAME, 2).new
    third = keys.rotate(tmp_path, NAME, 3).new
    assert [change.new for change in keys.history(tmp_path)] == [first, second, third]


def test_a_rotation_that_one_key_did_not_sign_is_refused(tmp_path: Path) -> None:
    keys.ensure(tmp_path, NAME, 1)
    keys.rotate(tmp_path, NAME, 2)
    path = tmp_path / "keys/keys.jsonl"
    lines = path.read_bytes().splitlines()
    for kind in ("old", "new"):
        forged = json.loads(lines[1])
        forged["by"][kind] = forged["by"]["new" if kind == "old" else "old"]
        path.write_bytes(lines[0] + b"\n" + json.dumps(forged).encode() + b"\n")
        with pytest.raises(FormatError, match="line 2"):
            list(keys.history(tmp_path))


def test_a_history_with_a_change_left_out_is_refused(tmp_path: Path) -> None:
    keys.ensure(tmp_path, NAME, 1)
    keys.rotate(tmp_path, NAME, 2)
    keys.rotate(tmp_path, NAME, 3)
    path = tmp_path / "keys/keys.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(FormatError, match="does not follow"):
        list(keys.history(tmp_path))
