"""One incident, summed up: what one actor did, what was done about it, and how the actor came back."""

from collections import Counter
from dataclasses import dataclass, field

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.evasion import Evasion
from scrapeguard.evidence.heard import Heard
from scrapeguard.evidence.known import Known
from scrapeguard.evidence.links import Link
from scrapeguard.evidence.sums import Detected, Placed, Taken
from scrapeguard.evidence.who import Who
from scrapeguard.model import Resource, Rung

LISTED = 50  # agents, hosts, rules and measures told one by one; the rest are counted
CONTENT = (Resource.PAGE, Resource.DATA, Resource.FEED)


@dataclass(frozen=True, slots=True)
class Found:
    """An incident before it is summed up: whose, from when to when (microseconds)."""

    actor: str  # the subject of the request that opened it
    opening: tuple[int, str, int]  # the earliest odd request: its time, segment and seq
    digest: str  # SHA-256 of that request's line
    last: int  # the last odd request
    since: int = 0  # from here on the actor's requests belong to it: at most the look-back before `opened`
    linked: tuple[str, ...] = ()  # all subjects of the actor; () = it is the one
    links: tuple[Link, ...] = ()  # that touch it, also those that are not followed

    @property
    def id(self) -> str:
        """The first 12 hex digits of `digest`: it stays while the incident grows."""
        return self.digest[:12]

    @property
    def opened(self) -> int:
        return self.opening[0]

    def covers(self, time: int) -> bool:
        return self.since <= time <= self.last

    @property
    def subjects(self) -> tuple[str, ...]:
        return self.linked or (self.actor,)


