"""Find the record that a visitor quotes the reference of, and what belongs to it, fast in a large log."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scrapeguard.errors import InputError
from scrapeguard.evidence.canonical import quoted
from scrapeguard.evidence.entry import Entry, entry
from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import marked, segments
from scrapeguard.model import Rung

LOOKALIKES = str.maketrans("OIL", "011")  # as people read and type them
SECOND = 1_000_000
URN = "urn:scrapeguard:"  # as an answer for programs writes it


def find(directory: Path, reference: str) -> list[Entry]:
    """The requests of a reference as somebody quotes it. References of imported logs can be those of several files.

    Raises InputError when there is none.
    """
    if not segments(directory):
        raise InputError(f"There is no evidence in {directory}.", "Name the folder of [evidence] directory.")
    for written in spellings(reference):
        found = list(holding(directory, f'"ref":{quoted(written)}'.encode()))
        matching = [each for each in found if each.reference == written]
        if matching:
            return matching
    hint = "Compare it with the page letter by letter; records that are not kept any more cannot be found."
    raise InputError(f"There is no record {reference!r} in {directory}.", hint)


def spellings(reference: str) -> list[str]:
    """A reference as quoted, and as it must have been printed."""
    quoted_of = reference.strip().lower().removeprefix(URN).upper()
    letters = re.sub(r"[^0-9A-Z]", "", quoted_of).translate(LOOKALIKES)
    return list(dict.fromkeys((reference.strip(), "-".join(re.findall(".{1,4}", letters)))))


def holding(directory: Path, needle: bytes) -> Iterator[Entry]:
    """The requests on whose public lines a piece of canonical JSON stands, segment by segment, in the order written."""
    openings = Openings(directory)
    for path, line in marked(directory, needle):
        found = entry(path.name, line, openings)
        if found is not None:
            yield found


def placing(directory: Path, held: Entry) -> Entry | None:
    """The request that put the actor of `held` on the rung it stood on then; None when that is not in this log."""
    kind, _, name = held.actor.partition(":")
    pseudonyms = [name] if kind == "sub" else Openings(directory).pseudonyms("" if name == "unknown" else name)
    found = [
        each
        for pseudonym in pseudonyms
        for each in holding(directory, f'"sub":{quoted(pseudonym)}'.encode())
        if each.cause == "signals"
        and each.rung is not Rung.ALLOW
        and each.time <= held.time <= each.time + each.seconds * SECOND
    ]
    return max(found, key=lambda each: each.time, default=None)


def force(directory: Path, found: Entry) -> dict[str, Any]:
    """The settings in force for a request, by section; empty when they were not kept. A secret is not among them."""
    short = json.loads(found.raw)["what"].get("config", "")
    if not re.fullmatch(r"[0-9a-f]{16}", str(short)):
        return {}
    for path in (directory / "configs").glob(f"{short}*"):
        try:
            value = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}
