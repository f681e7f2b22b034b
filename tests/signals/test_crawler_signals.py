"""Impostors and unwanted purposes are signalled; a verified crawler is welcome, but not without end."""

from dataclasses import replace
from typing import Literal

import pytest
from building import facts, signal

from scrapeguard.model import Agent, Facts, Identity, Rung, Tally
from scrapeguard.policy import Policy
from scrapeguard.signals import DETECTORS
from scrapeguard.signals.breadth import Breadth
from scrapeguard.signals.impostor import Impostor
from scrapeguard.signals.purpose import Purpose

State = Literal["verified", "refuted", "unknown"]


def named(state: State | None, use: str = "search") -> Facts:
    identity = None if state is None else Identity(state, "dns", "Google", "Googlebot", use)
    agent = Agent("Googlebot/2.1", "crawler", "Googlebot", 2, "", "Google", "Googlebot")
    return replace(facts(), identity=identity, agent=agent)


def test_only_a_refuted_claim_makes_an_impostor() -> None:
    assert [Impostor().detect(named(state), (50,)) for state in ("verified", "unknown", None)] == [None] * 3


def test_an_impostor_is_slowed_down_at_once_and_stopped_when_it_collects() -> None:
    first, later = Impostor().detect(named("refuted"), (1,)), Impostor().detect(named("refuted"), (13,))
    assert first is not None
    assert later is not None
    assert [Policy().rung(found.weight) for found in (first, later)] == [Rung.THROTTLE, Rung.BLOCK]
    assert later.reason == (
        "says that it is Googlebot of Google, and has no name of its operator; "
        "13 different pages or data objects in an hour; the limit is 12"
    )


def test_an_impostor_gets_the_limits_of_everybody() -> None:
    seen = (300, 130, 0, 0, 0)
    assert Breadth().detect(named("unknown"), seen) is None
    assert Breadth().detect(named("refuted"), seen) is not None


@pytest.mark.parametrize("state", ["verified", "unknown", "refuted"])
def test_a_purpose_is_refused_or_slowed_down_only_where_the_site_says_so(state: State) -> None:
    training = named(state, "training")
    assert Purpose().detect(training, (1000,)) is None
    assert Purpose(refuse=("seo",), throttle=("data",)).detect(training, (1000,)) is None
    refused = Purpose(refuse=("training",)).detect(training, (1,))
    assert refused is not None
    assert Policy().rung(refused.weight) is Rung.BLOCK
    slowed = Purpose(throttle=("training",))
    assert slowed.detect(training, (10,)) is None
    found = slowed.detect(training, (11,))
    assert found is not None
    assert (found.seen, found.limit) == (11, 10)


def test_nobody_is_asked_for_his_purpose_who_names_no_robot() -> None:
    assert Purpose(refuse=("training",)).detect(named(None), (1,)) is None


def test_what_a_verified_crawler_is_let_off_and_what_not() -> None:
    odd = tuple(signal(name, 4, 130, 120) for name in DETECTORS)
    verified = named("verified").identity
    kept = {found.detector for found in Policy().welcome(odd, verified)}
    assert kept == {"robots", "trap", "purpose"}
    for state in (None, "unknown", "refuted"):
        assert Policy().welcome(odd, named(state).identity) == odd


def test_a_verified_crawler_is_let_be_up_to_a_ceiling() -> None:
    verified = named("verified").identity
    assert Policy().welcome((signal("pace", 4, 1200, 120),), verified) == ()
    flood = (signal("pace", 4, 1201, 120),)
    assert Policy().welcome(flood, verified) == flood


@pytest.mark.parametrize("use", ["assistant", "preview", "feed", "monitor"])
def test_a_verified_robot_that_users_drive_is_judged_as_everybody(use: str) -> None:
    odd = (signal("sequence", 2, 30, 25),)
    assert Policy().welcome(odd, named("verified", use).identity) == odd


def test_a_standing_ban_outranks_a_verified_name() -> None:
    policy, now = Policy(), facts().time
    standing = replace(Tally(()).standing, rung=Rung.BLOCK, until=now + 1_000_000)
    verdict = policy.decide(policy.welcome((), named("verified").identity), Tally((), standing), now, "enforce")
    assert (verdict.rung, verdict.cause) == (Rung.BLOCK, "standing")
