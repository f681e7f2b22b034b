"""Rejections: the operator's word that two subjects are not one actor, on record and honoured from then on.

    {"k":"link.rejected", …, "what":{"link":"<id>","n":1,"reason":"return","who":"…","why":"…"}}

The record names nobody: the link is known by its id, which whoever has both records can compute. `n` counts such
records of one writer and hour, so that windows can commit to their number and none can be left out of a bundle.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scrapeguard.evidence.links import Rejection
from scrapeguard.evidence.log import EvidenceLog
from scrapeguard.evidence.reading import marked, parse

KIND = "link.rejected"
REJECTED = b'{"k":"link.rejected"'
ID = re.compile(r"[0-9a-f]{12}")


def reject(log: EvidenceLog, link: str, reason: str, who: str, why: str) -> None:
    """Record a rejection; `log` is one that writes nothing else of this kind within the hour. It is durable then."""
    log.event(KIND, {"link": link, "n": 1, "reason": reason, "who": who, "why": why})
    log.close()


def rejections(directory: Path) -> dict[str, Rejection]:
    """Link -> its first rejection, as far as this log has any."""
    found: dict[str, Rejection] = {}
    for record in _records(directory):
        what = record["what"]
        link = str(what.get("link", ""))
        if ID.fullmatch(link) and (link not in found or record["t"] < found[link].time):
            found[link] = Rejection(link, record["t"], str(what.get("who", "")), str(what.get("why", "")))
    return found


def _records(directory: Path) -> Iterator[dict[str, Any]]:
    for _, line in marked(directory, REJECTED):
        record = parse(line.raw) if line.whole else None
        if record is not None and record["k"] == KIND:
            yield record
