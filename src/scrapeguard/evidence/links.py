"""Links: why two subjects are taken for one actor, on which two records that rests, and how often it would be chance.

    walk       the second began, within seconds of a refusal of the first, at the page where the first was refused
    return     the second came for the first time within seconds of a refusal of the first, and looks the same
    account    both used the same session or key
    pass       a challenge was solved by the first, and its pass used by the second
    network    both did something odd in one network and look the same, as nobody else there does
    rotation   both were named by the detector for clients that change their address, and look the same
    continued  the detector for walks that go on elsewhere named the refusal that the second went on from

Looking the same is having one fingerprint (agent, names and order of headers), or one agent where no headers were seen.
"""

from collections.abc import Container
from dataclasses import dataclass, replace

from scrapeguard.config import values
from scrapeguard.evidence.canonical import Json, digest
from scrapeguard.evidence.entry import Entry

REASONS = ("walk", "return", "account", "pass", "network", "rotation", "continued")
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Ref:
    """A record as a link names it."""

    time: int
    subject: str  # "address:192.0.2.7"
    reference: str
    digest: str  # SHA-256 of the record's line
    odd: bool = False  # a measure, or signals that asked for one

    def told(self, known: Container[str]) -> dict[str, Json]:
        """Not who it was, unless that is `known` already."""
        subject = self.subject if self.subject in known else ""
        return {"digest": self.digest, "ref": self.reference, "subject": subject, "t": self.time}


@dataclass(frozen=True, slots=True)
class Error:
    """How often such a link would join strangers, by this log, in a million; chance.py says how that is counted.

    `single` is the chance that strangers give this one link; `ppm` the share of wrong ones to be expected among all
    links of this kind in the log that are as sure, as there were so many `trials`.
    `shared` of `of` strangers have what the link rests on. For links in time, `arrivals` of strangers who look the same
    fell into the `seconds` around it. `beside`: strangers who look the same in the network that both are in.
    """

    ppm: int = MILLION
    single: int = MILLION
    trials: int = 1
    shared: int = 0
    of: int = 0
    arrivals: int | None = None
    seconds: int = 0
    beside: int = 0

    def told(self) -> dict[str, Json]:
        return dict(values(self))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Rejection:
    """The operator's word that a link is wrong, as recorded."""

    link: str
    time: int
    who: str
    why: str

    def told(self) -> dict[str, Json]:
        return {"t": self.time, "who": self.who, "why": self.why}


@dataclass(frozen=True, slots=True)
class Link:
    """Two subjects and what joins them."""

    reason: str
    first: Ref
    second: Ref
    looks: str  # what both look like; "" when they do not, or it is not known
    feature: str  # what the chance is counted of: looks, credential, or where the walk stood ("shop.example/item/#@41")
    network: str = ""  # that both are in; "" when they are not in one
    error: Error = Error()
    weak: bool = False  # it would join strangers too often: told, and not followed
    rejection: Rejection | None = None

    @property
    def id(self) -> str:
        """12 hex digits, the same in every reading of the log."""
        return digest(f"{self.reason}|{self.first.digest}|{self.second.digest}".encode())[:12]

    @property
    def holds(self) -> bool:
        return not self.weak and self.rejection is None

    @property
    def apart(self) -> int:
        """Microseconds from the first record to the second."""
        return self.second.time - self.first.time

    def judged(self, error: Error, limit: int, rejection: Rejection | None) -> "Link":
        """With its error; weak above `limit` in a million."""
        return replace(self, error=error, weak=error.ppm > limit, rejection=rejection)

    def told(self, known: Container[str]) -> dict[str, Json]:
        """As JSON; of a link that is not followed, a stranger's end is not named."""
        return {
            "apart_us": self.apart,
            "error": self.error.told(),
            "first": self.first.told(known),
            "id": self.id,
            "joined": self.holds,
            "reason": self.reason,
            "rejected": None if self.rejection is None else self.rejection.told(),
            "second": self.second.told(known),
        }


def ref(entry: Entry) -> Ref:
    return Ref(entry.time, entry.actor, entry.reference, digest(entry.raw), entry.odd)


def looks(entry: Entry) -> str:
    """What a client looks like; "" when that is not known."""
    if entry.fingerprint:
        return entry.fingerprint
    return f"agent:{digest(entry.agent.encode('utf-8', 'surrogatepass'))[:16]}" if entry.agent else ""
