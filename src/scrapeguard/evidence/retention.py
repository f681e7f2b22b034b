"""Retention: when its time is over, a day's key is destroyed, and so are the files that hold nothing else.

What stays for good is the tree: public lines with commitments that nobody can open any more, and pseudonyms that
nobody can compute. So the log still verifies, and still proves how much was recorded.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.durable import sync_folder
from scrapeguard.evidence.reading import segments
from scrapeguard.evidence.segment import alive
from scrapeguard.evidence.sequencer import Position, complete
from scrapeguard.evidence.vault import Vault

Event = Callable[[str, dict[str, Json]], None]


def retire(vault: Vault, positions: Mapping[str, Position], days: int, now: int, event: Event) -> list[str]:
    """Destroy what is older than so many days at `now` (microseconds); answers the names of the files deleted.

    A file is deleted when it was last written before the oldest day that is kept, its writer is gone, and every record
    in it is in the tree. What goes is recorded first. Raises OSError.
    """
    oldest = (datetime.fromtimestamp(now / 1_000_000, UTC) - timedelta(days=days)).date()
    midnight = datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC).timestamp()
    gone = [day for day in vault.days() if day < oldest.isoformat()]
    files = [path for path in segments(vault.directory) if _finished(path, positions, midnight)]
    if not gone and not files:
        return []
    event("retention", {"before": oldest.isoformat(), "days": tuple(gone), "files": tuple(path.name for path in files)})
    for day in gone:
        vault.destroy(day)
    for path in files:
        path.unlink()
    if files:
        sync_folder(files[0].parent)
    return [path.name for path in files]


def _finished(path: Path, positions: Mapping[str, Position], midnight: float) -> bool:
    position = positions.get(path.name)
    old = path.stat().st_mtime < midnight
    return old and position is not None and not alive(path) and position.offset >= complete(path)
