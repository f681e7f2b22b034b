"""Contradictions in what is published: a court, or a robot, may take the reading that suits it."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from scrapeguard.facts.agent import catalogue
from scrapeguard.notices.declared import Declared, declared
from scrapeguard.notices.purposes import ALSO, USES, Purposes, tokens
from scrapeguard.notices.robots import Robots, parse
from scrapeguard.notices.rules import Rule, encoded
from scrapeguard.notices.settings import NoticeSettings

CLAIMS = re.compile(r"reserv|prohibit|forbid|forbidden|not permitted|consent|禁止|保留|未经", re.IGNORECASE)
SOON = timedelta(days=14)
YEAR = timedelta(days=366)
SHOWN = 4  # names in a sentence


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Where, what, and what to do."""

    place: str
    text: str
    hint: str


def lint_robots(place: str, data: bytes, settings: NoticeSettings, policy: Purposes) -> Iterator[Contradiction]:
    """What is wrong with a robots.txt, for a site with this policy."""
    robots, groups = parse(data), declared(data)
    yield from _policy(place, robots, policy)
    yield from _signals(place, groups, policy)
    yield from _singled_out(place, robots)
    yield from _unknown(place, groups)
    yield from _forgotten(place, robots, groups)
    yield from _prose(place, data, groups, settings)
    if settings.terms_url.startswith("/") and _forbids(robots, "*", settings.terms_url):
        yield Contradiction(
            place,
            f"It forbids robots to read the terms at {settings.terms_url}.",
            f"Add 'Allow: {settings.terms_url}'.",
        )


def lint_security(expires: datetime, now: datetime) -> Iterator[Contradiction]:
    """An end that is past, near, or further ahead than RFC 9116 2.5.5 recommends."""
    place, hint = "security.txt", "Set notices.security_expires to a day in less than a year."
    if expires <= now:
        yield Contradiction(place, f"It expired on {expires:%Y-%m-%d}: nobody may rely on it any more.", hint)
    elif expires - now < SOON:
        yield Contradiction(place, f"It expires in {(expires - now).days} days.", hint)
    elif expires - now > YEAR:
        yield Contradiction(place, f"It expires on {expires:%Y-%m-%d}, more than a year ahead.", hint)


def lint_tdm(place: str, data: bytes) -> Iterator[Contradiction]:
    """A tdmrep.json: a list, of which the first rule that matches decides."""
    try:
        rules = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield Contradiction(place, f"It is not JSON: {error}.", "Write a list of rules.")
        return
    if not isinstance(rules, list) or not all(isinstance(it, dict) for it in rules):
        yield Contradiction(place, "It is no list of rules.", "Put brackets around it, even around a single rule.")
        return
    before: list[tuple[int, Rule]] = []
    for number, rule in enumerate(rules, 1):
        location = rule.get("location")
        if not isinstance(location, str) or rule.get("tdm-reservation") not in (0, 1):
            yield Contradiction(
                f"{place}, rule {number}",
                "It has no location, or a tdm-reservation that is neither 0 nor 1.",
                "Mend it.",
            )
            continue
        for earlier, wider in before:
            if wider.matches(_sample(location)):
                yield Contradiction(
                    f"{place}, rule {number}",
                    f"{location} is never reached: rule {earlier} ({wider.pattern}) comes first and matches it.",
                    "Put the more specific rule first.",
                )
                break
        before.append((number, Rule(number, False, location, encoded(location.encode()))))


def _policy(place: str, robots: Robots, policy: Purposes) -> Iterator[Contradiction]:
    """What the file allows and the policy refuses, and the other way round."""
    refused = {token for name, stance in policy.stated().items() if stance == "refuse" for token in tokens(name)}
    for name, stance in policy.stated().items():
        if stance == "refuse":
            wrong = [token for token in tokens(name) if not _forbids(robots, token, "/")]
            text, hint = "may fetch everything, and the policy refuses {}.", "Give them a group with 'Disallow: /'"
        else:
            wrong = [token for token in tokens(name) if _forbids(robots, token, "/") and token not in refused]
            text, hint = "must not fetch /, and the policy allows {}.", "Let them in"
        if wrong:
            yield Contradiction(place, f"{_listed(wrong)} {text.format(name)}", f"{hint}, or change [notices.policy].")


