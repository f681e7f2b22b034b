"""The analysis as tables: requests by hour, and the queries that the figures come from, in words."""

import csv
from collections import Counter
from pathlib import Path
from types import TracebackType

from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.incident import CONTENT
from scrapeguard.exports.words import moment
from scrapeguard.model import Rung

HOUR = 3_600_000_000  # microseconds
COLUMNS = ("hour (UTC)", "object", "requests", "taken", "refused", "bytes")
QUERIES = """\
Where the figures come from. Each follows from data/log/*/records.jsonl and disclosures.txt; verify.py counts the
figures of incident.json again.

Requests of the incident: records with "k":"request" of the actor (disclosure "client", "key") whose "t" lies between
"first" and "last" of incident.json, both included.
requests: their number. bytes: sum of "what"."bytes". micros: sum of "what"."micros", the time from the first byte of
judging a request to the last byte of its answer (not CPU time).
distinct: number of different "object" of the disclosure "request".
odd: "what"."verdict"."rung" or "intended" is not "allow". refused: "rung" is not "allow".
taken: "rung" is "allow", "status" is 200 to 299, and "resource" is page, data or feed: requests, bytes, objects.
id: the first 12 digits of the SHA-256 of the earliest odd record (by "t", then by writer, then by "seq").
requests.csv: the requests of the incident by hour of "t" and object. "taken" and "refused" as above. With more than
100,000 rows, the others of an hour are summed in one row with the object "(others)".
loss.json: see its own "assumptions".
"""
MOST_ROWS = 100_000


class Table:
    """requests.csv, as a context manager; `add` every request of the incident."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[tuple[int, str], Counter[str]] = {}

    def add(self, entry: Entry) -> None:
        key = entry.time // HOUR, entry.object
        if key not in self._rows and len(self._rows) >= MOST_ROWS:
            key = entry.time // HOUR, "(others)"
        taken = entry.served and entry.resource in CONTENT
        row = self._rows.setdefault(key, Counter())
        row["requests"] += 1
        row["taken"] += taken
        row["refused"] += entry.rung is not Rung.ALLOW
        row["bytes"] += entry.bytes

    def __enter__(self) -> "Table":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for (hour, what), row in sorted(self._rows.items()):
                shown = f"'{what}" if what[:1] in "=+-@\t\r" else what  # no formula in a spreadsheet
                counts = (row[name] for name in COLUMNS[2:])
                table.writerow((moment(hour * HOUR)[:16], shown, *counts))
