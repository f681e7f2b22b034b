"""Check an evidence directory from the disk alone: every leaf, tile, root, signature, chain and stamp.

What is found is told with its place; nothing is changed. Progress is told per bundle of 256 leaves.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from scrapeguard.errors import FormatError, ScrapeGuardError
from scrapeguard.evidence import keys, timestamp
from scrapeguard.evidence.checkpoint import Checkpoint, Verifier, verify
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import lines, parse
from scrapeguard.evidence.sequencer import FOLDER, SEALED, Position
from scrapeguard.evidence.tiles import HEIGHT, WIDTH, Tiles, tile_path
from scrapeguard.evidence.tree import Frontier, leaf_hash, root_at


class Chains:
    """The chains of all writers, told apart by what each record names as the one before it."""

    def __init__(self) -> None:
        self.of: dict[str, Position] = {}
        self._heads: dict[str, str] = {}  # digest of a writer's last record -> writer

    def follow(self, leaf: bytes) -> bool:
        """Whether a leaf continues its writer's chain; a `start` record begins one."""
        try:
            fields = json.loads(leaf)
            if fields["k"] == "shard":
                return True
            first = fields["k"] == "start" and fields["seq"] == 0
            writer = str(fields["what"]["segment"]) if first else self._heads.pop(fields["prev"])
        except (ValueError, KeyError, TypeError):
            return False
        chain = self.of.setdefault(writer, Position())
        follows = chain.line(leaf)
        self._heads[chain.head] = writer
        return follows


Progress = Callable[[int, int], None]  # leaves done, leaves in all


@dataclass(slots=True)
class Findings:
    """What a check looked at, and what is wrong: sentences with the place in them."""

    logs: int = 0
    leaves: int = 0
    stamps: int = 0
    writers: int = 0
    pending: int = 0  # records that no checkpoint covers yet
    opened: int = 0  # records whose openings were there, opened, and fit
    sealed: int = 0  # records whose openings are there and cannot be opened: no vault key, or the day's destroyed
    erased: int = 0  # records without openings: erased, or torn off by a crash
    faults: list[str] = field(default_factory=list)


def check(directory: Path, roots: Sequence[x509.Certificate] = (), progress: Progress = lambda *_: None) -> Findings:
    """Check every month's log and what is not in one yet. Stamps are checked when `roots` are given."""
    found = Findings()
    trusted: list[Verifier] = []
    try:
        trusted = [change.new for change in keys.history(directory)]
    except FormatError as error:
        found.faults.append(error.message)
    chains, openings = Chains(), Openings(directory)
    for path in sorted((directory / FOLDER).glob("*/checkpoint")):
        _check_log(path.parent, trusted, chains, found, progress)
        _check_archive(path.parent, trusted, roots, found)
    for path in sorted((directory / "records").glob("*.jsonl")):
        _check_pending(path, chains, found)
        _check_openings(path, openings, found)
    found.writers = len(chains.of)
    return found


def _check_log(folder: Path, trusted: Sequence[Verifier], chains: Chains, found: Findings, progress: Progress) -> None:
    try:
        checkpoint, signed = verify((folder / "checkpoint").read_bytes(), trusted)
        tiles = Tiles(folder, checkpoint.size, reader=True)
    except ScrapeGuardError as error:
        found.faults.append(f"{folder}: {error.message}")
        return
    if not signed:
        found.faults.append(f"{folder / 'checkpoint'}: no key of this log has signed it.")
    found.logs += 1
    frontier = Frontier()
    try:
        for index in range(-(-checkpoint.size // WIDTH)):
            bundle = tiles.bundle(index)[: checkpoint.size - index * WIDTH]
            _check_bundle(folder, index, bundle, tiles, frontier, found)
            for leaf in bundle:
                if not chains.follow(leaf):
                    found.faults.append(f"{folder}, leaf {found.leaves}: it does not continue any writer's chain.")
                found.leaves += 1
            progress(frontier.size, checkpoint.size)
    except ScrapeGuardError as error:
        found.faults.append(error.message)
    if frontier.size != checkpoint.size or frontier.root() != checkpoint.root:
        found.faults.append(f"{folder}: the {frontier.size} leaves on disk do not have the root that was signed.")


def _check_bundle(
    folder: Path, index: int, bundle: Sequence[bytes], tiles: Tiles, frontier: Frontier, found: Findings
) -> None:
    """The leaves of one bundle against the hashes beside and above them."""
    start = index * WIDTH
    hashes = tiles.leaf_hashes(start, start + len(bundle))
    for place, (leaf, stated) in enumerate(zip(bundle, hashes, strict=False), start):
        computed = leaf_hash(leaf)
        if computed != stated:
            found.faults.append(f"{folder / tile_path('entries', index)}: leaf {place} is not the one that was hashed.")
        for level, i, value in frontier.append(computed):
            if level and level % HEIGHT == 0 and tiles.node(level, i) != value:
                tile = folder / tile_path(level // HEIGHT, i // WIDTH)
                found.faults.append(f"{tile}: hash {i % WIDTH} is not that of the tile below it.")


def _check_archive(
    folder: Path, trusted: Sequence[Verifier], roots: Sequence[x509.Certificate], found: Findings
) -> None:
    """Archived checkpoints: signed, of one growing tree with the newest, stamped as stated."""
    for path in sorted((folder / "checkpoints").glob("*")):
        if not path.name.isdigit():
            continue
        try:
            archived, signed = verify(path.read_bytes(), trusted)
            if not signed or not _prefix(folder, archived):
                found.faults.append(f"{path}: it is not a signed beginning of this log.")
            for token in path.parent.glob(f"{path.name}.*.tsr") if roots else ():
                timestamp.verify(token.read_bytes(), sha256(path.read_bytes()).digest(), roots)
                found.stamps += 1
        except ScrapeGuardError as error:
            found.faults.append(f"{path}: {error.message}")


def _prefix(folder: Path, archived: Checkpoint) -> bool:
    newest = verify((folder / "checkpoint").read_bytes(), [])[0]
    if archived.size > newest.size:
        return False
    nodes = Tiles(folder, newest.size, reader=True).node  # which were compared with the leaves before
    return root_at(archived.size, nodes) == archived.root


def _check_pending(path: Path, chains: Chains, found: Findings) -> None:
    """Records in a writer's file: those in the tree are the same there, the rest continue the chain."""
    known, chain = chains.of.get(path.name, Position()), Position()
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n") or raw.startswith(SEALED):
                continue
            if not chain.line(raw[:-1]):
                found.faults.append(f"{path}, line {number}: it does not continue the chain.")
                return
            if chain.seq == known.seq and chain.head != known.head:
                found.faults.append(f"{path}, line {number}: it is not the record that is in the tree.")
                return
            found.pending += chain.seq > known.seq
    if chain.seq < known.seq:
        found.faults.append(f"{path}: {known.seq - chain.seq} records that are in the tree are missing.")


def _check_openings(path: Path, openings: Openings, found: Findings) -> None:
    """Sealed openings open and fit what their record commits to, as far as the vault's keys are there."""
    for line in lines(path):
        record = parse(line.raw) if line.whole else None
        if record is None or "sd" not in record:
            continue
        if not line.sealed:
            found.erased += 1
        elif openings.locked or openings.vault.past(record["win"][:10]) is None:
            found.sealed += 1
        elif openings.disclosures(record, line.raw, line.sealed).keys() == record["sd"].keys():
            found.opened += 1
        else:
            found.faults.append(f"{path}, line {line.number + 1}: the openings do not fit the record above.")
