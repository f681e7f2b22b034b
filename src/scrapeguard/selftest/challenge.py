"""The self-test of the challenge: it is asked, solved as browsers do, its pass is good, and the solution is good once.

Keys, cost of a calculation and way are those of the configuration; there are a few calculations instead of thousands.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from urllib.parse import urlencode

from scrapeguard.facts.passes import Passes
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.model import Attempt, Facts, Rung, Verdict
from scrapeguard.parts import Parts
from scrapeguard.responses import Responses, ResponseSettings
from scrapeguard.responses.gate import Spend
from scrapeguard.responses.tasks import solution
from scrapeguard.selftest.traffic import BROWSER, VISITOR, Pairs, Request

CALCULATIONS = 64  # at most; half of them on average
PATIENCE = 10.0  # seconds for all of them
PAGE = "/selftest/page"
TASK = re.compile(r' data-challenge="([^"]*)"')

Receive = Callable[[], Awaitable[dict[str, Any]]]
App = Callable[..., Awaitable[None]]  # ASGI


@dataclass(slots=True)
class Answer:
    """What an ASGI app sends."""

    status: int = 0
    fields: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    async def take(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.fields |= dict(message.get("headers", ()))
        self.body += message.get("body", b"")


class Trial:
    """One made-up visitor and the challenge of a configuration, at `now` (microseconds); solutions go to `spend`."""

    def __init__(self, parts: Parts, settings: FactsSettings, spend: Spend, now: int) -> None:
        asked = replace(parts.passes.settings, calculations=CALCULATIONS, calculations_most=CALCULATIONS)
        passes = Passes(asked, parts.passes.made)
        self._reader = FactsReader(settings, lambda *_: "", passes=passes)
        self._responses = Responses(ResponseSettings(), "", "", passes=passes, begins=parts.policy.challenge)
        self._spend = spend
        self._gate = asked.prefix + "pass"
        self._now = now
        self.requests = 0

    async def fault(self) -> str:
        """What did not go as it should; "" when all did."""
        asked = await self._asked()
        task = TASK.search(asked.body.decode("utf-8", "replace"))
        if asked.status != 403 or task is None:
            return f"the page of the challenge (status {asked.status}) holds no task"
        work = solution(unescape(task[1]), PATIENCE)
        if not work:
            return f"its task was not solved within {PATIENCE:.0f} seconds"
        given, attempt = await self._answered(work)
        if attempt is None or not attempt.solved or given.status != 303:
            why = "nobody looked at it" if attempt is None else attempt.why
            return f"a good solution was not accepted ({why})"
        cookie = given.fields.get(b"set-cookie", b"").partition(b";")[0]
        _, carried = self._sent(PAGE, ((b"cookie", cookie),))
        if carried.passed is None or carried.passed != attempt.passed:
            return "the pass that was given for it is not accepted"
        _, again = await self._answered(work)
        if again is None or again.solved or again.why != "spent":
            return "the same solution was accepted a second time"
        return ""

    async def _asked(self) -> Answer:
        """The challenge itself."""
        scope, facts = self._sent(PAGE)
        app = self._responses.answer(Verdict(Rung.CHALLENGE, Rung.CHALLENGE, "signals"), facts)
        return await _answer(app, scope, _receiving(b""))

    async def _answered(self, work: str) -> tuple[Answer, Attempt | None]:
        """The answer to a solution that is sent in, and what came of it."""
        scope, facts = self._sent(self._gate, method="POST")
        receive = _receiving(urlencode({"to": PAGE, "work": work}).encode())
        app, attempt = await self._responses.gate.answer(facts, scope, receive, self._spend)
        return await _answer(app, scope, receive), attempt

    def _sent(self, path: str, more: Pairs = (), method: str = "GET") -> tuple[dict[str, Any], Facts]:
        self.requests += 1
        scope = Request(0, path, (*BROWSER, *more), VISITOR, method=method).scope()
        return scope, self._reader.read(scope, self._now)


async def _answer(app: App, scope: dict[str, Any], receive: Receive) -> Answer:
    answer = Answer()
    await app(scope, receive, answer.take)
    return answer


def _receiving(body: bytes) -> Receive:
    """A request's body, as ASGI hands it over."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
