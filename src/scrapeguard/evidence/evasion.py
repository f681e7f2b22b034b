"""Evasion as a sequence: told, stopped, came back; each step with its time and the record that shows it.

What a step says was observed, unless it has an error: then it is an inference, and would be wrong at most so often.

    told        notice     it was handed robots.txt, or another notice
                stopped    a measure was imposed; the answer said why, with a reference
                challenged the same, as a challenge
                solved     it solved a challenge, and was given a pass
    came back   again      the same address asked on, after the measure or while it held
                moved      another address, taken for the same actor by a link
                carried    a challenge was solved here, its pass used there
    disguise    impostor   it named a crawler that it is not
                forged     it named a browser that sends other headers
                agent      the same address named itself otherwise after a measure
    ways round  trap       it entered a trap after it had been told robots.txt
                cookieless it met challenge after challenge without ever keeping the cookie
                api        it asked for the data behind the pages, and for no page
                adapted    it behaved otherwise after the rules were changed
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scrapeguard.evidence.adapting import Adapting
from scrapeguard.evidence.canonical import Json, digest
from scrapeguard.evidence.chance import share_at_most
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.links import MILLION, Link
from scrapeguard.model import Resource, Rung

ROBOTS = ("robots.txt", "/robots.txt")  # the notice of ours, and the path of one that the site answers
LISTED = 50  # steps of one kind told one by one
MOST_SUBJECTS = 1_000
CHALLENGES = 3  # met without a cookie, until it is said that the cookie is dropped
CALLS = 20  # of data without a page
NAMES = {"impostor": "impostor", "headers": "forged", "api": "api"}  # detector -> step


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    time: int
    kind: str
    subject: str
    reference: str
    digest: str  # SHA-256 of the record's line
    since: str = ""  # the reference of an earlier record it is told against
    after: int | None = None  # microseconds after that
    ppm: int | None = None  # None = observed; else inferred, wrong at most so often in a million
    values: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Json]:
        return {
            "after_us": self.after,
            "digest": self.digest,
            "error_ppm": self.ppm,
            "inferred": self.ppm is not None,
            "kind": self.kind,
            "ref": self.reference,
            "since": self.since,
            "subject": self.subject,
            "t": self.time,
            "values": dict(self.values),
        }


@dataclass(slots=True)
class _One:
    """What is remembered of one subject."""

    notice: tuple[int, str] | None = None  # when it was handed robots.txt, and that record
    stop: Entry | None = None  # the last measure, until it came again
    agent: str = ""  # with the last measure
    challenges: int = 0
    said: set[str] = field(default_factory=set)  # kinds told once


@dataclass(slots=True)
class Evasion:
    """`add` every request of an incident in the order of time; `steps` is what there is to tell, in that order."""

    links: Iterable[Link] = ()
    adapting: Adapting = field(default_factory=Adapting)
    counts: Counter[str] = field(default_factory=Counter)  # kind -> steps, told or not
    pages: int = 0
    calls: int = 0
    _first_call: Step | None = None
    _steps: list[Step] = field(default_factory=list)
    _ones: dict[str, _One] = field(default_factory=dict)
    _linked: dict[tuple[str, int], Link] = field(default_factory=dict)
    _notice: tuple[int, str] | None = None  # of the actor

    def __post_init__(self) -> None:
        for link in sorted(self.links, key=lambda link: -link.error.ppm):  # of several, the surest stays
            if link.holds:
                self._linked[link.second.subject, link.second.time] = link

    def add(self, entry: Entry) -> None:
        self.adapting.add(entry)
        self.pages += entry.resource == Resource.PAGE
        if entry.resource == Resource.DATA:
            self.calls += 1
            self._first_call = self._first_call or _step(entry, "api")
        one = self._ones.get(entry.actor)
        if one is None:
            one = _One()
            if len(self._ones) < MOST_SUBJECTS:
                self._ones[entry.actor] = one
        self._back(entry, one)
        self._disguise(entry, one)
        self._told(entry, one)

    def _say(self, step: Step) -> None:
        self.counts[step.kind] += 1
        if self.counts[step.kind] <= LISTED:
            self._steps.append(step)

    def _once(self, one: _One, step: Step) -> None:
        if step.kind not in one.said:
            one.said.add(step.kind)
            self._say(step)

    def _told(self, entry: Entry, one: _One) -> None:
        """What it learns by this request."""
        if entry.resource == Resource.NOTICE and 200 <= entry.status < 300:
            name, version = entry.told or (entry.path, "")
            if name in ROBOTS:
                one.notice = one.notice or (entry.time, entry.reference)
                self._notice = self._notice or one.notice
            if name not in one.said and len(one.said) < LISTED:
                one.said.add(name)
                self._say(_step(entry, "notice", {"name": name[:100], "version": version[:16] or "?"}))
        if entry.solved:
            self._once(one, _step(entry, "solved"))
        if entry.rung is Rung.ALLOW:
            return
        if entry.cause != "standing" and not (entry.cause == "deny-list" and "deny" in one.said):
            one.said |= {"deny"} if entry.cause == "deny-list" else set()
            one.stop, one.agent = entry, entry.agent
            kind = "challenged" if entry.rung is Rung.CHALLENGE else "stopped"
            values = {"cause": entry.cause, "rung": entry.rung.label, "seconds": str(entry.seconds)}
            self._say(_step(entry, kind, {**values, "status": str(entry.status)}))
        if entry.rung is Rung.CHALLENGE:
            one.challenges += not (entry.passed or entry.fault)
            if one.challenges == CHALLENGES:
                self._once(one, _step(entry, "cookieless", {"count": str(CHALLENGES)}))

    def _back(self, entry: Entry, one: _One) -> None:
        """That it comes, after it was stopped as another or as the same."""
        link = self._linked.pop((entry.actor, entry.time), None)
        if link is not None:
            values = {"from": link.first.subject, "link": link.id, "reason": link.reason}
            kind = "carried" if link.reason == "pass" else "moved"
            step = Step(
                entry.time, kind, entry.actor, entry.reference, digest(entry.raw), link.first.reference, link.apart,
                link.error.ppm, values,
            )  # fmt: skip
            self._say(step)
        if one.stop is not None:
            held = entry.time <= one.stop.time + one.stop.seconds * MILLION
            self._say(_since(entry, "again", one.stop, {"held": "yes" if held else "no"}))
            one.stop = None
        if one.agent and entry.agent != one.agent:
            self._once(one, _step(entry, "agent", {"new": entry.agent[:300], "old": one.agent[:300]}))

    def _disguise(self, entry: Entry, one: _One) -> None:
        for sign in entry.signs:
            if sign.detector in NAMES:
                self._once(one, _step(entry, NAMES[sign.detector], {"reason": sign.reason}))
        notice = one.notice or self._notice
        if entry.trapped and notice is not None:
            step = _step(entry, "trap", {"path": entry.path[:300]})
            after = max(entry.time - notice[0], 0)
            self._once(one, Step(step.time, step.kind, step.subject, step.reference, step.digest, notice[1], after,
                                 None, step.values))  # fmt: skip

    def steps(self) -> list[Step]:
        """What there is to tell so far, in the order of time."""
        more = []
        if self.calls >= CALLS and not self.pages and "api" not in self.counts and self._first_call is not None:
            call = self._first_call
            more.append(Step(call.time, "api", call.subject, call.reference, call.digest,
                             values={"count": str(self.calls)}))  # fmt: skip
        by_itself, of = self.adapting.by_itself()
        for each in self.adapting.around:
            if each.how:
                values = {
                    "after_ms": str(each.after.spacing // 1000), "before_ms": str(each.before.spacing // 1000),
                    "by_itself": str(by_itself), "config": each.change.config[:16], "how": each.how, "of": str(of),
                    "record": each.change.digest,
                }  # fmt: skip
                ppm = round(share_at_most(by_itself, of) * MILLION)
                passed = each.when - each.change.time
                more.append(Step(each.when, "adapted", "", each.reference, each.digest, "", passed, ppm, values))
        return sorted([*self._steps, *more], key=lambda step: step.time)


def _step(entry: Entry, kind: str, values: Mapping[str, str] | None = None) -> Step:
    return Step(entry.time, kind, entry.actor, entry.reference, digest(entry.raw), values=values or {})


def _since(entry: Entry, kind: str, before: Entry, values: Mapping[str, str]) -> Step:
    after = max(entry.time - before.time, 0)
    return Step(
        entry.time, kind, entry.actor, entry.reference, digest(entry.raw), before.reference, after, None, values
    )
