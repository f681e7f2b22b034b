"""What the log itself says is missing: what could not be written, who was killed, clocks, stores and authorities.

A trouble is told as the name of a sentence of the report, and what it is filled in with.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrapeguard.evidence.verify import SECOND, SKEW
from scrapeguard.exports.words import moment, number

LISTED = 50
UNKNOWN = "?"
Told = tuple[str, dict[str, str]]  # the sentence, its values


@dataclass(slots=True)
class Lacking:
    """`add` the records of the log about itself in their order."""

    troubles: dict[str, tuple[str, str, dict[str, str]]] = field(default_factory=dict)  # leaf, sentence, values
    count: int = 0

    def add(self, leaf: str, record: Mapping[str, Any]) -> None:
        kind, what, time = record["k"], record["what"], record["t"]
        if kind == "anchor.resumed" and time - what["since"] <= SKEW:
            self._withdraw(f"silent {what['by']}")
            return
        for name, values in _told(kind, what, time):
            key = _about(kind, what) or f"{leaf} {name}"
            if key not in self.troubles:
                self.count += 1
            elif kind == "anchor":
                continue  # told once
            if key in self.troubles or len(self.troubles) < LISTED:
                self.troubles[key] = leaf, name, values

    def _withdraw(self, key: str) -> None:
        self.count -= self.troubles.pop(key, None) is not None

    @property
    def serious(self) -> bool:
        """Whether there is more than processes of which nobody knows whether they took anything with them."""
        return any(name != "cut" for _, name, _ in self.troubles.values())


def _about(kind: str, what: Mapping[str, Any]) -> str:
    """What a trouble is about that several records tell of; "" when it is one record's own."""
    if kind == "anchor":
        return "clock"
    if kind.startswith("anchor."):
        return f"silent {what['by']}"
    return f"alone {what['start']}" if kind.startswith("gap.") else ""


def _told(kind: str, what: Mapping[str, Any], time: int) -> Iterator[Told]:
    if kind == "gap" and what["count"]:
        values = {"count": number(what["count"]), "error": str(what["error"])}
        yield "gap", {**values, "since": moment(what["first"]), "until": moment(what["last"])}
    if kind == "gap" and what["unsynced"]:
        yield "unsynced", {"count": number(what["unsynced"]), "error": str(what["error"]), "time": moment(time)}
    elif kind == "recovery":
        yield from _cut(what, time)
    elif kind == "damage":
        yield "damage", {"file": str(what["file"]), "offset": number(what["offset"])}
    elif kind == "clock" and what["step_us"]:
        yield "step", {"seconds": f"{what['step_us'] / SECOND:+.1f}", "time": moment(time)}
    elif kind == "anchor" and abs(ahead := what.get("ahead_us") or 0) > SKEW:
        name = "ahead" if ahead > 0 else "behind"
        yield name, {"seconds": number(abs(ahead) // SECOND), "time": moment(time)}
    elif kind == "gap.start":
        yield "alone", {"since": moment(what["start"]), "until": UNKNOWN}
    elif kind == "gap.end":
        yield "alone", {"since": moment(what["start"]), "until": moment(what["end"])}
    elif kind == "anchor.delayed":
        yield "silent", {"by": str(what["by"]), "since": moment(time), "until": UNKNOWN}
    elif kind == "anchor.resumed":
        yield "silent", {"by": str(what["by"]), "since": moment(what["since"]), "until": moment(time)}


def _cut(what: Mapping[str, Any], time: int) -> Iterator[Told]:
    most, last = what.get("unwritten") or {}, what.get("last")
    yield (
        "cut",
        {
            "last": moment(last) if last else UNKNOWN,
            "ms": str(most.get("ms", UNKNOWN)),
            "records": str(most.get("records", UNKNOWN)),
            "segment": str(what["segment"]),
            "seq": str(what["seq"]),
            "time": moment(time),
        },
    )
    if what["torn"] or what["damaged"]:
        torn = what["torn"]["bytes"] if what["torn"] else 0
        yield "torn", {"bytes": number(torn), "lines": number(what["damaged"]), "segment": str(what["segment"])}
