"""Tasks: what a challenge asks for; signed and given away, so that nothing is kept until one is answered.

    work   ALTCHA, version 2 (altcha.org): find the counter whose PBKDF2 key begins as told. The counter is chosen by
           us, so one calculation of ours stands against thousands, and one digest is enough to check the answer.
    wait   <issued>.<reference>.<whose>.<random>.<HMAC-SHA256>: bring it back some seconds later, with our cookie.

Both are for one host and agent and for a while; each is accepted once, by `Store.spend`.
"""

import base64
import binascii
import hmac
import json
import re
import secrets
from dataclasses import dataclass

from altcha import Challenge, Payload, create_challenge, solve_challenge, verify_solution

from scrapeguard.facts.passes import SKEW, ChallengeSettings, Key, Passes, whose
from scrapeguard.model import Facts, Grade

MOST_BYTES = 4096  # of an answer; a good one has about 1,000
LARGEST = 2**53
TOKEN = re.compile(r"((\d{1,11})\.([A-Z0-9-]{1,40})\.([0-9a-f]{16})\.[0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer is worth, before it is spent. `why` is "" for a good one, which `key` stands for."""

    grade: Grade
    why: str
    asked: str = ""  # the reference of the request that was challenged
    issued: int = 0  # seconds since 1970, UTC
    key: str = ""


class Tasks:
    """`begins` is the score at which a challenge begins; each point above it doubles the work, up to its most."""

    def __init__(self, passes: Passes, begins: int) -> None:
        self.settings: ChallengeSettings = passes.settings
        self._passes = passes
        self._begins = begins

    def most(self, score: int) -> int:
        """How many calculations are needed at most; half of them on average."""
        settings, doubled = self.settings, min(max(score - self._begins, 0), 20)
        return min(settings.calculations << doubled, settings.calculations_most)

    def work(self, facts: Facts, score: int) -> str:
        """A task of work, as JSON."""
        key, issued = self._passes.keys[0], facts.time // 1_000_000
        data = {"asked": facts.reference, "for": _whose(key, facts), "issued": issued}
        made = create_challenge(
            "PBKDF2/SHA-256",
            self.settings.cost,
            counter=secrets.randbelow(self.most(score)),
            data=data,
            hmac_secret=key.tests,
            hmac_key_secret=key.answers,
        )
        return json.dumps(made.to_dict())

    def wait(self, facts: Facts) -> str:
        """A task of waiting."""
        key = self._passes.keys[0]
        issued = facts.time // 1_000_000
        said = f"{issued}.{facts.reference}.{_whose(key, facts)}.{secrets.token_hex(16)}"
        return f"{said}.{_sealed(key, said)}"

    def worked(self, payload: str, facts: Facts) -> Answered:
        """What an answer to a task of work is worth. Never raises."""
        answer = _shaped(payload)
        if answer is None:
            return Answered("work", "malformed")
        data, signature = answer.challenge.parameters.data, answer.challenge.signature
        for key in self._passes.keys:
            result = verify_solution(answer, key.tests, hmac_key_secret=key.answers)
            if result.invalid_signature is False:
                assert data is not None, "it is signed, so it is ours"
                issued, asked, owner = data["issued"], data["asked"], data["for"]
                why = "" if result.verified else "wrong"
                why = self._late(issued, facts) or (why if owner == _whose(key, facts) else "foreign")
                return Answered("work", why, asked, issued, f"work:{signature}")
        return Answered("work", "forged")

    def waited(self, token: str, facts: Facts) -> Answered:
        """What an answer to a task of waiting is worth. Never raises."""
        match = TOKEN.fullmatch(token) if len(token) <= MOST_BYTES else None
        if match is None:
            return Answered("wait", "malformed")
        said, issued, asked, owner, seal = match[1], int(match[2]), match[3], match[4], match[5]
        for key in self._passes.keys:
            if hmac.compare_digest(_sealed(key, said), seal):
                why = self._late(issued, facts) or ("" if owner == _whose(key, facts) else "foreign")
                hasty = facts.time < (issued + self.settings.wait_seconds) * 1_000_000 - 500_000
                return Answered("wait", why or ("hasty" if hasty else ""), asked, issued, f"wait:{seal}")
        return Answered("wait", "forged")

    def _late(self, issued: int, facts: Facts) -> str:
        now = facts.time // 1_000_000
        if issued > now + SKEW:
            return "early"
        return "" if now < issued + self.settings.answer_seconds else "expired"


def solution(task: str, seconds: float) -> str:
    """The answer that a browser sends to a task of work; "" when it is not found within so many seconds."""
    made = Challenge.from_dict(json.loads(task))
    found = solve_challenge(made, timeout=seconds)
    return "" if found is None else Payload(made, found).to_base64()


def _whose(key: Key, facts: Facts) -> str:
    return whose(key, facts.host, facts.agent.raw if facts.agent is not None else "").hex()


def _sealed(key: Key, said: str) -> str:
    return hmac.digest(key.tests, b"wait." + said.encode(), "sha256").hex()


def _shaped(payload: str) -> Payload | None:
    """An answer of the shape that ours have; whether it is one of ours is not known yet."""
    if len(payload) > MOST_BYTES:
        return None
    try:
        told = json.loads(base64.b64decode(payload, validate=True))
        parameters, solution = told["challenge"]["parameters"], told["solution"]
        data = parameters["data"]
        if not (_plain(parameters, "data") and _plain(data) and _plain(solution, "time")):
            return None
        return Payload.from_dict({"challenge": told["challenge"], "solution": solution | {"time": None}})
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return None


def _plain(table: object, apart: str = "") -> bool:
    """Whether a JSON object has texts and small whole numbers only; `apart` from one member."""
    if not isinstance(table, dict):
        return False
    values = [value for name, value in table.items() if name != apart]
    return all(isinstance(value, str) or (type(value) is int and 0 <= value < LARGEST) for value in values)
