"""fsck: a sound directory passes; each kind of damage is named where it is."""

import re
from pathlib import Path

import pytest
from authority import Authority
from cryptography import x509

from scrapeguard.config import load
from scrapeguard.evidence import fsck
from scrapeguard.evidence.keeper import Keeper, KeeperSettings
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings

NOW = 1_795_500_000_000_000
SETTINGS = KeeperSettings(site="example.org", host="web1")


def fill(directory: Path, records: int = 600, settings: KeeperSettings = SETTINGS) -> Keeper:
    """A directory with one log of `records` events and a little more, committed in two steps."""
    log = EvidenceLog(EvidenceSettings(directory=str(directory)), Path)
    log.activate("enforce", load(None), {"robots.txt": b"User-agent: *\nDisallow: /x\n"})
    kept = Keeper(directory, settings, lambda *_: None, NOW)
    for half in range(2):
        for number in range(records // 2):
            log.event("expense", {"n": number, "half": half})
        while kept.sequence(NOW):
            pass
        if kept.due(NOW + half * 3_600_000_000):
            kept.anchor(NOW + half * 3_600_000_000)
    log.close()
    return kept


def test_a_sound_directory_passes_and_says_what_was_looked_at(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tsa")
    root = x509.load_pem_x509_certificate(authority.root.read_bytes())
    with authority.serve() as url:
        settings = KeeperSettings(
            site="a.example", host="b", authorities=(url,), authority_roots=(str(authority.root),)
        )
        kept = fill(tmp_path / "ev", settings=settings)
    seen: list[tuple[int, int]] = []
    found = fsck.check(tmp_path / "ev", [root], lambda done, whole: seen.append((done, whole)))
    assert found.faults == []
    assert (found.logs, found.leaves, found.stamps, found.writers) == (1, kept.sequencer.checkpoint.size, 2, 1)
    assert found.pending == 1  # the `close` after the last checkpoint
    assert seen[-1] == (found.leaves, found.leaves)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("log/*/tile/entries/000", b'"n":7', b'"n":8', "leaf 10 is not the one that was hashed"),
        ("log/*/tile/entries/000", b'"n":7', b'"n":8', "does not continue any writer's chain"),
        ("log/*/checkpoint", b"\n60", b"\n59", "does not match"),
        ("records/*.jsonl", b'"n":7}', b'"n":8}', "is not the record that is in the tree|does not continue the chain"),
        ("keys/keys.jsonl", b'"k":"created"', b'"k":"rotated"', "no key change that both keys signed"),
    ],
)
def test_a_changed_byte_is_named_with_its_place(file: str, old: bytes, new: bytes, said: str, tmp_path: Path) -> None:
    fill(tmp_path)
    path = next(tmp_path.glob(file))
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    faults = "\n".join(fsck.check(tmp_path).faults)
    assert re.search(said, faults), faults


def test_every_hash_of_every_tile_counts(tmp_path: Path) -> None:
    fill(tmp_path, 70_000)
    assert fsck.check(tmp_path).faults == []
    for tile in ("tile/0/000", "tile/0/200", "tile/1/000", "tile/1/001.p/17"):
        path = next(tmp_path.glob(f"log/*/{tile}"))
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert fsck.check(tmp_path).faults, tile
        path.write_bytes(data)


def test_records_cut_from_a_writers_file_are_missed(tmp_path: Path) -> None:
    fill(tmp_path)
    path = next(tmp_path.glob("records/*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:100]))
    assert any("records that are in the tree are missing" in fault for fault in fsck.check(tmp_path).faults)
