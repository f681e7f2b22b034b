"""The vault: opens for its key and day only, and never again once the day's key is destroyed."""

import multiprocessing
from hashlib import sha256
from pathlib import Path

import pytest

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.vault import DayKey, Vault

DAY = "2026-11-24"
LINE = sha256(b"line").digest()


def test_what_was_sealed_opens_with_the_same_day_and_record(tmp_path: Path) -> None:
    sealed = Vault(tmp_path).today(DAY).seal(b"192.0.2.7", LINE)
    key = Vault(tmp_path).past(DAY)
    assert key is not None
    assert key.open(sealed, LINE) == b"192.0.2.7"
    assert b"192.0.2.7" not in sealed


@pytest.mark.parametrize("change", ["line", "byte", "junk", "day"])
def test_openings_that_were_moved_or_altered_are_refused(change: str, tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    sealed, line, key = vault.today(DAY).seal(b"192.0.2.7", LINE), LINE, vault.today(DAY)
    if change == "line":
        line = sha256(b"another").digest()
    elif change == "byte":
        sealed = sealed[:20] + (b"A" if sealed[20:21] != b"A" else b"B") + sealed[21:]
    elif change == "junk":
        sealed = b"~not base64~"
    else:
        key = vault.today("2026-11-25")
    with pytest.raises(EvidenceError, match="do not belong"):
        key.open(sealed, line)


def test_a_destroyed_day_opens_for_nobody_any_more(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.today(DAY)
    vault.today("2026-11-25")
    assert vault.destroy(DAY)
    assert vault.past(DAY) is None
    assert vault.days() == ["2026-11-25"]
    assert not vault.destroy(DAY)


def test_pseudonyms_are_the_same_within_a_day_and_strangers_on_the_next(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    today, tomorrow = vault.today(DAY), vault.today("2026-11-25")
    assert today.pseudonym("address:192.0.2.7") == Vault(tmp_path).today(DAY).pseudonym("address:192.0.2.7")
    assert today.pseudonym("address:192.0.2.7") != tomorrow.pseudonym("address:192.0.2.7")
    assert len({today.pseudonym(f"address:192.0.2.{n}") for n in range(256)}) == 256
    assert today.pseudonym("\ud800")


def test_without_the_vault_key_the_days_do_not_open(tmp_path: Path) -> None:
    Vault(tmp_path).today(DAY)
    (tmp_path / "keys/vault.key").rename(tmp_path / "away")
    with pytest.raises(EvidenceError, match="is missing"):
        Vault(tmp_path).past(DAY)
    (tmp_path / "keys/vault.key").write_bytes(bytes(32).hex().encode())
    (tmp_path / "keys/vault.key").chmod(0o600)
    with pytest.raises(EvidenceError, match="does not fit"):
        Vault(tmp_path).past(DAY)
    assert Vault(tmp_path, tmp_path / "away").past(DAY) is not None


def test_a_vault_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Vault(tmp_path).today(DAY)
    (tmp_path / "keys/vault.key").chmod(0o644)
    with pytest.raises(EvidenceError, match="chmod 600"):
        Vault(tmp_path).past(DAY)


def _name(directory: Path) -> str:
    return Vault(directory).today(DAY).pseudonym("address:192.0.2.7")


def test_workers_that_start_at_the_same_moment_agree_on_the_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        names = pool.map(_name, [tmp_path] * 16)
    assert len(set(names)) == 1


def test_a_key_swapped_for_that_of_another_day_is_noticed(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.today(DAY)
    vault.today("2026-11-25")
    (tmp_path / f"vault/{DAY}.key").write_bytes((tmp_path / "vault/2026-11-25.key").read_bytes())
    with pytest.raises(EvidenceError, match="does not fit"):
        Vault(tmp_path).past(DAY)
    assert isinstance(Vault(tmp_path).past("2026-11-25"), DayKey)
