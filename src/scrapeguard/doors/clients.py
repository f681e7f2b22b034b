"""What a replay remembers of each client: a few numbers from its first request on, whether or not anything is odd."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scrapeguard.doors.distinct import Distinct
from scrapeguard.model import Facts, Outcome, Resource, Rung, Verdict

MOST = 100_000  # clients without a signal that are remembered at the same time; the longest unseen is forgotten
MOST_EXACT = 200_000  # clients, up to which their number is exact
IRREGULAR = 0.6  # spread of the pauses between pages, from which on they are a reader's rather than a program's
REST = 900_000_000  # microseconds; a longer pause between pages is the end of a visit
MOST_INCIDENTS = 100  # of a client; the last of them takes whatever comes later

Json = dict[str, object]


def iso(micros: int) -> str:
    """A time in ISO 8601, UTC."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest, tzinfo=None).isoformat() + "Z"


@dataclass(slots=True)
class Incident:
    """Requests of one client that asked for a measure, with all it did between the first and the last of them."""

    first: int
    last: int
    requests: int = 0
    odd: int = 0
    bytes: int = 0
    rung: Rung = Rung.ALLOW
    signals: dict[str, int] = field(default_factory=dict)

    def json(self, address: str) -> Json:
        return {
            "address": address,
            "first": iso(self.first),
            "last": iso(self.last),
            "requests": self.requests,
            "odd": self.odd,
            "bytes": self.bytes,
            "rung": self.rung.label,
            "signals": self.signals,
        }


@dataclass(slots=True)
class Pauses:
    """Time between the pages of one client, as running moments."""

    count: int = 0
    total: float = 0.0  # seconds
    squares: float = 0.0
    latest: int | None = None

    def note(self, now: int) -> None:
        """One more page."""
        if self.latest is not None and 0 < now - self.latest <= REST:
            seconds = (now - self.latest) / 1_000_000
            self.count += 1
            self.total += seconds
            self.squares += seconds * seconds
        self.latest = now

    @property
    def spread(self) -> float:
        """The standard deviation as a share of the mean; 0 when there are too few to tell."""
        if self.count < 4 or not self.total:
            return 0.0
        mean = self.total / self.count
        return math.sqrt(max(self.squares / self.count - mean * mean, 0.0)) / mean


