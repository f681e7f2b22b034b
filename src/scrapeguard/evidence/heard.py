"""What an actor was told: which notices, in which versions, when and how often; and what the refusals led to."""

from dataclasses import dataclass, field

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.entry import Entry
from scrapeguard.model import Rung

LISTED = 50  # versions told one by one


@dataclass(slots=True)
class Version:
    """One version of one notice, as it was told to this actor."""

    name: str
    digest: str  # the beginning of its SHA-256
    asked: bool  # True = the actor asked for it; False = refusals led to it
    first: int
    last: int = 0
    times: int = 0
    subjects: set[str] = field(default_factory=set)  # who was told, LISTED at most

    def told(self) -> Json:
        return {
            "asked": self.asked,
            "digest": self.digest,
            "first": self.first,
            "last": self.last,
            "name": self.name,
            "subjects": len(self.subjects),
            "times": self.times,
        }


@dataclass(slots=True)
class Heard:
    """`add` requests in the order of their time."""

    versions: dict[tuple[str, str, bool], Version] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        if entry.told is None:
            return
        key = (*entry.told, entry.rung is Rung.ALLOW)
        version = self.versions.get(key)
        if version is None:
            if len(self.versions) >= LISTED:
                return
            version = self.versions[key] = Version(*key, entry.time)
        version.times += 1
        version.first = min(version.first, entry.time)
        version.last = max(version.last, entry.time)
        if len(version.subjects) < LISTED:
            version.subjects.add(entry.actor)

    def asked(self) -> list[Version]:
        """What the actor asked for, by the time of the first answer."""
        return [version for version in self.versions.values() if version.asked]

    def told(self) -> Json:
        return [version.told() for version in self.versions.values()]
