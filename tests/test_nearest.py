"""The smallest change that would have changed a verdict, against a search through all of them."""

from dataclasses import replace
from itertools import combinations

from building import signal
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.model import Rung, Signal
from scrapeguard.policy import Policy

SIGNALS = st.lists(
    st.builds(
        signal,
        st.sampled_from(["pace", "breadth", "robots", "trap", "headers"]),
        st.integers(0, 8),
        st.integers(1, 500),
        st.integers(0, 400),
    ),
    max_size=7,
)


def test_one_signal_less_is_enough_and_the_one_nearest_to_its_limit_is_named() -> None:
    far, near = signal("breadth", 4, 480, 240), signal("pace", 4, 121, 120)
    change = Policy().nearest((far, near))
    assert change is not None
    assert (change.without, change.score, change.rung) == ((near,), 4, Rung.THROTTLE)


def test_what_was_allowed_or_only_observed_needs_no_change() -> None:
    assert Policy().nearest(()) is None
    assert Policy().nearest((signal("pace", 3),)) is None
    assert Policy().nearest((replace(signal("pace", 8), mode="observe"),)) is None


@given(SIGNALS)
def test_a_change_works_and_no_smaller_one_does(found: list[Signal]) -> None:
    policy = Policy()
    score = sum(one.weight for one in found)
    change = policy.nearest(found)
    if policy.rung(score) is Rung.ALLOW:
        assert change is None
        return
    assert change is not None
    left = score - sum(one.weight for one in change.without)
    assert (left, policy.rung(left)) == (change.score, change.rung)
    assert change.rung < policy.rung(score)
    for some in combinations(found, len(change.without) - 1):
        assert policy.rung(score - sum(one.weight for one in some)) == policy.rung(score)