@dataclass(slots=True)
class Track:
    """One client's numbers."""

    address: str
    first: int
    last: int
    agent: str | None = None  # of its first request; once something is odd, of the one that went highest
    kind: str | None = None
    latest: str | None = None  # the agent of its last request
    requests: int = 0
    pages: int = 0
    assets: int = 0
    referers: int = 0  # requests with a referer
    errors: int = 0
    bytes: int = 0
    objects: Distinct = field(default_factory=Distinct)
    agents: Distinct = field(default_factory=lambda: Distinct(64))
    rung: Rung = Rung.ALLOW
    signals: dict[str, int] = field(default_factory=dict)  # detector -> requests it was odd in
    reasons: dict[str, str] = field(default_factory=dict)  # detector -> what it said last
    first_measure_at: int | None = None  # which of its requests would have been the first not to reach the site
    refused: int = 0  # requests that would not have reached the site
    incidents: list[Incident] = field(default_factory=list)
    pauses: Pauses = field(default_factory=Pauses)
    between: tuple[int, int] = (0, 0)  # requests and bytes since the last one of an incident

    @property
    def flagged(self) -> bool:
        return bool(self.signals) or self.rung is not Rung.ALLOW

    @property
    def marks(self) -> list[str]:
        """What it has of a person: the assets of its pages, referers, pauses of different lengths."""
        found = []
        if self.kind in ("browser", "app") and 2 * self.assets >= self.pages > 0:
            found.append("assets")
        if 2 * self.referers >= self.requests:
            found.append("referers")
        if self.pauses.spread >= IRREGULAR:
            found.append("pauses")
        return found

    def note(self, facts: Facts, verdict: Verdict, outcome: Outcome, idle: int) -> None:
        """One more request; an incident ends when nothing asked for a measure for `idle` microseconds."""
        agent = facts.agent
        if agent is not None and agent.raw != self.latest:
            self.latest = agent.raw
            self.agents.add(agent.raw)
            if self.requests == 0:
                self.agent, self.kind = agent.raw, agent.kind
        if facts.client.address != self.address:
            self.address = facts.client.key  # several addresses of one IPv6 /64
        self.requests += 1
        self.first, self.last = min(self.first, facts.time), max(self.last, facts.time)
        if facts.resource is Resource.PAGE:
            self.pages += 1
            self.pauses.note(facts.time)
        self.assets += facts.resource is Resource.ASSET
        self.referers += bool(facts.referer)
        self.errors += outcome.status >= 400
        self.bytes += outcome.bytes
        self.objects.add(facts.object)
        if verdict.signals or verdict.rung is not Rung.ALLOW:
            self._odd(facts, verdict)
        if verdict.intended is not Rung.ALLOW:
            self._extend(facts.time, verdict, outcome, idle)
        elif self.incidents:
            requests, size = self.between
            self.between = (requests + 1, size + outcome.bytes)

    def _odd(self, facts: Facts, verdict: Verdict) -> None:
        agent = facts.agent
        if agent is not None and (verdict.rung > self.rung or not self.flagged):
            self.agent, self.kind = agent.raw, agent.kind
        for signal in verdict.signals:
            self.signals[signal.detector] = self.signals.get(signal.detector, 0) + 1
            self.reasons[signal.detector] = signal.reason
        self.rung = max(self.rung, verdict.rung)
        if verdict.rung is not Rung.ALLOW:
            self.refused += 1
            self.first_measure_at = self.first_measure_at or self.requests

    def _extend(self, now: int, verdict: Verdict, outcome: Outcome, idle: int) -> None:
        """Add a request that asks for a measure to the incident it belongs to, and what came since the last one."""
        current = self.incidents[-1] if self.incidents else None
        if current is None or (now - current.last > idle and len(self.incidents) < MOST_INCIDENTS):
            current = Incident(now, now)
            self.incidents.append(current)
            self.between = (0, 0)
        requests, size = self.between
        self.between = (0, 0)
        current.last = max(current.last, now)
        current.requests += requests + 1
        current.bytes += size + outcome.bytes
        current.odd += 1
        current.rung = max(current.rung, verdict.intended)
        for signal in verdict.signals:
            current.signals[signal.detector] = current.signals.get(signal.detector, 0) + 1

    def json(self) -> Json:
        return {
            "address": self.address,
            "agent": self.agent,
            "kind": self.kind,
            "rung": self.rung.label,
            "signals": self.signals,
            "reasons": self.reasons,
            "requests": self.requests,
            "distinct": len(self.objects),
            "bytes": self.bytes,
            "first": iso(self.first),
            "last": iso(self.last),
            "first_measure_at": self.first_measure_at,
            "refused": self.refused,
            "pages": self.pages,
            "assets": self.assets,
            "referers": self.referers,
            "errors": self.errors,
            "agents": len(self.agents),
        }


class Clients:
    """The tracks of all clients, in bounded memory: flagged ones stay, the others while there is room."""

    def __init__(self, idle: int, most: int = MOST) -> None:
        self.flagged: dict[str, Track] = {}
        self.forgotten = 0
        self.subjects = Distinct(MOST_EXACT)
        self._idle = idle
        self._most = most
        self._quiet: OrderedDict[str, Track] = OrderedDict()

    def note(self, facts: Facts, verdict: Verdict, outcome: Outcome) -> None:
        """One more request of its client."""
        key = facts.client.key
        track = self.flagged.get(key)
        if track is not None:
            track.note(facts, verdict, outcome, self._idle)
            return
        track = self._quiet.get(key)
        if track is None:
            track = self._quiet[key] = Track(facts.client.address, facts.time, facts.time)
            self.subjects.add(key)
        else:
            self._quiet.move_to_end(key)
        track.note(facts, verdict, outcome, self._idle)
        if track.flagged:
            self.flagged[key] = self._quiet.pop(key)
        elif len(self._quiet) > self._most:
            self._quiet.popitem(last=False)
            self.forgotten += 1

    def ranked(self) -> list[Track]:
        """The flagged clients, those that went highest and asked most first."""
        return sorted(self.flagged.values(), key=lambda track: (-track.rung, -track.requests, track.address))
