"""The records under a folder as the operator can read them: what is personal, by group and all together ("who")."""

from pathlib import Path
from typing import Any

from scrapeguard.evidence.openings import Openings
from scrapeguard.evidence.reading import lines, parse


def records(folder: Path) -> list[dict[str, Any]]:
    """Every record in the evidence directories under `folder`, segment by segment; a torn last line is left out."""
    found = []
    for path in sorted(folder.rglob("records/*.jsonl")):
        openings = Openings(path.parent.parent)
        for line in lines(path):
            if not line.whole:
                continue
            record = parse(line.raw)
            assert record is not None, f"{path}, line {line.number}: {line.raw[:200]!r}"
            groups = openings.groups(record, line.raw, line.sealed)
            record["opened"] = groups
            if groups:
                record["who"] = {name: value for group in groups.values() for name, value in group.items()}
            found.append(record)
    return found
