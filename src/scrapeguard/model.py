"""The nouns: what is known of a request, what is counted, what follows. Frozen data, and nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal, Protocol

from scrapeguard.fleeting import fleeting

Mode = Literal["off", "observe", "enforce"]
SubjectKind = Literal["address", "network", "fingerprint", "credential", "pass"]
WatchKind = Literal["count", "distinct", "gaps", "steps", "mark"]
Grade = Literal["work", "wait"]  # how a challenge was passed: by calculating, or by keeping a cookie and waiting
Fault = Literal["", "malformed", "forged", "expired", "early", "foreign"]  # why a pass that was shown is none
Excuse = Literal["", "pass", "resource", "crawler"]  # why a challenge is not asked
AgentKind = Literal["browser", "app", "reader", "preview", "monitor", "library", "crawler", "headless", "unknown"]


class Rung(IntEnum):
    """The ladder of answers, mildest first."""

    ALLOW = 0
    THROTTLE = 1
    CHALLENGE = 2
    TARPIT = 3
    BLOCK = 4

    @property
    def label(self) -> str:
        return self.name.lower()


class Resource(StrEnum):
    """What kind of thing a request asks for."""

    PAGE = "page"
    ASSET = "asset"  # images, styles, scripts, fonts, media: what a browser fetches by itself
    DATA = "data"  # an API answer or a data file
    FEED = "feed"
    NOTICE = "notice"  # robots.txt and its kin


class Headers:
    """Request headers in the order the door saw them; names lower-case; a repeated header keeps its last value."""

    __slots__ = ("raw",)

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self.raw = dict(pairs)

    def get(self, name: str) -> str | None:
        value = self.raw.get(name.encode("latin-1"))
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Client:
    """Who is on the other end of the connection, decided once."""

    address: str  # canonical text; IPv4-mapped IPv6 folded to IPv4; "" when the door cannot tell
    key: str  # the address, or the /64 of an IPv6 address
    network: str  # the /24 of an IPv4 address, the /48 of an IPv6 address
    port: int | None
    peer: str | None  # the socket's other end, as seen
    source: Literal[
        "peer", "x-forwarded-for", "forwarded", "attested", "untrusted-header", "malformed-header", "log", "unknown"
    ]


@dataclass(frozen=True, slots=True)
class Agent:
    """A user agent, classified."""

    raw: str  # as sent, cut to 1,024 characters; "" = the header was absent or empty
    kind: AgentKind
    name: str  # "Chrome", "Googlebot", "curl"; "" when unknown
    version: int | None  # major version
    system: str  # "Windows", "iOS", …; "" when unknown
    operator: str  # who runs a known crawler; "" otherwise
    token: str  # the product token to look up in robots.txt


@dataclass(frozen=True, slots=True)
class Identity:
    """Whether a request comes from the known robot that it names. Unknown is neither: it may turn out either way."""

    state: Literal["verified", "refuted", "unknown"]
    method: Literal["ranges", "dns", "signature", ""]  # what told; "" = nothing could
    operator: str
    token: str
    use: str  # what the robot is for, such as "search" or "training"


@dataclass(frozen=True, slots=True)
class Pass:
    """What whoever passed a challenge carries. It says no more than that; what it is used for is counted."""

    id: str  # 18 hex characters
    grade: Grade
    issued: int  # seconds since 1970, UTC, as is the next
    expires: int


@fleeting
class Facts:
    """What one request says about itself. `None` = this door cannot see it; empty = seen, and empty."""

    time: int  # microseconds since 1970, UTC
    reference: str  # the code a visitor can quote and the record carries
    method: str
    scheme: str | None  # the scheme the visitor used
    host: str | None  # lower-case, without port
    path: str  # as sent, still percent-encoded, without query
    query: str  # as sent, without "?"
    resource: Resource
    object: str  # what is asked for: path and query without tracking and cache-busting parameters
    client: Client
    agent: Agent | None
    headers: Headers | None
    referer: str | None
    fingerprint: str | None  # digest of agent and stable header names in order (and JA4 if attested)
    credential: str | None  # digest of a session cookie or API key
    forbidden: str | None  # the robots.txt rule that forbids this agent this path; "" = allowed
    trapped: bool  # the path is one that no person sees a link to
    has_assets: bool | None  # this site serves assets itself
    websocket: bool = False
    identity: Identity | None = None  # None = it does not say that it is a robot of a known operator
    passed: Pass | None = None  # a pass of ours, for this host and agent, in its time; never one that is doubted
    fault: Fault = ""  # why the pass that was shown, if one was, is none

    def subject(self, kind: SubjectKind) -> str | None:
        """The key under which the subject of this kind is counted, such as "address:192.0.2.7"."""
        if kind in ("address", "network"):
            value: str | None = self.client.key if kind == "address" else self.client.network
        elif kind == "pass":
            value = self.passed.id if self.passed is not None else None
        else:
            value = self.fingerprint if kind == "fingerprint" else self.credential
        return f"{kind}:{value}" if value else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an answer to a challenge."""

    solved: bool
    grade: Grade  # of the task that was answered
    why: str = ""  # it failed: a word
    asked: str = ""  # the reference of the request that was challenged
    took: int = 0  # seconds since then
    passed: Pass | None = None  # what was given for it


