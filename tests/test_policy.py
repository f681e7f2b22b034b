"""From signals and standing to a rung."""

import pytest
from building import signal

from scrapeguard.config import load
from scrapeguard.errors import ConfigError
from scrapeguard.model import Mode, Rung, Signal, Standing, Tally, Verdict
from scrapeguard.policy import Policy

NOW = 1_790_000_000_000_000
SECOND = 1_000_000


FRESH = Standing()


def decide(*weights: int, standing: Standing = FRESH, mode: Mode = "enforce") -> Verdict:
    signals = [signal(weight=weight) for weight in weights]
    return Policy().decide(signals, Tally((), standing), NOW, mode)


@pytest.mark.parametrize(
    ("weights", "rung"),
    [((), "allow"), ((3,), "allow"), ((1, 2), "allow"), ((4,), "throttle"), ((5, 2), "throttle"), ((4, 4), "block")],
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
