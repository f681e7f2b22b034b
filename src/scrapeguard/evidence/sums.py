"""What adds up in an incident: the measures taken, what each detector saw, the content handed over."""

from dataclasses import dataclass, field

from scrapeguard.evidence.canonical import Json
from scrapeguard.evidence.known import Known
from scrapeguard.model import Rung


@dataclass(slots=True)
class Placed:
    """A measure taken against the actor, and what came after it."""

    time: int
    rung: Rung
    cause: str
    seconds: int
    reference: str
    status: int
    subject: str = ""
    back: int | None = None  # microseconds until the actor's next request; None = none came
    refused: int = 0  # further requests refused while it stood

    def told(self) -> Json:
        return {
            "back_us": self.back,
            "cause": self.cause,
            "ref": self.reference,
            "refused": self.refused,
            "rung": self.rung.label,
            "seconds": self.seconds,
            "status": self.status,
            "subject": self.subject,
            "t": self.time,
        }


@dataclass(slots=True)
class Detected:
    """How often one detector spoke, and what was the most it saw."""

    count: int = 0
    observed: int = 0  # of these, only observed: they could not impose anything
    weight: int = 0
    seen: int = 0
    limit: int = 0
    reason: str = ""

    def told(self) -> Json:
        return {
            "count": self.count,
            "limit": self.limit,
            "observed": self.observed,
            "reason": self.reason,
            "seen": self.seen,
            "weight": self.weight,
        }


@dataclass(slots=True)
class Taken:
    """Content that was handed over: pages, data and feeds answered 2xx with nothing imposed."""

    requests: int = 0
    bytes: int = 0
    objects: Known = field(default_factory=Known)
