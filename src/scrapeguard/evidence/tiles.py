"""A tree on disk as C2SP tlog-tiles: files that any RFC 6962 code can read, and that only ever grow.

    tile/0/x001/067          256 hashes of level 0 (leaf hashes), of level 8 under tile/1, …: 8,192 bytes
    tile/0/x001/068.p/12     the newest tile of a level while it is partial: its first 12 hashes
    tile/entries/x001/067    the 256 leaves: a big-endian uint16 length before each; .p/12 while partial

Files are written before the checkpoint that covers them, so whatever lies beyond its size does not count and is
written again after a crash.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence.tree import Frontier, Hash, leaf_hash, node_hash

WIDTH = 256  # hashes in a tile
HEIGHT = 8  # levels a tile spans
MAX_LEAF = 65_535


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """The path of a tile below the log's folder; `level` "entries" for leaves."""
    digits = f"{index:03d}" if index < 1000 else f"{index:0{-(-len(str(index)) // 3) * 3}d}"
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + [groups[-1]])
    return f"tile/{level}/{path}" + ("" if width == WIDTH else f".p/{width}")


class Tiles:
    """One log's tree in `folder`, holding `size` leaves. Not for two writers at a time; readers leave files alone."""

    def __init__(self, folder: Path, size: int = 0, *, reader: bool = False) -> None:
        self.folder = folder
        self._complete: dict[tuple[int, int], bytes] = {}  # a few complete tiles read lately
        self._partial: dict[int, list[Hash]] = {}  # the newest tile of each level
        self._entries: list[bytes] = []  # the leaves of the newest entry bundle
        self.size = size
        self._load(size)
        if not reader:
            self._forget_beyond(size)
        self.frontier = Frontier.at(size, self.node)

    def append(self, leaves: Sequence[bytes]) -> list[Path]:
        """Add leaves and write the tiles they change; answers the files written, not yet synced."""
        written: list[Path] = []
        first_bundle = self.size // WIDTH
        grown: set[int] = set()
        for leaf in leaves:
            if len(leaf) > MAX_LEAF:
                raise EvidenceError(f"A leaf has {len(leaf)} bytes.", f"At most {MAX_LEAF} fit.")
            self._entries.append(leaf)
            for level, _, value in self.frontier.append(leaf_hash(leaf)):
                if level % HEIGHT == 0:
                    self._grow(level // HEIGHT, value, grown, written)
            if len(self._entries) == WIDTH:
                written.append(self._write(tile_path("entries", first_bundle), _bundle(self._entries)))
                self._entries, first_bundle = [], first_bundle + 1
        self.size = self.frontier.size
        for level in grown:
            hashes = self._partial[level]
            if hashes:
                index = self.size >> HEIGHT * (level + 1)
                written.append(self._write(tile_path(level, index, len(hashes)), b"".join(hashes)))
        if self._entries:
            written.append(self._write(tile_path("entries", first_bundle, len(self._entries)), _bundle(self._entries)))
        return written

    def node(self, level: int, index: int) -> Hash:
        """The hash of a complete subtree (the `Nodes` of tree.py). Raises EvidenceError for a missing tile."""
        tile, inside = level // HEIGHT, level % HEIGHT
        hashes = self._tile(tile, (index << inside) // WIDTH)
        start = (index << inside) % WIDTH
        layer = [hashes[i * 32 : i * 32 + 32] for i in range(start, start + (1 << inside))]
        while len(layer) > 1:
            layer = [node_hash(layer[i], layer[i + 1]) for i in range(0, len(layer), 2)]
        return layer[0]

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """The leaves [start, stop), read bundle by bundle. Raises EvidenceError for a missing or damaged bundle."""
        for index in range(start // WIDTH, -(-stop // WIDTH)):
            first = index * WIDTH
            bundle = self.bundle(index)
            yield from bundle[max(start - first, 0) : stop - first]

    def leaf_hashes(self, start: int, stop: int) -> Iterator[Hash]:
        """The leaf hashes [start, stop)."""
        for index in range(start // WIDTH, -(-stop // WIDTH)):
            first = index * WIDTH
            hashes = self._tile(0, index)
            for i in range(max(start - first, 0), min(stop - first, WIDTH)):
                yield hashes[i * 32 : i * 32 + 32]

    def bundle(self, index: int) -> list[bytes]:
        """The leaves of one entry bundle, complete or partial."""
        return _leaves(self._read("entries", index, self._width(index)), self.folder / tile_path("entries", index))

    def _grow(self, level: int, value: Hash, grown: set[int], written: list[Path]) -> None:
        hashes = self._partial.setdefault(level, [])
        hashes.append(value)
        grown.add(level)
        if len(hashes) == WIDTH:
            index = (self.frontier.size - 1) >> HEIGHT * (level + 1)
            written.append(self._write(tile_path(level, index), b"".join(hashes)))
            self._partial[level] = []

    def _width(self, index: int) -> int:
        """How many leaves the entry bundle (or level-0 tile) `index` holds."""
        return min(self.size - index * WIDTH, WIDTH)

    def _tile(self, level: int, index: int) -> bytes:
        partial = self._partial.get(level, [])
        if index == self.size >> HEIGHT * (level + 1):
            return b"".join(partial)
        found = self._complete.get((level, index))
        if found is None:
            if len(self._complete) > 512:
                self._complete.clear()
            found = self._complete[level, index] = self._read(level, index, WIDTH)
        return found

    def _load(self, size: int) -> None:
        level, count = 0, size
        while count:
            if count % WIDTH:
                data = self._read(level, count // WIDTH, count % WIDTH)
                self._partial[level] = [data[i : i + 32] for i in range(0, len(data), 32)]
            level, count = level + 1, count // WIDTH
        if size % WIDTH:
            self._entries = self.bundle(size // WIDTH)

    def _forget_beyond(self, size: int) -> None:
        """Remove complete tiles beyond `size`: a crash left them, no checkpoint covers them."""
        count = size
        for level in ("entries", *range(HEIGHT)):
            index = count // WIDTH
            while (path := self.folder / tile_path(level, index)).exists():
                path.unlink()
                index += 1
            count = count if level == "entries" else count // WIDTH

    def _read(self, level: int | str, index: int, width: int) -> bytes:
        """A tile of at least `width`; a complete or longer one serves for a shorter one."""
        for candidate in (tile_path(level, index, width), tile_path(level, index)):
            path = self.folder / candidate
            if path.exists():
                data = path.read_bytes()
                if level == "entries":
                    return data
                if len(data) >= width * 32:
                    return data[: width * 32]
        raise EvidenceError(
            f"{self.folder / tile_path(level, index, width)}: the tile is missing or too short.",
            "The log was damaged: restore it from a copy; `scrapeguard fsck` tells how far it is intact.",
        )

    def _write(self, relative: str, data: bytes) -> Path:
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


def sync(paths: Sequence[Path]) -> None:
    """Make written files and the folders they are named in durable."""
    for path in paths:
        _fsync(path, os.O_RDONLY)
    for folder in {path.parent for path in paths}:
        _fsync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bundle(leaves: Sequence[bytes]) -> bytes:
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def _leaves(data: bytes, path: Path) -> list[bytes]:
    found, position = [], 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 2], "big")
        leaf = data[position + 2 : position + 2 + length]
        if len(leaf) != length or position + 2 > len(data):
            raise EvidenceError(f"{path}: the entry bundle is cut short.", "Restore it from a copy.")
        found.append(leaf)
        position += 2 + length
    return found
