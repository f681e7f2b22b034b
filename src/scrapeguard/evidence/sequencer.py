"""From the writers' files to one tree: read what is new, check its chain, append, commit with a signed checkpoint.

    log/<YYYY-MM>/tile/…                 the tree of a month (tiles.py)
    log/<YYYY-MM>/state-<size>.json      how far each writer's file has been read, for exactly that size; and from which
                                         leaf on hours are not closed, with the place of the last close (closing.py)
    log/<YYYY-MM>/checkpoint             the newest signed checkpoint: what it covers is committed, the rest is not yet
    log/<YYYY-MM>/checkpoints/<size>     those that were stamped or closed a month

Everything a checkpoint covers is durable before the checkpoint is. After a crash the tree goes on from the newest
checkpoint and the state of its size, so that no leaf is lost or taken twice and no two trees ever share a size.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import segment
from scrapeguard.evidence.canonical import canonical, digest
from scrapeguard.evidence.checkpoint import Checkpoint, Signer, Verifier, parse, verify
from scrapeguard.evidence.durable import sync_folder
from scrapeguard.evidence.record import ZERO
from scrapeguard.evidence.tiles import Tiles, sync
from scrapeguard.evidence.tree import EMPTY

FOLDER = "log"
CHUNK = 1 << 20  # bytes read at a time
PASS = 4 << 20  # bytes read of all files in one pass: much in one commit costs little, and memory is bounded
SEALED = b"~"  # begins the line with the sealed openings of the record before it: it stays where it is


@dataclass(slots=True)
class Position:
    """How far a writer's file has been read, and its chain there."""

    offset: int = 0
    seq: int = 0
    head: str = ZERO

    def line(self, raw: bytes) -> bool:
        """Follow the chain over one record; False when it does not continue it."""
        try:
            fields = json.loads(raw)
            follows = bool(fields["seq"] == self.seq and fields["prev"] == self.head)
        except (ValueError, KeyError, TypeError):
            return False
        if follows:
            self.seq, self.head = self.seq + 1, digest(raw)
        return follows


