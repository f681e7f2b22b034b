"""Windows: hourly commitments to how often each subject was recorded, so that an omission shows.

    tag     SHA-256(salt | subject)[:8]            who, for those who know the pseudonym
    digest  SHA-256(salt | subject | counts)[:16]  how often; counts = "writer=n" joined by "," in order of writers

A `window.close` record holds tag and digest of every subject among the records it covers: those of one UTC hour, over
all writers of the host, that no earlier close of that hour covered. It names the close before it, so that none can be
left out. Who knows a subject's pseudonym can check that all its records are there, or that it had none; about
everybody else the record tells nothing but their number.

    events  month's log -> {"from": leaf, "kinds": {"gap": 1, …}}

A close also commits to how many records of the log about itself there are, by kind: those of the leaves from the end of
the close before it up to its own end, in as many months' logs as these are. So none of them can be left out either.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

ENTRIES = 1_000  # subjects in one record
CROWDED = 10_000  # subjects of an hour after which it is closed for what there is so far: some 4 MB of memory
Counts = dict[str, int]  # writer -> records of one subject


@dataclass(slots=True)
class Window:
    """The records of one hour that no close covers yet. They may be added in any order."""

    hour: str
    subjects: dict[str, Counts] = field(default_factory=dict)
    writers: dict[str, tuple[int, int]] = field(default_factory=dict)  # first and last seq
    since: dict[str, int] = field(default_factory=dict)  # month's log -> the first leaf

    def add(self, writer: str, seq: int, subject: str, n: int) -> None:
        """Count a subject's record number `n` of this writer and hour."""
        counts = self.subjects.setdefault(subject, {})
        counts[writer] = max(n, counts.get(writer, 0))
        first, last = self.writers.get(writer, (seq, seq))
        self.writers[writer] = (min(first, seq), max(last, seq))

    def records(self, salt: str, place: Mapping[str, object]) -> Iterator[dict[str, object]]:
        """The fields of the `window.close` records, at least one; `place` is what else they all say."""
        entries = sorted(tag(salt, s) + digest(salt, s, counts) for s, counts in self.subjects.items())
        parts = max(-(-len(entries) // ENTRIES), 1)
        for part in range(parts):
            yield {
                **place,
                "part": part,
                "parts": parts,
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
