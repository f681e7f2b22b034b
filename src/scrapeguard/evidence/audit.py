"""What a bundle's records say, checked against one another and against what the bundle claims of them.

Imports the standard library and the reader of bundles only, so that a stranger can read all of it.
"""

import hashlib
import json
import re
from collections import Counter
from typing import Any

from scrapeguard.evidence.unpacking import InvalidError, Unpacked, parsed, shaped

CHAIN_LINE = re.compile(rb"(\d{1,10}) ([0-9a-f]{64})")
CONTENT = ("page", "data", "feed")


class Audit:
    """One bundle under examination. Its steps run in order; each answers what it looked at and raises InvalidError."""

    def __init__(self, files: Unpacked) -> None:
        self.files = files
        self.gaps: list[str] = []  # what is said to be missing
        self.named: set[str] = set()  # files that records name by digest
        self.chains: dict[str, bytearray] = {}  # segment -> SHA-256 of its lines, 32 bytes each
        self.heads: list[tuple[str, dict[str, Any]]] = []  # (who says so, where another segment stood)
        self.sums: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.asked: set[str] = set()
        self.taken: set[str] = set()
        self.actors: set[str] = set()
        self.times: list[int] = []  # first and last
        self.opening: tuple[int, str] = (0, "")  # time and digest of the first odd request

    def chain(self) -> str:
        """Each record is canonical, has its digest at its place in the chain, and holds that of the line before."""
        number = 0
        for segment in sorted({name.split("/")[1] for name in self.files.names if name.startswith("log/")}):
            digests, file = bytearray(), f"log/{segment}/chain.txt"
            for at, line in enumerate(self.files.lines(file)):
                told = CHAIN_LINE.fullmatch(line)
                if not told or int(told[1]) != at:
                    raise InvalidError(f"it is not {at} and a SHA-256", file, at + 1)
                digests += bytes.fromhex(told[2].decode())
            self.chains[f"{segment}.jsonl"] = digests
            number += self._records(segment, f"log/{segment}/records.jsonl", digests)
        for file, head in self.heads:
            with shaped(file, 1):
                known, at = self.chains.get(head["segment"]), 32 * head["seq"]
                if known is not None and at >= 0 and known[at : at + 32].hex() != head["digest"]:
                    raise InvalidError(f"it says that {head['segment']} stood otherwise at that time", file, 1)
        total = sum(len(digests) for digests in self.chains.values()) // 32
        return f"{number} records disclosed among {total} lines of {len(self.chains)} segments"

    def _records(self, segment: str, file: str, digests: bytearray) -> int:
        before, force, number = -1, ("", ""), 0
        for number, line in enumerate(self.files.lines(file), 1):
            record, digest = parsed(line, file, number), hashlib.sha256(line)
            with shaped(file, number):
                seq, kind, what = record["seq"], record["k"], record["what"]
                if seq <= before or (number == 1) != (seq == 0) or (seq == 0) != (kind == "start"):
                    raise InvalidError(f"record {seq} is not where it belongs", file, number)
                prev = digests[32 * seq - 32 : 32 * seq].hex() if seq else "0" * 64
                if record["prev"] != prev or digest.digest() != digests[32 * seq : 32 * seq + 32]:
                    raise InvalidError(f"record {seq} does not fit the chain", file, number)
                before = seq
                if kind == "request" and (what["config"], what["notices"]) != force:
                    raise InvalidError(f"record {seq} names other rules than those in force", file, number)
                if kind == "start" and what["segment"] != f"{segment}.jsonl":
                    raise InvalidError("it is the start of another segment", file, number)
                if kind == "request":
                    self._add(record["t"], what, record["who"], digest.hexdigest())
                else:
                    force = self._note(kind, what, file, force)
        return number

    def _note(self, kind: str, what: dict[str, Any], file: str, force: tuple[str, str]) -> tuple[str, str]:
        """Take in a record that is no request; answers the short digests of what is in force from here on."""
        if kind == "start":
            self.heads += [(file, head) for head in what["previous"]]
        if kind == "gap":
            self.gaps.append(f"{what['count']} records could not be written ({what['error']}), {file}")
        if kind == "recovery" and (what["torn"] or what["damaged"]):
            torn = what["torn"]["bytes"] if what["torn"] else 0
            self.gaps.append(f"{what['segment']} has {torn} torn bytes at its end and {what['damaged']} damaged lines")
        active = what if kind == "config.activated" else what.get("active")
        if not active:
            return force
        notices = json.dumps(active["notices"], sort_keys=True, separators=(",", ":")).encode()
        self.named.add(f"config/{active['config']}.json")
        self.named.update(f"notices/{digest}" for digest in active["notices"].values())
        return active["config"][:16], hashlib.sha256(notices).hexdigest()[:16]

    def _add(self, time: int, what: dict[str, Any], who: dict[str, Any], digest: str) -> None:
        """Count a request for the figures."""
        verdict, allowed = what["verdict"], what["verdict"]["rung"] == "allow"
        odd = not allowed or verdict["intended"] != "allow"
        self.actors.add(f"address:{who['key'] or 'unknown'}")
        self.times = [min([time, *self.times]), max([time, *self.times])]
        self.sums.update(requests=1, bytes=what["bytes"], odd=odd, refused=not allowed)
        self.statuses[str(what["status"])] += 1
        self.asked.add(who["object"])
        if odd and (not self.opening[1] or time < self.opening[0]):
            self.opening = (time, digest)
        if allowed and 200 <= what["status"] < 300 and what["resource"] in CONTENT:
            self.taken.add(who["object"])
            self.sums.update(taken=1, taken_bytes=what["bytes"])

    def notices(self) -> str:
        """The notices and settings that the records name are there, under their own digest, and no other."""
        there = {name for name in self.files.names if name.startswith(("notices/", "config/"))}
        for name in sorted(there):
            if hashlib.sha256(self.files.small(name)).hexdigest() != name.split("/")[1].removesuffix(".json"):
                raise InvalidError("its content is not what its name says", name)
        for name in sorted(there - self.named):
            raise InvalidError("no record names it", name)
        self.gaps += [f"{name} is named by a record and was not kept" for name in sorted(self.named - there)]
        return f"{len(there)} of {len(self.named)} notices and settings that the records name"

    def figures(self) -> str:
        """The figures of the incident follow from the records."""
        file = "analysis/incident.json"
        told = parsed(self.files.small(file), file)
        counted: dict[str, Any] = {name: self.sums[name] for name in ("bytes", "odd", "refused", "requests")}
        counted |= {"distinct": len(self.asked), "statuses": dict(self.statuses), "opened": self.opening[0]}
        counted["taken"] = {
            "bytes": self.sums["taken_bytes"],
            "objects": len(self.taken),
            "requests": self.sums["taken"],
        }
        counted |= {"id": self.opening[1][:12], "first": min(self.times, default=0), "last": max(self.times, default=0)}
        with shaped(file):
            counted["actor"] = told["actor"] if self.actors == {told["actor"]} else sorted(self.actors)
            for name, value in counted.items():
                if told[name] != value:
                    raise InvalidError(f"{name} is {told[name]!r} here, but {value!r} by the records", file)
        return f"{len(counted)} figures of the incident counted again from {self.sums['requests']} requests"

    def completeness(self) -> str:
        """What the log itself says is missing."""
        return "no record says that records are missing" if not self.gaps else "; ".join(self.gaps)
