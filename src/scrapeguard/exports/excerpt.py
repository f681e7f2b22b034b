"""The log's part of a bundle: an incident's own records, the tree over the stretch they lie in, and what signs it.

    data/log/keys.jsonl                       the log's keys and how they followed one another
    data/log/<month>/checkpoint-<N>           signed tree heads: before the first record, each stamped one, the last
                     checkpoint-<N>.<authority>.tsr, .cosigned
                     consistency-<A>-<N>      that the last tree continues the first (base64 hashes)
                     peaks.hex                A, and the hashes of the complete subtrees over the leaves [0, A)
                     leaves.hex               the hash of every leaf [A, N), disclosed or not
                     records.jsonl            the lines disclosed, each as it is in the log
                     records.index            "<leaf index> <writer>" of each
                     disclosures.txt          "<leaf index> <disclosure>": the personal facts of the actor's requests
                     proof/<i>.json, .tlog-proof, index   single records with a proof each, and their writers

Disclosed are all requests of the incident's actor in the hours of the incident (so that the counts committed for each
hour can be compared), and the records that name nobody. Of other people's requests only leaf hashes leave the house.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import checkpoint as notes
from scrapeguard.evidence import keys
from scrapeguard.evidence.entry import REQUEST
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import lines, parse, segments
from scrapeguard.evidence.sequencer import FOLDER
from scrapeguard.evidence.tiles import Tiles
from scrapeguard.evidence.tree import consistency_proof, inclusion_proof, leaf_hash, peaks

HOUSEKEEPING = {
    b"start", b"close", b"gap", b"recovery", b"clock", b"overflow", b"config.activated", b"notice.published",
    b"window.close", b"anchor", b"anchor.delayed", b"anchor.resumed", b"damage", b"key.rotated", b"selftest.result",
    b"retention", b"redaction", b"fsck",
}  # fmt: skip
IN_FORCE = (b"start", b"config.activated")
KIND = re.compile(rb'\{"k":"([a-z.]+)"')
SUBJECT = re.compile(rb'"sub":"([0-9a-f]{32})"')
HOUR = re.compile(rb'"win":"([0-9T-]{13})"\}$')
ACTIVE = re.compile(rb'"active":\{|"k":"config\.activated"')


@dataclass(frozen=True, slots=True)
class Whose:
    """The records that are disclosed: of these pseudonyms, in the hours from `first` to `last`, both included."""

    subjects: frozenset[str]
    first: str
    last: str

    def has(self, raw: bytes) -> bool:
        subject, hour = SUBJECT.search(raw), HOUR.search(raw)
        if subject is None or hour is None or subject[1].decode() not in self.subjects:
            return False
        return self.first <= hour[1].decode() <= self.last


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies in its writer's file."""

    writer: str
    offset: int
    kind: bytes


@dataclass(slots=True)
class Named:
    """What the disclosed records say was in force: SHA-256 of settings, and of notices with their names and times."""

    configs: dict[str, None] = field(default_factory=dict)  # in the order in which they came into force
    notices: dict[str, str] = field(default_factory=dict)
    since: dict[tuple[str, str], int] = field(default_factory=dict)  # (notice, digest) -> when, us since 1970

    def read(self, raw: bytes) -> None:
        record = parse(raw) if ACTIVE.search(raw) else None
        if record is None:
            return
        active = record["what"] if record["k"] == "config.activated" else record["what"].get("active")
        if active:
            self.configs[active["config"]] = None
            self.notices |= {sha: name for name, sha in active["notices"].items()}
            for name, sha in active["notices"].items():
                self.since[name, sha] = min(record["t"], self.since.get((name, sha), record["t"]))

    def in_order(self) -> list[tuple[str, str]]:
        """(name, SHA-256) of each notice, by name."""
        return sorted((name, sha) for sha, name in self.notices.items())