class Sequencer:
    """The one tree of this host and month. At most one process may hold it (the keeper's lock)."""

    def __init__(self, directory: Path, signers: Sequence[Signer], trusted: Sequence[Verifier], now: int) -> None:
        self.directory = directory
        self.signers = signers
        self.shard = shard_of(now)
        self.broken: dict[str, int] = {}  # writer -> offset at which its chain breaks: not read any further
        self.positions: dict[str, Position] = {}
        self.checkpoint = Checkpoint(self._origin(), 0, EMPTY)
        self.before = ""  # the month before, if its log is here
        self._open(trusted)

    @property
    def folder(self) -> Path:
        return self.directory / FOLDER / self.shard

    def take(self) -> list[tuple[str, bytes]]:
        """The records that are new in the writers' files, with the writer, each file in its own order."""
        leaves: list[tuple[str, bytes]] = []
        left = PASS
        for path in sorted((self.directory / segment.FOLDER).glob("*.jsonl")):
            position = self.positions.setdefault(path.name, Position())
            ahead = position.offset
            while path.name not in self.broken and left > 0 and path.stat().st_size > position.offset:
                self._read(path, position, leaves)
                left -= position.offset - ahead
                if position.offset == ahead:
                    break  # a torn line
                ahead = position.offset
        return leaves

    def commit(self, leaves: Sequence[bytes], windows: Mapping[str, object] | None = None) -> Checkpoint:
        """Append leaves and sign a checkpoint over them; they are durable before it is.

        `windows` is what a restart has to know of them. Raises OSError: then begin again from the disk.
        """
        sync(self.tiles.append(leaves))
        checkpoint = Checkpoint(self._origin(), self.tiles.size, self.tiles.frontier.root())
        state = {name: [p.offset, p.seq, p.head] for name, p in sorted(self.positions.items())}
        state_path = self.folder / f"state-{checkpoint.size}.json"
        windows = windows or {"last": ["", -1], "since": {}}
        put(state_path, canonical({"positions": state, "size": checkpoint.size, "windows": windows}).encode())
        put(self.folder / "checkpoint", checkpoint.signed(self.signers).encode())
        for old in self.folder.glob("state-*.json"):
            if old != state_path:
                old.unlink()
        self.checkpoint = checkpoint
        return checkpoint

    def archive(self) -> Path:
        """Keep the newest checkpoint under its size, for stamps and proofs; answers its path."""
        path = self.folder / "checkpoints" / str(self.checkpoint.size)
        if not path.exists():
            put(path, (self.folder / "checkpoint").read_bytes())
        return path

    def turn(self, now: int, windows: Mapping[str, object] | None = None) -> bool:
        """Close the month when it is over and begin the next with the last checkpoint as its first leaf."""
        if shard_of(now) <= self.shard:
            return False
        end = self.archive().read_text() if self.checkpoint.size else ""
        self.before, self.shard = self.shard if self.checkpoint.size else self.before, shard_of(now)
        self.tiles = Tiles(self.folder)
        first = canonical({"checkpoint": end, "k": "shard", "t": now, "v": 1}).encode()
        self.commit([first], windows)
        return True

    def _origin(self) -> str:
        return f"{self.signers[0].name}/{self.shard}"

    def _open(self, trusted: Sequence[Verifier]) -> None:
        months = sorted(p.parent for p in (self.directory / FOLDER).glob("*/checkpoint"))
        newest = months[-1] if months else None
        if newest is not None:
            self.shard = newest.name  # also when the clock was set back; the next month begins with a turn()
        self.before = next((month.name for month in reversed(months) if month.name < self.shard), "")
        path = self.folder / "checkpoint"
        if path.exists():
            self.checkpoint = self._verified(path, trusted)
            self.positions = state_of(self.folder, self.checkpoint.size)[0]
        self.tiles = Tiles(self.folder, self.checkpoint.size)
        if self.tiles.frontier.root() != self.checkpoint.root:
            raise EvidenceError(
                f"{self.folder}: the tree on disk is not the one its checkpoint commits to.",
                "The log was damaged or replaced: keep the folder as it is, and run `scrapeguard fsck`.",
            )

    def _verified(self, path: Path, trusted: Sequence[Verifier]) -> Checkpoint:
        checkpoint, signed = verify(path.read_bytes(), trusted)
        if not signed or checkpoint.origin != f"{self.signers[0].name}/{path.parent.name}":
            raise EvidenceError(
                f"{path}: the checkpoint is not signed by this log's key or names another log ({checkpoint.origin}).",
                "Use the key it was signed with, or another evidence directory for another site or host.",
            )
        return checkpoint

    def _read(self, path: Path, position: Position, leaves: list[tuple[str, bytes]]) -> None:
        """Complete lines behind `position`. A line that breaks the chain stops the reading of its file for good."""
        for raw in _lines(path, position.offset):
            if not raw.startswith(SEALED):
                if not position.line(raw):
                    self.broken[path.name] = position.offset
                    return
                leaves.append((path.name, raw))
            position.offset += len(raw) + 1


def _lines(path: Path, offset: int) -> Iterator[bytes]:
    """The complete lines of the next chunk of a file; a torn line at its end stays for later."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(CHUNK)
    end = data.rfind(b"\n")
    if end >= 0:
        yield from data[:end].split(b"\n")


def complete(path: Path) -> int:
    """How many bytes of a file are complete lines. Raises OSError."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(end - CHUNK, 0)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def state_of(folder: Path, size: int | None = None) -> tuple[dict[str, Position], int, Any]:
    """How far a month's log had read each writer at a size (its newest), that size, and where its windows stood.

    Raises EvidenceError.
    """
    if size is None:
        size = parse((folder / "checkpoint").read_text())[0].size
    path = folder / f"state-{size}.json"
    try:
        state = json.loads(path.read_bytes())
        return {name: Position(*values) for name, values in state["positions"].items()}, size, state["windows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvidenceError(f"{path}: cannot be read ({error}).", "Restore it from a copy.") from error


def put(path: Path, data: bytes) -> None:
    """Write a file whole and durable, or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def shard_of(time: int) -> str:
    """The month of a time in microseconds, "2026-11", UTC."""
    return f"{datetime.fromtimestamp(time / 1_000_000, UTC):%Y-%m}"