@dataclass(slots=True)
class Incident:
    """The sums of one incident. `add` every request that belongs to it, in the order of time."""

    found: Found
    requests: int = 0
    odd: int = 0
    bytes: int = 0
    micros: int = 0  # of the site's work
    held: int = 0  # microseconds for which the tarpit held connections
    first: int = 0
    last: int = 0
    objects: Known = field(default_factory=Known)  # what was asked for
    taken: Taken = field(default_factory=Taken)
    after: Taken = field(default_factory=Taken)  # of it, after the first measure
    returned: int = 0  # requests after the first measure
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    detected: dict[str, Detected] = field(default_factory=dict)
    measures: list[Placed] = field(default_factory=list)
    who: dict[str, Who] = field(default_factory=dict)  # by subject
    evasion: Evasion = field(default_factory=Evasion)
    heard: Heard = field(default_factory=Heard)
    placed: int = 0
    robots_asked: int = 0
    robots_first: int | None = None
    forbidden: int = 0
    trapped: int = 0
    imported: int = 0
    _standing: dict[str, Placed] = field(default_factory=dict)  # subject -> the last measure against it

    def add(self, entry: Entry) -> None:
        self.requests += 1
        self.odd += entry.odd
        self.bytes += entry.bytes
        self.micros += entry.micros
        self.held += entry.held
        self.first = min(self.first or entry.time, entry.time)
        self.last = max(self.last, entry.time)
        self.objects.add(hash(entry.object))
        self.trapped += entry.trapped
        self.imported += entry.imported
        self._count("agents", entry.agent)
        self._count("addresses", entry.address)
        self._count("hosts", entry.host)
        self._count("fingerprints", entry.fingerprint)
        self._count("statuses", str(entry.status))
        self._count("resources", entry.resource)
        self._count("modes", entry.mode)
        self._count("imposed", entry.rung.label)
        self._count("intended", entry.intended.label)
        if entry.forbidden and entry.served:
            self.forbidden += 1
            self._count("rules", entry.forbidden)
        if entry.resource == Resource.NOTICE and entry.path == "/robots.txt":
            self.robots_asked += 1
            self.robots_first = min(entry.time, self.robots_first or entry.time)
        self.who.setdefault(entry.actor, Who(entry.actor)).add(entry)
        self.evasion.add(entry)
        self.heard.add(entry)
        self._signs(entry)
        self._sequel(entry)
        self._measure(entry)

    def _count(self, what: str, value: str) -> None:
        counter = self.counts.get(what)
        if counter is None:
            counter = self.counts[what] = Counter()
        if value in counter or len(counter) < 20 * LISTED:
            counter[value] += 1

    def _signs(self, entry: Entry) -> None:
        for sign in entry.signs:
            detected = self.detected.setdefault(sign.detector, Detected())
            detected.count += 1
            detected.observed += sign.mode != "enforce" or entry.mode != "enforce"
            if sign.seen >= detected.seen:
                detected.weight, detected.seen, detected.limit = sign.weight, sign.seen, sign.limit
                detected.reason = sign.reason

    def _sequel(self, entry: Entry) -> None:
        """What this request means after the measures before it, and what it took."""
        if self.measures:
            self.returned += 1
            if self.measures[-1].back is None:
                self.measures[-1].back = max(entry.time - self.measures[-1].time, 0)
        if entry.served and entry.resource in CONTENT:
            for taken in (self.taken, self.after) if self.measures else (self.taken,):
                taken.requests += 1
                taken.bytes += entry.bytes
                taken.objects.add(hash(entry.object))

    def _measure(self, entry: Entry) -> None:
        if entry.rung is Rung.ALLOW:
            return
        last = self._standing.get(entry.actor)
        if last is not None and (entry.cause == "standing" or entry.cause == last.cause == "deny-list"):
            last.refused += 1
            return
        self.placed += 1
        placed = Placed(entry.time, entry.rung, entry.cause, entry.seconds, entry.reference, entry.status, entry.actor)
        self._standing[entry.actor] = placed
        if len(self.measures) < 20 * LISTED:
            self.measures.append(placed)

    def most(self, what: str) -> dict[str, int]:
        """The most frequent agents, hosts, statuses, … with their numbers."""
        return dict(self.counts.get(what, Counter()).most_common(LISTED))

    @property
    def refused(self) -> int:
        """Requests that met a measure instead of content."""
        return sum(number for rung, number in self.most("imposed").items() if rung != Rung.ALLOW.label)

    @property
    def imposed(self) -> Rung:
        """The highest rung that was really imposed."""
        return max((rung for rung in Rung if rung.label in self.most("imposed")), default=Rung.ALLOW)

    @property
    def intended(self) -> Rung:
        """The highest rung that signals or standing asked for, observe mode included."""
        return max((rung for rung in Rung if rung.label in self.most("intended")), default=Rung.ALLOW)

    def told(self) -> dict[str, Json]:
        """The incident as JSON: integers and strings only; times are microseconds since 1970 UTC."""
        return {
            "actor": self.found.actor,
            "addresses": self.most("addresses"),
            "after_measure": {**_sums(self.after), "returned": self.returned},
            "agents": self.most("agents"),
            "bytes": self.bytes,
            "distinct": len(self.objects),
            "fingerprints": self.most("fingerprints"),
            "first": self.first,
            "forbidden": {"rules": self.most("rules"), "served": self.forbidden},
            "held_us": self.held,
            "hosts": self.most("hosts"),
            "id": self.found.id,
            "imported": self.imported,
            "imposed": self.most("imposed"),
            "intended": self.most("intended"),
            "last": self.last,
            "measures": [placed.told() for placed in self.measures[:LISTED]],
            "measures_total": self.placed,
            "micros": self.micros,
            "modes": self.most("modes"),
            "notices": self.heard.told(),
            "odd": self.odd,
            "opened": self.found.opened,
            "refused": self.refused,
            "requests": self.requests,
            "resources": self.most("resources"),
            "robots": {"asked": self.robots_asked, "first": self.robots_first},
            "rung": self.imposed.label,
            "rung_intended": self.intended.label,
            "signals": {name: detected.told() for name, detected in self.detected.items()},
            "span_seconds": (self.last - self.first) // 1_000_000,
            "statuses": self.most("statuses"),
            "taken": _sums(self.taken),
            "trapped": self.trapped,
            **self._linked(),
        }

    def _linked(self) -> dict[str, Json]:
        """What there is to tell of an actor with several subjects, and of how it got round measures."""
        return {
            "evasion": [step.told() for step in self.evasion.steps()],
            "evasion_counts": dict(self.evasion.counts),
            "links": [link.told(self.who) for link in self.found.links if not link.weak],
            "subjects": tuple(sorted(self.who)),
            "who": [who.told() for who in self.who.values()],
        }


def _sums(taken: Taken) -> dict[str, Json]:
    return {"bytes": taken.bytes, "objects": len(taken.objects), "requests": taken.requests}
