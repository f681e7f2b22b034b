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
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import checkpoint as notes
from scrapeguard.evidence import keys, segment
from scrapeguard.evidence.entry import REQUEST
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import Line, lines, parse
from scrapeguard.evidence.tiles import WIDTH, Tiles
from scrapeguard.evidence.tree import consistency_proof, inclusion_proof, peaks
from scrapeguard.exports.exhibits import Exhibits
from scrapeguard.exports.references import References
from scrapeguard.exports.survey import Month, Survey, Whose

ACTIVE = re.compile(rb'"active":\{|"k":"config\.activated"')
OPEN_FILES = 32  # writers' files that are read at the same time


@dataclass(slots=True)
class Named:
    """What the disclosed records say was in force: SHA-256 of settings, and names, SHA-256 and times of notices."""

    configs: dict[str, None] = field(default_factory=dict)  # in the order in which they came into force
    since: dict[tuple[str, str], int] = field(default_factory=dict)  # (notice, digest) -> when, us since 1970

    def read(self, raw: bytes) -> None:
        record = parse(raw) if ACTIVE.search(raw) else None
        if record is None:
            return
        active = record["what"] if record["k"] == "config.activated" else record["what"].get("active")
        if active:
            self.configs[active["config"]] = None
            for name, sha in active["notices"].items():
                self.since[name, sha] = min(record["t"], self.since.get((name, sha), record["t"]))

    def in_order(self) -> list[tuple[str, str]]:
        """(name, SHA-256) of each notice, by name."""
        return sorted(self.since)


class Sealed:
    """The openings that lie under records in the writers' files, asked for in each writer's own order."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / segment.FOLDER
        self._streams: OrderedDict[str, Iterator[Line]] = OrderedDict()
        self._places: dict[str, int] = {}  # writer -> where its record asked for last begins

    def under(self, writer: str, raw: bytes) -> bytes:
        """What is sealed under the record `raw`; nothing when its file is gone, or it is not in it."""
        stream = self._streams.pop(writer, None)
        if stream is None:
            path = self._folder / writer
            if not path.exists():
                return b""
            stream = lines(path, self._places.get(writer, 0))
        self._streams[writer] = stream
        if len(self._streams) > OPEN_FILES:
            self._streams.popitem(last=False)
        for line in stream:
            if line.raw == raw:
                self._places[writer] = line.offset
                return line.sealed
        return b""


class Leaves:
    """A log's leaves by their places, read bundle by bundle."""

    def __init__(self, tiles: Tiles) -> None:
        self._tiles = tiles
        self._number, self._bundle = -1, [b""]

    def __getitem__(self, index: int) -> bytes:
        if index // WIDTH != self._number:
            self._number, self._bundle = index // WIDTH, self._tiles.bundle(index // WIDTH)
        return self._bundle[index % WIDTH]


