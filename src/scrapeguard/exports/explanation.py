"""Why a request was answered as it was, in sentences: what was seen, what it weighed, what would have changed it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scrapeguard.config import values
from scrapeguard.evidence.entry import Entry
from scrapeguard.evidence.incident import Found
from scrapeguard.exports.words import lasting, many, moment
from scrapeguard.model import Rung, Signal
from scrapeguard.policy import Change, Policy

SECOND = 1_000_000
STATES = {"verified": "which is true", "refuted": "which is not true", "unknown": "which could not be settled"}
METHODS = {"ranges": "by the addresses its operator publishes", "dns": "by DNS", "signature": "by its signature"}
CAUSES = {
    "deny-list": "The address is on the operator's deny list ([lists] deny).",
    "allow-list": "The address is on the operator's allow list ([lists] allow) and is never judged.",
    "notice": "It asked for a notice such as robots.txt, which everybody is told.",
    "off": "The guard was switched off.",
    "none": "Nothing was odd, and no earlier measure held.",
    "challenge": "It belonged to a challenge: its script, an answer to it, or the way back.",
}
EXCUSES = {
    "pass": "A challenge would have been asked; the visitor carried the pass of one.",
    "resource": "A challenge would have been asked for a page; for this nobody can answer one.",
    "crawler": "A challenge would have been asked; a verified crawler is slowed down instead.",
}
FAULTS = {
    "malformed": "it is no pass of ours",
    "forged": "its signature is not ours",
    "expired": "its time is over",
    "early": "it is from the future",
    "foreign": "it was given to another browser, or by another site",
}
TOLD = {
    403: "a refusal that said so",
    429: "a request to slow down that said for how long",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One request explained. `policy` is the one in force then; None when it was not kept."""

    found: Entry
    placed: Entry | None  # whose standing it met
    force: Mapping[str, Any]
    policy: Policy | None
    change: Change | None
    incident: Found | None  # that it belongs to

    @property
    def signals(self) -> list[Signal]:
        return signals(self.found if self.found.signs or self.placed is None else self.placed)


def explain(found: Entry, placed: Entry | None, force: Mapping[str, Any], incident: Found | None = None) -> Explanation:
    """Explain `found`; `placed` is the request that put its actor on the rung it stood on, if any."""
    table = force.get("policy")
    known = Policy.__dataclass_fields__
    numbers = {name: value for name, value in (table or {}).items() if name in known and type(value) is int}
    policy = Policy(**numbers) if table else None
    rules = policy or Policy()
    source = placed if found.cause == "standing" and placed is not None else found
    return Explanation(found, placed, force, policy, rules.nearest(signals(source)), incident)


def signals(found: Entry) -> list[Signal]:
    modes = {"observe": "observe", "off": "off"}
    return [
        Signal(s.detector, s.weight, s.reason, s.seen, s.limit, modes.get(s.mode, "enforce"))  # type: ignore[arg-type]
        for s in found.signs
    ]


def sentences(told: Explanation) -> list[str]:
    """The explanation for people, a line each."""
    found = told.found
    what = f"{found.method} {found.object or found.path} on {found.host or 'an unknown host'}"
    who = f"from {found.address or 'an address that is not kept'}, by {found.agent or 'an agent without a name'}"
    said = [f"{found.reference}: {what}, {moment(found.time)}, {who}."]
    said += _identity(found)
    said.append(_decision(found))
    said += _challenge(found)
    said += _standing(told)
    said += _weights(told)
    said += _change(told)
    said += _told(told)
    said += _actor(told)
    return said


def _actor(told: Explanation) -> list[str]:
    """Whom else it is laid to."""
    incident = told.incident
    others = others_of(told)
    if incident is None or not others:
        return []
    names = ", ".join(each.partition(":")[2] for each in others[:10]) + (", …" if len(others) > 10 else "")
    whom = many(len(others), "other address is", "other addresses are")
    why = f"`scrapeguard links list {incident.id}` says why, and how often that would be chance"
    return [f"{whom} taken for the same actor: {names}.", f"{why}; a link that is wrong can be rejected."]


def others_of(told: Explanation) -> list[str]:
    """The other subjects of the actor."""
    return [] if told.incident is None else [each for each in told.incident.subjects if each != told.found.actor]


def _identity(found: Entry) -> list[str]:
    known = json.loads(found.raw)["what"].get("identity")
    if not isinstance(known, dict):
        return []
    how = METHODS.get(str(known.get("method")), "")
    state = STATES.get(str(known.get("state")), "")
    return [f"It said that it was {known.get('token')} of {known.get('operator')}, {state}{f' {how}' if how else ''}."]


def _decision(found: Entry) -> str:
    if found.rung is not Rung.ALLOW:
        return f"Decided: {found.rung.label}, for {lasting(found.seconds * SECOND)} from then on."
    if found.intended is not Rung.ALLOW and found.imported:
        return f"Nothing was imposed, for this is from a log; the guard would have decided: {found.intended.label}."
    if found.intended is not Rung.ALLOW:
        why = "the guard only observed" if found.mode == "observe" else "some signals only observe"
        return f"Nothing was imposed, for {why}; otherwise it would have been: {found.intended.label}."
    return "Decided: allow."


