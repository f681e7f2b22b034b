"""What a new segment says about the ones before it: where each chain ended, and what a dead process left torn.

No other process's file is ever changed: a torn tail or a damaged line is described in a `recovery` record, with
its place and digest, and left where it lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scrapeguard.evidence.canonical import Json, digest
from scrapeguard.evidence.reading import LONGEST, LONGEST_SEALED, SEALED, lines, parse, segments
from scrapeguard.evidence.segment import alive

NEWEST = 32  # segments looked at; each of them names those before it, so older ones are in the chain already
LISTED = 20  # damaged places told one by one

Fields = dict[str, Json]


@dataclass(slots=True)
class Gap:
    """Records that could not be written."""

    count: int = 0
    first: int = 0
    last: int = 0
    unsynced: int = 0  # failures to make written records durable
    error: str = ""


def heads(directory: Path, own: str) -> tuple[list[Json], list[Path]]:
    """Where the newest other segments end, and those among them that ended without a `close` and need recovery."""
    newest = sorted(segments(directory), key=lambda path: path.stat().st_mtime_ns)[-NEWEST:]
    others = [path for path in newest if path.name != own and path.stat().st_size]
    known = {name for path in others for name in _recovered(path)}
    found: list[Json] = []
    orphans = []
    for path in others:
        living, raw = alive(path), _last(path)  # in this order: who ends meanwhile has written its close by then
        last = parse(raw) or {}
        state = "closed" if last.get("k") == "close" else "open" if living else "cut"
        found.append({"digest": digest(raw), "segment": path.name, "seq": last.get("seq", -1), "state": state})
        if state == "cut" and path.name not in known:
            orphans.append(path)
    return found, orphans


def recover(path: Path) -> Fields:
    """What a dead process left: its good records, the torn tail, every place where the chain does not hold.

    `last` is when the last good record was written, about; `unwritten` how much its settings let wait at most: of what
    waited nobody knows. `unopened` counts records whose openings are not whole under them: the last one, when the tear
    went through them.
    """
    records, seq, prev, unopened, last = 0, -1, "", 0, 0
    torn: Fields | None = None
    unwritten: Json = None
    damage: list[Json] = []
    for line in lines(path):
        parsed = parse(line.raw) if line.whole else None
        place: Fields = {"bytes": len(line.raw), "digest": digest(line.raw), "line": line.number, "offset": line.offset}
        if not line.whole and len(line.raw) < LONGEST:
            torn = place
        elif line.torn:
            torn = {**place, "bytes": len(line.torn), "digest": digest(line.torn), "line": line.number + 1}
            torn["offset"] = line.offset + len(line.raw) + 1
        elif parsed is None or (prev and (parsed["prev"] != prev or parsed["seq"] != seq + 1)):
            damage.append(place)
        if parsed is not None:
            records, seq, what = records + 1, parsed["seq"], parsed["what"]
            last = max(last, _whole(what.get("imported")) or parsed["t"])
            if parsed["k"] == "start" and isinstance(most := what.get("unwritten"), dict):
                unwritten = {name: _whole(most.get(name)) for name in ("ms", "records")}
            unopened += "sd" in parsed and not line.sealed
        prev = "" if parsed is None else digest(line.raw)
    return {
        "damage": damage[:LISTED],
        "damaged": len(damage),
        "head": prev,
        "last": last,
        "records": records,
        "segment": path.name,
        "seq": seq,
        "torn": torn,
        "unopened": unopened,
        "unwritten": unwritten,
    }


def _whole(value: object) -> int:
    """A number out of a file that may be damaged; 0 when it is none."""
    return value if type(value) is int else 0


def _recovered(path: Path) -> Iterator[str]:
    """The segments that this one has recovery records of; they come right after its start."""
    for line in islice(lines(path), 1, None):
        parsed = parse(line.raw)
        if parsed is None or parsed["k"] != "recovery":
            return
        yield str(parsed["what"].get("segment"))


def _last(path: Path) -> bytes:
    """The last whole public line of a segment; empty when there is none within reach."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 2 * LONGEST - LONGEST_SEALED, 0))
        whole = file.read().rpartition(b"\n")[0].split(b"\n")
    return next((line for line in reversed(whole) if not line.startswith(SEALED)), b"")