@fleeting
class Outcome:
    """What became of a request."""

    status: int  # 0 = no response was started
    bytes: int  # body bytes sent
    micros: int  # from the first byte of judging to the last byte of the body
    complete: bool  # the whole body was sent
    attempt: Attempt | None = None  # the request was an answer to a challenge


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a request is looked at twice: its address takes pages or data, and none of what browsers fetch with them."""

    bare: int  # different pages and data objects of the address in a day; 0 = what belongs to a page is not known here
    rung: Rung | None = None  # what was decided about this request; None = nothing yet
    said: tuple[str, ...] = ()  # the detectors that had something to say at the second look

    def decided(self, rung: Rung, signals: "tuple[Signal, ...]") -> "Doubt":
        """The same, now that it is known what became of the request."""
        return Doubt(self.bare, rung, tuple([signal.detector for signal in signals]))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a measure leaves with a subject, so that whoever goes on can be told to; all 0 and "" = nothing was left."""

    time: int = 0  # microseconds
    family: int = 0  # digest of the family of URLs it was in, 48 bits
    number: int = 0  # and the number there
    address: int = 0  # digest of the address that was measured, 48 bits
    reference: str = ""  # of the measure's record; at most 24 characters


Step = tuple[str, int]  # (family of URLs, number in it)
# count: int; distinct: the object; gaps: 1 or 0; steps: Step; mark: the Mark to leave; None = look only
Taken = int | str | Step | Mark | None


@dataclass(frozen=True, slots=True)
class Watch:
    """What to count for a subject.

    count     how many in the window; `take` gives how many this request adds
    distinct  how many different objects in the window; `take` gives the object
    gaps      the time between requests, as running moments; `take` gives 1 for a request that counts
    steps     walking through numbers; `take` gives (family, number)
    mark      the mark last left; `take` gives the next

    `take` gets the facts, and the outcome too when `after` is set: then the number is added once the response is
    known. When `closer` is set it gets the doubt instead: such a watch is counted and asked only for a request that
    is looked at twice, before it is decided about and once more after that. `None` from `take` (and 0 for a count or
    gap) adds nothing and still answers.
    Watches of equal name are one and the same, and share their state.
    """

    name: str
    kind: WatchKind
    window: int  # seconds
    take: Callable[..., Taken]
    subject: SubjectKind = "address"
    after: bool = False
    bits: int = 4096  # size of a distinct bitmap
    closer: bool = False
    reach: int = 0  # > 0: several walks of one family, none of which begins with a wider step: for a crowd's subject


@fleeting
class Gaps:
    """Time between the requests of a subject; pauses longer than the window are left out."""

    count: int
    mean: int  # milliseconds
    deviation: int  # standard deviation, milliseconds