def _challenge(found: Entry) -> list[str]:
    """What there was of a challenge: why it was not asked, what was wrong with a pass, what came of an answer."""
    what = json.loads(found.raw)["what"]
    said = [EXCUSES[excuse]] if (excuse := what["verdict"].get("excuse")) in EXCUSES else []
    fault = what.get("pass", {}).get("fault")
    if fault is not None:
        said.append(f"The pass that was shown did not count: {FAULTS.get(str(fault), 'it was doubted')}.")
    answer = what.get("challenge")
    if isinstance(answer, dict):
        became = "was accepted" if answer.get("solved") else f"was not accepted ({answer.get('why')})"
        after = f" {answer.get('took')} s later" if answer.get("asked") else ""
        said.append(f"The answer to the challenge of {answer.get('asked') or 'nobody knows whom'}{after} {became}.")
    return said


def _standing(told: Explanation) -> list[str]:
    found, placed = told.found, told.placed
    if found.cause in CAUSES:
        return [CAUSES[found.cause]]
    if found.cause != "standing":
        return []
    counted = "who is asked a challenge is counted on" if found.rung is Rung.CHALLENGE else "nothing more is counted"
    said = [f"It met a measure that was imposed earlier and still held; while it holds, {counted}."]
    if placed is None:
        return [*said, "The request that led to it is not in this log."]
    until = moment(placed.time + placed.seconds * SECOND)
    return [*said, f"It was imposed by the request {placed.reference} at {moment(placed.time)}, until {until}."]


def _weights(told: Explanation) -> list[str]:
    if not told.signals:
        return []
    said = []
    for signal in told.signals:
        counts = "" if signal.mode == "enforce" else ", not counted (observe)"
        said.append(f"  {signal.detector} weighs {signal.weight}{counts}: {signal.reason or _numbers(signal)}.")
    score = sum(signal.weight for signal in told.signals if signal.mode == "enforce")
    policy = told.policy or Policy()
    rungs = {"throttle": policy.throttle, "challenge": policy.challenge, "tarpit": policy.tarpit, "block": policy.block}
    limits = ", ".join(f"{name} from {at}" for name, at in rungs.items() if at)
    kept = "in force then" if told.policy else "by default; the one in force then was not kept"
    said.append(f"Together they weigh {score}; {limits} ({kept}).")
    source = told.found if told.found.signs else told.placed
    if source is not None and source.rung > policy.rung(score):
        said.append(f"It was put on a rung {policy.strikes} times or more within a day, which makes it a block.")
    return said


def _numbers(signal: Signal) -> str:
    return f"{signal.seen:,} where the limit is {signal.limit:,}"


def _change(told: Explanation) -> list[str]:
    change = told.change
    if change is None:
        return []
    parts = []
    for signal in change.without:
        over = signal.seen - signal.limit
        less = f"{over:,} fewer ({_numbers(signal)})" if signal.limit and over > 0 else "without that"
        parts.append(f"{signal.detector}: {less}")
    names = "; ".join(parts)
    return [f"The smallest change: {names}. Then the weight would be {change.score}, and the rung {change.rung.label}."]


def _told(told: Explanation) -> list[str]:
    found = told.found
    if found.rung is Rung.ALLOW:
        return [f"The site answered with {found.status} and {many(found.bytes, 'byte')}."]
    notices = told.force.get("notices")
    named = notices if isinstance(notices, dict) else {}
    extra = [f"whom to ask ({named['contact']})"] if named.get("contact") else []
    extra += [f"the terms ({named['terms_url']})"] if named.get("terms_url") else []
    what = TOLD.get(found.status, "an answer")
    return [f"The visitor was told with {found.status}: {what}, with {', '.join(['the reference', *extra])}."]


def fields(told: Explanation) -> dict[str, object]:
    """The explanation for programs."""
    found, change, policy = told.found, told.change, told.policy
    return {
        "reference": found.reference,
        "time": found.time,
        "address": found.address,
        "agent": found.agent,
        "object": found.object,
        "identity": json.loads(found.raw)["what"].get("identity"),
        "rung": found.rung.label,
        "intended": found.intended.label,
        "cause": found.cause,
        "seconds": found.seconds,
        "status": found.status,
        "placed_by": None if told.placed is None else told.placed.reference,
        "signals": [dict(values(signal)) for signal in told.signals],
        "thresholds": None if policy is None else {"throttle": policy.throttle, "block": policy.block},
        "nearest": None
        if change is None
        else {
            "without": [signal.detector for signal in change.without],
            "fewer": {signal.detector: signal.seen - signal.limit for signal in change.without},
            "score": change.score,
            "rung": change.rung.label,
        },
        "incident": None if told.incident is None else told.incident.id,
        "linked": others_of(told),
        "sentences": sentences(told),
    }