def _signals(place: str, groups: list[Declared], policy: Purposes) -> Iterator[Contradiction]:
    """What a group declares, against its own rules, its other declarations and the policy."""
    said = policy.stated()
    for group in groups:
        seen: dict[str, str] = {}
        for line, name, stance in group.stances:
            at = f"{place}:{line}"
            if seen.setdefault(name, stance) != stance:
                yield Contradiction(
                    at, f"It says both yes and no to {name}.", "Let Content-Signal and Content-Usage agree."
                )
            elif stance == "allow" and group.closed():
                yield Contradiction(at, f"It allows {name}, and its group forbids every path.", "Say the same twice.")
            elif name in said and said[name] != stance:
                yield Contradiction(
                    at, f"It says {stance} to {name}, and the policy says {said[name]}.", "Let both say the same."
                )


def _singled_out(place: str, robots: Robots) -> Iterator[Contradiction]:
    """One operator treated unlike all others that come for the same purpose: unfair, until a reason is shown.

    The reason of Beijing Qihoo v. Baidu: a robots.txt may not shut out a single competitor without one.
    """
    several = {token for listed in ALSO.values() for token in listed}
    for use in USES.values():
        closed: dict[str, bool] = {}
        for it in catalogue().crawlers:
            if it.use == use and it.operator and it.token not in several:
                closed[it.operator] = closed.get(it.operator, False) or _forbids(robots, it.token, "/")
        for alone, what in ((True, "is shut out"), (False, "is let in")):
            odd = [operator for operator, shut in closed.items() if shut is alone]
            if len(odd) == 1 and len(closed) > 2:
                yield Contradiction(
                    place,
                    f"Of {len(closed)} known operators of robots for {use}, only {odd[0]} {what}.",
                    "Make the same rule for all who come for that purpose, or write down the reason.",
                )


def _unknown(place: str, groups: list[Declared]) -> Iterator[Contradiction]:
    """A single robot shut out by name that no list knows: a competitor's, perhaps."""
    known = {it.token.lower().partition(" ")[0] for it in catalogue().crawlers}
    known |= {token.lower() for listed in ALSO.values() for token in listed} | {"*"}
    shut = {min(group.tokens): group.line for group in groups if group.closed() and len(group.tokens) == 1}
    strange = sorted(set(shut) - known)
    if len(strange) == 1:
        yield Contradiction(
            f"{place}:{shut[strange[0]]}",
            f"{strange[0]} is shut out by name, and no other robot like it.",
            "Make the same rule for all who come for that purpose, or write down the reason.",
        )


def _forgotten(place: str, robots: Robots, groups: list[Declared]) -> Iterator[Contradiction]:
    """A robot with a group of its own does not read the group of everybody (RFC 9309 2.2.1)."""
    shared = [pattern for group in groups if "*" in group.tokens for pattern in group.disallowed]
    shared = [pattern for pattern in shared if pattern.startswith("/") and pattern not in ("/", "/*")]
    for group in groups:
        for token in sorted(group.tokens - {"*"})[:1]:
            open_to = [pattern for pattern in shared if not _forbids(robots, token, _sample(pattern), lightly=True)]
            if open_to:
                yield Contradiction(
                    f"{place}:{group.line}",
                    f"The group of {token} leaves open what everybody else is forbidden: {_listed(open_to)}.",
                    "Repeat the Disallow lines of '*' in it.",
                )


def _prose(place: str, data: bytes, groups: list[Declared], settings: NoticeSettings) -> Iterator[Contradiction]:
    """Words for lawyers that no robot can read."""
    comments = b"\n".join(line.partition(b"#")[2] for line in data.splitlines()).decode("utf-8", "replace")
    machine = any(group.stances or group.closed() for group in groups) or settings.headers or settings.publish
    if not machine and (settings.terms_url or CLAIMS.search(comments)):
        where = "Its comments reserve" if CLAIMS.search(comments) else f"The terms at {settings.terms_url} say"
        yield Contradiction(
            place,
            f"{where} what no line for robots does.",
            'Add a Content-Signal, or notices.publish = ["tdm"] and notices.headers = ["tdm", "usage"].',
        )


def _forbids(robots: Robots, token: str, path: str, *, lightly: bool = False) -> bool:
    """`lightly`: an Allow that names more than "/" is meant."""
    rule = robots.group(token).rule(encoded(path.encode()))
    return rule is not None and (not rule.allow or (lightly and rule.pattern not in ("/", "/*")))


def _sample(pattern: str) -> str:
    """A path that the pattern matches."""
    return encoded(pattern.removesuffix("$").replace("*", "x").encode())


def _listed(words: Iterable[str]) -> str:
    listed = list(words)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
