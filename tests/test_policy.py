"""From signals and standing to a rung."""

from dataclasses import replace
from typing import Any

import pytest
from building import facts, signal

from scrapeguard.config import load
from scrapeguard.errors import ConfigError
from scrapeguard.model import (
    Excuse,
    Identity,
    Mode,
    Pass,
    Resource,
    Rung,
    Signal,
    Standing,
    Tally,
    Verdict,
)
from scrapeguard.policy import Policy

NOW = 1_790_000_000_000_000
SECOND = 1_000_000

FRESH = Standing()
LADDER = Policy(challenge=6)


def decide(*weights: int, standing: Standing = FRESH, mode: Mode = "enforce") -> Verdict:
    signals = [signal(weight=weight) for weight in weights]
    return LADDER.decide(signals, Tally((), standing), NOW, mode)


@pytest.mark.parametrize(
    ("weights", "rung"),
    [
        ((), "allow"),
        ((3,), "allow"),
        ((1, 2), "allow"),
        ((4,), "throttle"),
        ((5,), "throttle"),
        ((5, 2), "challenge"),
        ((4, 4), "block"),
    ],
)
def test_weights_add_up_to_a_rung(weights: tuple[int, ...], rung: str) -> None:
    assert decide(*weights).rung.label == rung


def test_an_observed_signal_imposes_nothing_and_says_what_it_would_have() -> None:
    observed = Signal("pace", 8, "", 1, 0, "observe")
    verdict = Policy().decide([observed], Tally(()), NOW, "enforce")
    assert (verdict.rung, verdict.intended, verdict.score) == (Rung.ALLOW, Rung.BLOCK, 0)


def test_an_observing_guard_imposes_nothing() -> None:
    verdict = decide(4, 4, mode="observe")
    assert (verdict.rung, verdict.intended) == (Rung.ALLOW, Rung.BLOCK)


def test_a_standing_holds_until_it_ends_and_no_longer() -> None:
    standing = Standing(Rung.THROTTLE, NOW + 1, 1)
    held = decide(standing=standing)
    assert (held.rung, held.cause, held.seconds) == (Rung.THROTTLE, "standing", 1)
    assert decide(standing=Standing(Rung.THROTTLE, NOW, 1)).rung is Rung.ALLOW


def test_a_standing_never_lowers_a_verdict() -> None:
    verdict = decide(4, 4, standing=Standing(Rung.THROTTLE, NOW + SECOND, 1))
    assert (verdict.rung, verdict.cause, verdict.seconds) == (Rung.BLOCK, "signals", 900)


def test_repetition_turns_a_throttle_into_a_block_where_more_than_one_thing_is_odd() -> None:
    assert decide(4, 1, standing=Standing(strikes=5)).rung is Rung.THROTTLE
    assert decide(4, 1, standing=Standing(strikes=6)).rung is Rung.BLOCK


def test_repetition_never_blocks_somebody_who_is_only_fast_or_only_reads_much() -> None:
    assert decide(4, standing=Standing(strikes=60)).rung is Rung.THROTTLE
    assert decide(3, standing=Standing(strikes=60)).rung is Rung.ALLOW


def test_thresholds_that_fall_are_refused() -> None:
    with pytest.raises(ConfigError, match="thresholds must rise"):
        load({"policy": {"throttle": 9, "block": 8}}).section("policy", Policy)


def passing(*named: tuple[str, int], standing: Standing = FRESH, excuse: Excuse = "pass") -> Verdict:
    signals = [Signal(detector, weight, "", 1, 0) for detector, weight in named]
    return LADDER.decide(signals, Tally((), standing), NOW, "enforce", excuse)


def test_with_a_pass_nobody_is_asked_again_and_the_score_goes_on() -> None:
    verdict = passing(("headers", 3), ("assets", 2), ("misses", 2))
    assert (verdict.rung, verdict.score, verdict.excuse) == (Rung.ALLOW, 7, "pass")
    challenged = Standing(Rung.CHALLENGE, NOW + SECOND, 1)
    assert passing(standing=challenged).rung is Rung.ALLOW
    assert passing(standing=challenged, excuse="").rung is Rung.CHALLENGE


def test_a_pass_answers_for_looks_and_not_for_what_is_taken() -> None:
    assert passing(("headers", 3), ("assets", 2)).rung is Rung.ALLOW
    assert passing(("breadth", 4), ("sequence", 2)).rung is Rung.THROTTLE
    assert passing(("pace", 4), ("headers", 3)).rung is Rung.THROTTLE
    assert passing(("robots", 4), ("assets", 2)).rung is Rung.THROTTLE


@pytest.mark.parametrize("excuse", ["pass", "resource", "crawler"])
def test_no_excuse_outranks_a_block(excuse: Excuse) -> None:
    assert passing(("headers", 5), ("assets", 3), excuse=excuse).rung is Rung.BLOCK
    banned = Standing(Rung.BLOCK, NOW + SECOND, 1)
    assert passing(standing=banned, excuse=excuse).rung is Rung.BLOCK
    assert passing(("headers", 5), standing=Standing(strikes=6), excuse=excuse).rung is Rung.BLOCK


def test_who_is_slowed_down_stays_so_with_a_pass_until_it_is_over() -> None:
    slowed = Standing(Rung.THROTTLE, NOW + SECOND, 1)
    assert passing(("headers", 3), ("assets", 3), standing=slowed).rung is Rung.THROTTLE


def test_an_excuse_is_told_only_where_it_made_a_difference() -> None:
    assert passing(("headers", 3)).excuse == ""
    assert passing(("pace", 4), ("breadth", 4)).excuse == ""


@pytest.mark.parametrize(
    ("asked", "excuse"),
    [
        ({}, ""),
        ({"method": "HEAD"}, ""),
        ({"resource": Resource.DATA}, ""),
        ({"method": "POST"}, "resource"),
        ({"method": "OPTIONS"}, "resource"),
        ({"resource": Resource.ASSET}, "resource"),
        ({"resource": Resource.FEED}, "resource"),
        ({"resource": Resource.NOTICE}, "resource"),
    ],
)
def test_only_what_a_person_can_answer_is_challenged(asked: dict[str, Any], excuse: Excuse) -> None:
    assert Policy().excuse(facts(**asked), ()) == excuse


def test_a_verified_crawler_is_never_challenged_and_one_that_users_drive_is() -> None:
    verified = replace(facts(), identity=Identity("verified", "dns", "Google", "Googlebot", "search"))
    assert Policy().excuse(verified, ()) == "crawler"
    assert passing(("robots", 4), ("trap", 2), excuse="crawler").rung is Rung.THROTTLE
    driven = replace(facts(), identity=Identity("verified", "dns", "OpenAI", "ChatGPT-User", "assistant"))
    assert Policy().excuse(driven, ()) == ""


def test_a_pass_that_is_carried_about_excuses_nothing() -> None:
    holder = replace(facts(), passed=Pass("00", "work", 0, 1))
    assert Policy().excuse(holder, ()) == "pass"
    assert Policy().excuse(holder, [Signal("passes", 0, "", 9, 8)]) == ""
    assert Policy().excuse(holder, [Signal("passes", 0, "", 9, 8, "observe")]) == "pass"
