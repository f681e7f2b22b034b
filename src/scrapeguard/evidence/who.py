"""Who: what is known of each subject of an incident, as it was recorded with its requests."""

from collections import Counter
from dataclasses import dataclass, field

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.entry import Entry

MOST = 20  # of each kind told one by one


@dataclass(slots=True)
class Who:
    """One subject. `add` its requests in the order of time."""

    subject: str
    requests: int = 0
    refused: int = 0
    first: int = 0
    last: int = 0
    first_port: int | None = None
    last_port: int | None = None
    ports: set[int] = field(default_factory=set)  # at most 65,536
    known: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        self.requests += 1
        self.refused += entry.rung > 0
        if self.requests == 1:
            self.first, self.first_port = entry.time, entry.port
        self.last, self.last_port = max(entry.time, self.last), entry.port
        if entry.port is not None:
            self.ports.add(entry.port)
        for name, value in (
            ("accounts", entry.credential),
            ("addresses", entry.address),
            ("agents", entry.agent),
            ("fingerprints", entry.fingerprint),
            ("networks", entry.network),
            ("peers", entry.peer if entry.peer != entry.address else ""),
            ("sources", entry.source),
        ):
            counter = self.known.setdefault(name, Counter())
            if value and (value in counter or len(counter) < MOST):
                counter[value] += 1

    def most(self, name: str) -> list[str]:
        """The values of a kind, the most frequent first."""
        return [value for value, _ in self.known.get(name, Counter()).most_common(MOST)]

    def told(self) -> dict[str, Json]:
        return {
            **{name: list(self.most(name)) for name in self.known},
            "first": self.first,
            "first_port": self.first_port,
            "last": self.last,
            "last_port": self.last_port,
            "ports": len(self.ports),
            "refused": self.refused,
            "requests": self.requests,
            "subject": self.subject,
        }
