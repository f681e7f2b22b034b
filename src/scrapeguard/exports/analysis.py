"""The analysis as tables: requests by hour, and the queries that the figures come from, in words."""

import csv
import sqlite3
from contextlib import closing
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
figures of incident.json and every row of requests.csv again, and what of loss.json follows from them.

Requests of the incident: records with "k":"request" of the actor's "subjects" (disclosure "client", "key") whose "t"
lies between "first" and "last" of incident.json, both included.
links: why the subjects are one actor, each by the digests of two records; how often that would be chance is counted
among all of the log's addresses, which are not here. evasion: steps, each by the digest of its record.
requests: their number. bytes: sum of "what"."bytes". micros: sum of "what"."micros", the time from the first byte of
judging a request to the last byte of its answer (not CPU time).
distinct: number of different "object" of the disclosure "request".
odd: "what"."verdict"."rung" or "intended" is not "allow". refused: "rung" is not "allow".
taken: "rung" is "allow", "status" is 200 to 299, and "resource" is page, data or feed: requests, bytes, objects.
id: the first 12 digits of the SHA-256 of the earliest odd record (by "t", then by writer, then by "seq").
requests.csv: the requests of the incident by hour of "t" and object. "taken" and "refused" as above.
loss.json: see its own "assumptions".
"""
CACHE = "PRAGMA cache_size = -2048"  # KiB; what does not fit lies in a temporary file
TABLE = """CREATE TABLE requests (hour INTEGER, object BLOB, requests INTEGER, taken INTEGER, refused INTEGER,
bytes INTEGER, PRIMARY KEY (hour, object)) WITHOUT ROWID"""
ADD = """INSERT INTO requests VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + 1,
taken = taken + excluded.taken, refused = refused + excluded.refused, bytes = bytes + excluded.bytes"""
QUERY = "SELECT * FROM requests ORDER BY hour, object"


class Table:
    """requests.csv, as a context manager; `add` every request of the incident. Memory does not grow with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = sqlite3.connect("", isolation_level=None)  # in a temporary file of its own
        for command in (CACHE, "PRAGMA journal_mode = OFF", TABLE, "BEGIN"):
            self._rows.execute(command)

    def add(self, entry: Entry) -> None:
        taken, refused = entry.served and entry.resource in CONTENT, entry.rung is not Rung.ALLOW
        what = entry.object.encode("utf-8", "surrogatepass")
        self._rows.execute(ADD, (entry.time // HOUR, what, taken, refused, entry.bytes))

    def __enter__(self) -> "Table":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with closing(self._rows):
            if error is None:
                self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for hour, raw, *counts in self._rows.execute(QUERY):
                what = raw.decode("utf-8", "surrogatepass")
                shown = f"'{what}" if what[:1] in "=+-@\t\r" else what  # no formula in a spreadsheet
                table.writerow((moment(hour * HOUR)[:16], shown, *counts))