class Excerpt:
    """Writes the log's part of one bundle under `out`. Raises EvidenceError."""

    def __init__(self, directory: Path, whose: Whose, out: Path) -> None:
        self.directory, self.whose, self.out = directory, whose, out
        self.named = Named()
        self.origins: dict[str, str] = {}  # month -> checkpoint's text
        self.unopened = 0  # requests whose personal facts are gone
        self._places = dict(self._scan())
        self._writers = {place.writer for place in self._places.values() if place.kind == b"request"}
        self._openings = Openings(directory)

    def write(self) -> None:
        out = self.out / "data/log"
        out.mkdir(parents=True)
        (out / "keys.jsonl").write_bytes((self.directory / keys.FOLDER / keys.HISTORY).read_bytes())
        for folder in sorted((self.directory / FOLDER).iterdir()):
            if (folder / "checkpoint").exists():
                self._month(folder, out / folder.name)
        if not self.origins:
            raise EvidenceError(
                "The incident is not in the tree yet.", "Run `scrapeguard keeper --once`, then export again."
            )

    def _scan(self) -> Iterator[tuple[bytes, Place]]:
        for path in segments(self.directory):
            for line in lines(path):
                if line.whole and line.raw.startswith(REQUEST):
                    if self.whose.has(line.raw):
                        yield leaf_hash(line.raw), Place(path.name, line.offset, b"request")
                elif line.whole:
                    kind = KIND.match(line.raw)
                    if kind and kind[1] in HOUSEKEEPING:
                        yield leaf_hash(line.raw), Place(path.name, line.offset, kind[1])

    def _month(self, folder: Path, out: Path) -> None:
        newest = notes.parse((folder / "checkpoint").read_bytes())[0]
        tiles = Tiles(folder, newest.size, reader=True)
        found = [
            (index, self._places[leaf])
            for index, leaf in enumerate(tiles.leaf_hashes(0, newest.size))
            if leaf in self._places
        ]
        own = [index for index, place in found if place.kind == b"request"]
        before = [(index, place) for index, place in found if place.kind in IN_FORCE and place.writer in self._writers]
        if not own and not before:
            return
        kept = sorted(int(path.name) for path in (folder / "checkpoints").glob("*") if path.name.isdigit())
        if own:
            closes = [index for index, place in found if place.kind == b"window.close" and self._closes(place)]
            last = max(own[-1], *closes) if closes else own[-1]
            start = max((size for size in kept if size <= own[0]), default=0)
            stop = min((size for size in kept if size > last), default=newest.size)
        else:
            start = stop = min((size for size in kept if size > before[-1][0]), default=newest.size)
        out.mkdir()
        self._checkpoints(folder, out, [size for size in kept if start <= size <= stop], stop, newest.size)
        self._tree(tiles, out, start, stop)
        disclosed = [(index, place) for index, place in found if start <= index < stop]
        self._records(tiles, out, disclosed, start)
        outside = [(index, place) for index, place in before if index < start]
        samples = [(index, place) for index, place in disclosed if own and index in (own[0], own[-1])]
        self._proofs(tiles, out, [*outside, *samples], stop)

    def _closes(self, place: Place) -> bool:
        """Whether a close is one of the hours disclosed."""
        with (self.directory / "records" / place.writer).open("rb") as file:
            record = parse(_raw(file, place))
        return record is not None and self.whose.first <= record["what"]["win"] <= self.whose.last

    def _checkpoints(self, folder: Path, out: Path, kept: list[int], stop: int, newest: int) -> None:
        for size in kept:
            for path in sorted((folder / "checkpoints").glob(f"{size}*")):
                if path.name == str(size) or path.name.startswith(f"{size}."):
                    (out / f"checkpoint-{path.name}").write_bytes(path.read_bytes())
        last = out / f"checkpoint-{stop}"
        if not last.exists():
            note = (folder / "checkpoint").read_bytes()
            if notes.parse(note)[0].size != newest or stop != newest:
                raise EvidenceError(f"{folder} grew while it was read.", "Export again.")
            last.write_bytes(note)
        self.origins[folder.name] = notes.parse(last.read_bytes())[0].text()

    def _tree(self, tiles: Tiles, out: Path, start: int, stop: int) -> None:
        over = [tiles.node(level, index).hex() for level, index in peaks(start)]
        (out / "peaks.hex").write_text("".join(f"{line}\n" for line in (start, *over)))
        with (out / "leaves.hex").open("w") as file:
            for leaf in tiles.leaf_hashes(start, stop):
                file.write(leaf.hex() + "\n")
        if 0 < start < stop:
            proof = consistency_proof(start, stop, tiles.node)
            (out / f"consistency-{start}-{stop}").write_text("".join(map(_base64, proof)))

    def _records(self, tiles: Tiles, out: Path, disclosed: list[tuple[int, Place]], start: int) -> None:
        with ExitStack() as stack:
            opened: dict[str, BinaryIO] = {}
            records, index_of, told = (
                stack.enter_context((out / name).open("wb"))
                for name in ("records.jsonl", "records.index", "disclosures.txt")
            )
            if start == 0 and tiles.size:
                first = next(tiles.leaves(0, 1))
                if first.startswith(b'{"checkpoint"'):
                    records.write(first + b"\n")
                    index_of.write(b"0 keeper\n")
            for index, place in disclosed:
                if place.writer not in opened:
                    path = self.directory / "records" / place.writer
                    opened[place.writer] = stack.enter_context(path.open("rb"))
                raw = _raw(opened[place.writer], place)
                records.write(raw + b"\n")
                index_of.write(f"{index} {place.writer}\n".encode())
                if place.kind == b"request":
                    told.writelines(self._told(index, raw, opened[place.writer].readline()))
                else:
                    self.named.read(raw)

    def _told(self, index: int, raw: bytes, sealed: bytes) -> Iterator[bytes]:
        record = parse(raw)
        body = sealed[1:-1] if sealed.startswith(b"~") and not sealed.startswith(b"~-") else b""
        found = {} if record is None else self._openings.disclosures(record, raw, body)
        self.unopened += not found
        return (f"{index} {found[name]}\n".encode() for name in sorted(found))

    def _proofs(self, tiles: Tiles, out: Path, found: list[tuple[int, Place]], stop: int) -> None:
        note = (out / f"checkpoint-{stop}").read_text()
        (out / "proof").mkdir()
        told = "".join(f"{index} {place.writer}\n" for index, place in sorted(dict(found).items()))
        (out / "proof/index").write_text(told)
        for index, place in dict(found).items():
            with (self.directory / "records" / place.writer).open("rb") as file:
                raw = _raw(file, place)
            self.named.read(raw)
            steps = "".join(map(_base64, inclusion_proof(index, stop, tiles.node)))
            (out / f"proof/{index}.json").write_bytes(raw)
            (out / f"proof/{index}.tlog-proof").write_text(f"c2sp.org/tlog-proof@v1\nindex {index}\n{steps}\n{note}")


def _raw(file: BinaryIO, place: Place) -> bytes:
    file.seek(place.offset)
    return file.readline()[:-1]


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode() + "\n"


def whose(subjects: Mapping[str, set[str]]) -> Whose:
    """From pseudonym -> the hours in which it has records of the incident; at least one."""
    hours = sorted(hour for own in subjects.values() for hour in own)
    return Whose(frozenset(subjects), hours[0], hours[-1])