@fleeting
class Steps:
    """The longest walk a subject is on now: `run` steps in one direction, the smallest of them `stride` wide."""

    run: int
    stride: int
    family: str
    wide: int = 0  # how wide the step of this request was; told with a `reach` only


Seen = int | Gaps | Steps | Mark | None  # the answer to one watch; None = the subject cannot be told


@dataclass(frozen=True, slots=True)
class Standing:
    """The rung a subject was put on, until when (microseconds), and how many times lately."""

    rung: Rung = Rung.ALLOW
    until: int = 0
    strikes: int = 0

    @property
    def held(self) -> bool:
        """Whether requests are refused and not counted; whoever is only asked a challenge is served now and then."""
        return self.rung is not Rung.ALLOW and self.rung is not Rung.CHALLENGE


@dataclass(frozen=True, slots=True)
class Plan:
    """The watches of all detectors, in order, each once."""

    watches: tuple[Watch, ...]
    held: bool = True  # while its address is held (`Standing.held`), a request is answered and not counted
    first: tuple[Callable[..., Taken] | None, ...] = field(
        init=False, repr=False, compare=False
    )  # before more is known

    def __post_init__(self) -> None:
        first = tuple(None if watch.after or watch.closer else watch.take for watch in self.watches)
        object.__setattr__(self, "first", first)

    def taken(self, facts: Facts, more: Outcome | Doubt | None = None) -> list[Taken]:
        """What this request adds to each watch; before more is known, those that want to know it only look."""
        if more is None:
            return [None if take is None else take(facts) for take in self.first]
        return [watch.take(facts, more) if watch.after or watch.closer else None for watch in self.watches]


@fleeting
class Tally:
    """What the store answers: one number or record for each watch of the plan, this request included."""

    seen: tuple[Seen, ...]
    standing: Standing = Standing()
    degraded: bool = False  # the shared store did not answer; the numbers are this process's own


@dataclass(frozen=True, slots=True)
class Signal:
    """One odd thing: which detector, how much it weighs, and a sentence with the number and the limit in it."""

    detector: str
    weight: int
    reason: str
    seen: int
    limit: int
    mode: Mode = "enforce"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with a request, what would be done in enforce mode, and why."""

    rung: Rung  # imposed
    intended: Rung  # what signals and standing ask for, observed detectors included
    cause: Literal["none", "signals", "standing", "deny-list", "allow-list", "notice", "challenge", "off"]
    signals: tuple[Signal, ...] = ()
    score: int = 0  # the weights of enforced signals
    seconds: int = 0  # how long the rung lasts from now on
    mode: Mode = "enforce"
    degraded: bool = False
    excuse: Excuse = ""  # why a challenge was asked for and is not imposed


class Detector(Protocol):
    """One odd thing to look for. A frozen dataclass; its fields are its settings."""

    @property
    def mode(self) -> Mode: ...

    def watches(self) -> tuple[Watch, ...]:
        """What to count; asked once."""

    def detect(self, facts: Facts, seen: tuple[Seen, ...]) -> Signal | None:
        """The signal, if any. `seen` answers `watches()` in order. Pure."""


class Store(Protocol):
    """Where counts and standings live, and what was used up. Three verbs, and `close`."""

    async def observe(self, facts: Facts, plan: Plan, more: Outcome | Doubt | None = None) -> Tally:
        """Count this request for its subjects and answer the plan. Atomic for each subject, one round trip.

        Of a plan that is `held`, a subject under a standing that has not expired is answered but not counted; but
        whoever is only asked a challenge is: some of his requests are served.
        Raises StoreUnavailable when no answer came within the budget.
        """

    async def place(self, subject: str, rung: Rung, seconds: int, now: int) -> Standing:
        """Put a subject on a rung until `now` (microseconds) + `seconds`; ALLOW lifts it and forgets its counts."""

    async def spend(self, key: str, seconds: int, now: int) -> bool:
        """Use up what can be used once: True for one caller in all, False for every other within `seconds`."""

    async def close(self) -> None: ...
