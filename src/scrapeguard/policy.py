"""What follows from signals and standing. Pure: the same input gives the same verdict, on any day and machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from scrapeguard.facts.networks import Networks
from scrapeguard.model import Excuse, Facts, Identity, Mode, Resource, Rung, Signal, Tally, Verdict

MANNERS = ("robots", "trap", "purpose")  # what a verified crawler answers for as everybody does
AMOUNTS = ("pace", "breadth", "coverage")  # and what it may do generously, but not without end
LOOKS = ("headers", "assets", "cadence")  # what a pass answers for: it vouches for a browser, not for what it takes
DRIVEN = ("assistant", "preview", "feed", "monitor")  # fetch what a user tells them to, and any user can

CALM = {  # nearly every request: nothing odd, no standing; made once, not each time
    (mode, degraded): Verdict(Rung.ALLOW, Rung.ALLOW, "none", mode=mode, degraded=degraded)
    for mode in get_args(Mode)
    for degraded in (False, True)
}


@dataclass(frozen=True, slots=True)
class Change:
    """What would have been without some of the signals: the fewest that matter, those nearest to their limits."""

    without: tuple[Signal, ...]
    score: int
    rung: Rung


@dataclass(frozen=True, slots=True)
class Policy:
    """The score at which each rung begins (0 = the rung is not used), and how long a subject stays on it."""

    throttle: int = 4
    challenge: int = 6
    tarpit: int = 0
    block: int = 8
    throttle_seconds: int = 30
    challenge_seconds: int = 900
    tarpit_seconds: int = 900
    block_seconds: int = 900
    strikes: int = (
        6  # put on a rung so often within a day: the next time it is a block, if the score is over `throttle`
    )

    crawler_ceiling: int = 10  # a verified crawler is let be up to so many times the limits of pace and breadth

    def __post_init__(self) -> None:
        rungs = {"throttle": self.throttle, "challenge": self.challenge, "tarpit": self.tarpit, "block": self.block}
        used = {name: score for name, score in rungs.items() if score}
        if list(used.values()) != sorted(used.values()):
            now = ", ".join(f"{name} {score}" for name, score in used.items())
            raise ValueError(f"thresholds must rise with the rungs, and these do not: {now}. 0 leaves a rung out.")

    def rung(self, score: int) -> Rung:
        """The highest rung whose threshold the score has reached."""
        for rung, threshold in (
            (Rung.BLOCK, self.block),
            (Rung.TARPIT, self.tarpit),
            (Rung.CHALLENGE, self.challenge),
            (Rung.THROTTLE, self.throttle),
        ):
            if threshold and score >= threshold:
                return rung
        return Rung.ALLOW

    def seconds(self, rung: Rung) -> int:
        """How long a subject stays on a rung it is put on now."""
        return (0, self.throttle_seconds, self.challenge_seconds, self.tarpit_seconds, self.block_seconds)[rung]

    def nearest(self, signals: Sequence[Signal]) -> Change | None:
        """The smallest change that gives a milder rung; None when these signals ask for none.

        The fewest signals; among as many, those that were over their limits by the least share.
        Some detectors have a milder signal within the limit of this one: then a little more would have been needed.
        """
        counted = [signal for signal in signals if signal.mode == "enforce"]
        score = sum(signal.weight for signal in counted)
        rung = self.rung(score)
        if rung is Rung.ALLOW:
            return None
        for size in range(1, len(counted) + 1):
            found = [
                Change(some, left, self.rung(left))
                for some in combinations(counted, size)
                if self.rung(left := score - sum(signal.weight for signal in some)) < rung
            ]
            if found:
                return min(found, key=lambda change: (sum(map(excess, change.without)), change.score))
        return None

    def welcome(self, signals: tuple[Signal, ...], identity: Identity | None) -> tuple[Signal, ...]:
        """The signals that count. A verified crawler moves like a machine, and has too much of a name to be odd.

        Not so one that users drive: through it, anybody can come from its operator's addresses.
        """
        if not signals or identity is None or identity.state != "verified" or identity.use in DRIVEN:
            return signals
        return tuple(
            signal
            for signal in signals
            if signal.detector in MANNERS
            or (signal.detector in AMOUNTS and signal.seen > signal.limit * self.crawler_ceiling)
        )

    def excuse(self, facts: Facts, signals: Sequence[Signal]) -> Excuse:
        """Why this request is not asked a challenge; "" = it can be.

        A pass that is carried about, or used up, excuses nothing: a `passes` signal says so. What no person can answer
        is let through and counted: pictures, feeds, whatever has a body that would be lost. Nor does a crawler answer.
        """
        if facts.passed is not None and not any(it.detector == "passes" and it.mode == "enforce" for it in signals):
            return "pass"
        if facts.identity is not None and facts.identity.state == "verified" and facts.identity.use not in DRIVEN:
            return "crawler"
        answerable = facts.method in ("GET", "HEAD") and facts.resource in (Resource.PAGE, Resource.DATA)
        return "" if answerable and not facts.websocket else "resource"

    def excused(self, rung: Rung, excuse: Excuse, signals: Sequence[Signal]) -> Rung:
        """What takes the place of a challenge where there is an excuse, and of the tarpit for a crawler.

        With a pass, looks are forgiven, below a challenge too; who takes too much is slowed down as without one.
        """
        if excuse == "crawler" and rung in (Rung.CHALLENGE, Rung.TARPIT):
            return Rung.THROTTLE  # it answers no question, understands a 429, and is not held
        if not excuse or rung > Rung.CHALLENGE:
            return rung
        if excuse == "pass":
            rest = sum(signal.weight for signal in signals if signal.mode == "enforce" and signal.detector not in LOOKS)
            return Rung.THROTTLE if 0 < self.throttle <= rest else Rung.ALLOW
        return Rung.ALLOW if rung is Rung.CHALLENGE else rung

    def decide(self, signals: Sequence[Signal], tally: Tally, now: int, mode: Mode, excuse: Excuse = "") -> Verdict:
        """The verdict on one request at `now` (microseconds).

        Only enforced signals can impose; `intended` says what observed ones would have added. A standing
        that has not expired holds until it does, and is never lowered by a request without signals. Repetition
        turns a milder rung into a block, but not where the score just reaches the first threshold: somebody who
        is only fast, or only reads much, is slowed down as often as need be, and no more.
        """
        standing = tally.standing
        if not signals and standing.until <= now:
            return CALM[mode, tally.degraded]
        score = sum(signal.weight for signal in signals if signal.mode == "enforce")
        rung = self.rung(score)
        intended = self.rung(sum(signal.weight for signal in signals))
        if score > self.throttle and standing.strikes >= self.strikes > 0:
            rung = Rung.BLOCK
        stands = standing.rung if standing.until > now else Rung.ALLOW
        without = max(rung, stands)
        if excuse:
            rung, intended = self.excused(rung, excuse, signals), self.excused(intended, excuse, signals)
            if stands is Rung.CHALLENGE:
                stands = Rung.ALLOW
            elif stands is Rung.TARPIT and excuse == "crawler":
                stands = Rung.THROTTLE
        excuse = excuse if max(rung, stands) < without else ""
        held = stands >= rung and stands is not Rung.ALLOW
        if held:
            rung = stands
        seconds = -(-(standing.until - now) // 1_000_000) if held else self.seconds(rung)
        cause: Literal["none", "signals", "standing"] = "standing" if held else "signals" if signals else "none"
        imposed = rung if mode == "enforce" else Rung.ALLOW
        intended = max(rung, intended)
        return Verdict(imposed, intended, cause, tuple(signals), score, seconds, mode, tally.degraded, excuse)


def excess(signal: Signal) -> float:
    """By what share of its limit a signal was over it; what has no limit cannot be under it."""
    return (signal.seen - signal.limit) / signal.limit if signal.limit else float("inf")


class Lists:
    """The operator's own word on addresses: denied before anything else, allowed before anything else but that."""

    def __init__(self, deny: Networks, allow: Networks) -> None:
        self.deny = deny
        self.allow = allow
        self._anybody = bool(deny or allow)

    def verdict(self, address: str, mode: Mode) -> Verdict | None:
        """The verdict on an address that is on a list; None for every other."""
        if not self._anybody:
            return None
        if address in self.deny:
            return Verdict(Rung.BLOCK if mode == "enforce" else Rung.ALLOW, Rung.BLOCK, "deny-list", mode=mode)
        if address in self.allow:
            return Verdict(Rung.ALLOW, Rung.ALLOW, "allow-list", mode=mode)
        return None
