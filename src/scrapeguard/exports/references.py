"""Which records a sentence of the report rests on: how many, and at which leaves of the log.

A leaf is written <month>/<number>. The line of `records.index` that begins with the number is that of `records.jsonl`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.incident import CONTENT, Incident
from scrapeguard.evidence.reading import parse
from scrapeguard.exports.lacking import Lacking

LISTED = 50
MEANINGS = """\
references.json says for each name below how many disclosed records show it, the first 50 of them and the last, each as
month/leaf. Requests are those of the incident: "t" from "first" to "last" of incident.json.
requests: all. robots: "resource" is notice, "path" of the disclosure "request" is /robots.txt. forbidden: "forbidden"
is true, and it was served. trapped: "trapped". signals: "signals" is not empty. measures: "rung" is not allow, "cause"
is not standing. refused: "rung" is not allow. returned: after the first of measures, by "t". taken: as above.
captured: "sd" has exchange. record.KIND: records that are no requests, by their "k", in the stretch disclosed.
"""


@dataclass(slots=True)
class Rested:
    """The records of one name."""

    count: int = 0
    leaves: list[str] = field(default_factory=list)  # the first of them
    last: str = ""

    def add(self, leaf: str) -> None:
        self.count += 1
        self.last = leaf
        if len(self.leaves) < LISTED:
            self.leaves.append(leaf)


class References:
    """Give it every disclosed record in the order of the log."""

    def __init__(self, incident: Incident) -> None:
        self._first, self._last = incident.first, incident.last
        self._stopped = incident.measures[0].time if incident.measures else incident.last
        self._named: dict[str, Rested] = {}
        self.lacking = Lacking()
        self.tests: list[bool] = []  # of each self-test on record, whether it went as it should

    def request(self, month: str, index: int, record: Mapping[str, Any], told: Mapping[str, str]) -> None:
        """Take in a request with its disclosures."""
        if self._first <= record["t"] <= self._last:
            for name in self._shown(record, told):
                self._named.setdefault(name, Rested()).add(f"{month}/{index}")

    def other(self, month: str, index: int, raw: bytes) -> None:
        """Take in a record that is no request."""
        record = parse(raw)
        if record is not None:
            self._named.setdefault(f"record.{record['k']}", Rested()).add(f"{month}/{index}")
            self.lacking.add(f"{month}/{index}", record)
            if record["k"] == "selftest.result":
                self.tests.append(record["what"].get("good") is True)

    def __getitem__(self, name: str) -> Rested:
        return self._named.get(name, Rested())

    def kinds(self) -> dict[str, int]:
        """How many records there are of each kind but requests."""
        return {name[7:]: rested.count for name, rested in self._named.items() if name.startswith("record.")}

    def told(self) -> dict[str, Json]:
        """As JSON."""
        return {
            name: {"count": rested.count, "last": rested.last, "leaves": list(rested.leaves)}
            for name, rested in sorted(self._named.items())
        }

    def _shown(self, record: Mapping[str, Any], told: Mapping[str, str]) -> Iterator[str]:
        what = record["what"]
        verdict, wanted = what["verdict"], told.get("request", "")
        allowed = verdict["rung"] == "allow"
        served = allowed and 200 <= what["status"] < 300
        shown = {
            "requests": True,
            "robots": what["resource"] == "notice" and '"path":"/robots.txt"' in wanted,
            "forbidden": bool(what["forbidden"]) and served,
            "trapped": what["trapped"],
            "signals": bool(what["signals"]),
            "measures": not allowed and verdict["cause"] != "standing",
            "refused": not allowed,
            "returned": record["t"] > self._stopped,
            "taken": served and what["resource"] in CONTENT,
            "captured": "exchange" in told,
        }
        return (name for name, holds in shown.items() if holds)
