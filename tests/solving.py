"""The answer to a task of work, by the ALTCHA library's own solver."""

import json

from altcha import Challenge, Payload, solve_challenge


def solved(challenge: str) -> str:
    """The answer to a challenge, packed."""
    made = Challenge.from_dict(json.loads(challenge))
    solution = solve_challenge(made)
    assert solution is not None
    return Payload(made, solution).to_base64()
