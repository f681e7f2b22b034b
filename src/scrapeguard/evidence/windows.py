"""Windows: hourly commitments to how often each subject was recorded, so that an omission shows.

    tag     SHA-256(salt | subject)[:8]            who, for those who know the pseudonym
    digest  SHA-256(salt | subject | counts)[:16]  how often; counts = "writer=n" joined by "," in order of writers

A `window.close` record holds tag and digest of every subject of one UTC hour, over all writers of the host, and the
leaf index of the close before it. Who knows a subject's pseudonym can check that all its records of the hour are
there, or that it had none; about everybody else the record tells nothing but their number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

ENTRIES = 1_000  # subjects in one record
Counts = dict[str, int]  # writer -> records of one subject


@dataclass(slots=True)
class Window:
    """What was recorded in one hour."""

    hour: str
    subjects: dict[str, Counts] = field(default_factory=dict)
    writers: dict[str, tuple[int, int]] = field(default_factory=dict)  # first and last seq

    def add(self, writer: str, seq: int, subject: str, n: int) -> None:
        """Count a subject's record number `n` of this writer and hour."""
        self.subjects.setdefault(subject, {})[writer] = n
        self.writers[writer] = (self.writers.get(writer, (seq, seq))[0], seq)

    def records(self, salt: str, previous: int) -> Iterator[dict[str, object]]:
        """The fields of the `window.close` records for this hour, at least one."""
        entries = sorted(tag(salt, s) + digest(salt, s, counts) for s, counts in self.subjects.items())
        parts = max(-(-len(entries) // ENTRIES), 1)
        for part in range(parts):
            yield {
                "part": part,
                "parts": parts,
                "previous": previous,
                "salt": salt,
                "tags": entries[part * ENTRIES : (part + 1) * ENTRIES],
                "win": self.hour,
                "writers": {writer: list(span) for writer, span in sorted(self.writers.items())},
            }


def tag(salt: str, subject: str) -> str:
    return sha256(f"{salt}|{subject}".encode()).hexdigest()[:16]


def digest(salt: str, subject: str, counts: Mapping[str, int]) -> str:
    told = ",".join(f"{writer}={n}" for writer, n in sorted(counts.items()))
    return sha256(f"{salt}|{subject}|{told}".encode()).hexdigest()[:32]