class Excerpt:
    """Writes the log's part of one bundle under `out`. Raises EvidenceError."""

    def __init__(self, directory: Path, whose: Whose, out: Path, references: References) -> None:
        self.directory, self.whose, self.out, self.references = directory, whose, out, references
        self.named = Named()
        self.origins: dict[str, str] = {}  # month -> checkpoint's text
        self.unopened = 0  # requests whose personal facts are gone
        self.exhibits = Exhibits(out)
        self._sealed = Sealed(directory)
        self._openings = Openings(directory)

    def write(self) -> None:
        out = self.out / "data/log"
        out.mkdir(parents=True)
        (out / "keys.jsonl").write_bytes((self.directory / keys.FOLDER / keys.HISTORY).read_bytes())
        with TemporaryDirectory(prefix=".survey-", dir=self.out) as place:
            survey = Survey(self.directory, self.whose, Path(place))
            for month in survey.months:
                self._month(month, survey, out / month.name)
        if not survey.asked:
            raise EvidenceError(
                "The incident is not in the tree yet.", "Run `scrapeguard keeper --once`, then export again."
            )

    def _month(self, month: Month, survey: Survey, out: Path) -> None:
        before = survey.before(month)
        if month.start == month.stop and not before:
            return
        if month.start == month.stop:
            after = (size for size in month.archived() if size > before[-1][0])
            month.start = month.stop = min(after, default=month.size)
        out.mkdir()
        tiles = Tiles(month.folder, month.size, reader=True)
        self._checkpoints(month, out)
        self._tree(tiles, out, month.start, month.stop)
        self._records(month, tiles, out)
        self._proofs(tiles, out, [*before, *month.ends()], month.stop)

    def _checkpoints(self, month: Month, out: Path) -> None:
        for size in (size for size in month.archived() if month.start <= size <= month.stop):
            for path in sorted((month.folder / "checkpoints").glob(f"{size}*")):
                if path.name == str(size) or path.name.startswith(f"{size}."):
                    (out / f"checkpoint-{path.name}").write_bytes(path.read_bytes())
        last = out / f"checkpoint-{month.stop}"
        if not last.exists():
            last.write_bytes(month.note)
        self.origins[month.name] = notes.parse(last.read_bytes())[0].text()

    def _tree(self, tiles: Tiles, out: Path, start: int, stop: int) -> None:
        over = [tiles.node(level, index).hex() for level, index in peaks(start)]
        (out / "peaks.hex").write_text("".join(f"{line}\n" for line in (start, *over)))
        with (out / "leaves.hex").open("w") as file:
            for leaf in tiles.leaf_hashes(start, stop):
                file.write(leaf.hex() + "\n")
        if 0 < start < stop:
            proof = consistency_proof(start, stop, tiles.node)
            (out / f"consistency-{start}-{stop}").write_text("".join(map(_base64, proof)))

    def _records(self, month: Month, tiles: Tiles, out: Path) -> None:
        leaves = Leaves(tiles)
        with (
            (out / "records.jsonl").open("wb") as records,
            (out / "records.index").open("wb") as index_of,
            (out / "disclosures.txt").open("wb") as told,
        ):
            if month.start == 0 < month.stop and leaves[0].startswith(b'{"checkpoint"'):
                records.write(leaves[0] + b"\n")
                index_of.write(b"0 keeper\n")
            for index, writer in month.places(month.start, month.stop):
                raw = leaves[index]
                records.write(raw + b"\n")
                index_of.write(f"{index} {writer}\n".encode())
                if raw.startswith(REQUEST):
                    found = self._opened(out.name, index, raw, self._sealed.under(writer, raw))
                    told.writelines(f"{index} {found[name]}\n".encode() for name in sorted(found))
                    self.exhibits.add(out.name, self.origins[out.name].split("\n")[0], index, raw, found)
                else:
                    self.named.read(raw)
                    self.references.other(out.name, index, raw)

    def _opened(self, month: str, index: int, raw: bytes, sealed: bytes) -> dict[str, str]:
        """The disclosures of a record, by group; nothing when they are gone, which is counted."""
        record = parse(raw)
        found = {} if record is None else self._openings.disclosures(record, raw, sealed)
        self.unopened += not found
        if record is not None:
            self.references.request(month, index, record, found)
        return found

    def _proofs(self, tiles: Tiles, out: Path, found: list[tuple[int, str]], stop: int) -> None:
        note = (out / f"checkpoint-{stop}").read_text()
        (out / "proof").mkdir()
        (out / "proof/index").write_text("".join(f"{index} {writer}\n" for index, writer in sorted(set(found))))
        leaves = Leaves(tiles)
        for index, _ in found:
            self.named.read(leaves[index])
            if not leaves[index].startswith(REQUEST):
                self.references.other(out.name, index, leaves[index])
            steps = "".join(map(_base64, inclusion_proof(index, stop, tiles.node)))
            (out / f"proof/{index}.json").write_bytes(leaves[index])
            (out / f"proof/{index}.tlog-proof").write_text(f"c2sp.org/tlog-proof@v1\nindex {index}\n{steps}\n{note}")


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode() + "\n"


def whose(subjects: Mapping[str, set[str]]) -> Whose:
    """From pseudonym -> the hours in which it has records of the incident; at least one."""
    hours = sorted(hour for own in subjects.values() for hour in own)
    return Whose(frozenset(subjects), hours[0], hours[-1])
