"""The gate: what is answered under the prefix of the challenge: its script, the answers to it, and the way back.

    GET  work.js          the script
    POST pass             to, and work or wait: 303 with the pass, or the challenge once more
    GET  pass?wait=&to=   the same, for browsers without script, which come back by themselves
    GET  back?to=         303 to where the visitor wanted to go, if the pass came along; else a word about cookies

Whoever comes back without the pass is told so, and not sent round again: nobody ends up in a loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from scrapeguard.facts.passes import SKEW, Passes
from scrapeguard.model import Attempt, Facts, Rung, Verdict
from scrapeguard.responses.challenge import Challenge
from scrapeguard.responses.cookies import Uncarried
from scrapeguard.responses.refusal import Fields, House
from scrapeguard.responses.way import back, local, root_of

log = logging.getLogger("scrapeguard.responses")

MOST_BYTES = 8192  # of a form; a good one has about 1,500
PATIENCE = 10.0  # seconds for it to arrive
VERDICT = Verdict(Rung.ALLOW, Rung.ALLOW, "challenge")
KEPT: Fields = [(b"cache-control", b"public, max-age=86400"), (b"x-content-type-options", b"nosniff")]

Spend = Callable[[str, int, int], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer without ado."""

    status: int
    fields: Fields
    body: bytes = b""

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        fields = [*self.fields, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


class Gate:
    """Answers what belongs to the challenge. `spend` is that of the store."""

    def __init__(self, house: House, passes: Passes) -> None:
        self._house = house
        self._passes = passes
        self._complained = False

    async def answer(
        self, facts: Facts, scope: Scope, receive: Receive, spend: Spend
    ) -> tuple[ASGIApp, Attempt | None]:
        """The answer to a request under the prefix, and what came of it if it was an answer to a challenge."""
        gate = root_of(scope) + self._passes.settings.prefix
        match facts.method, facts.path.rpartition("/")[2]:
            case "GET" | "HEAD", "work.js":
                return Plain(200, [*KEPT, (b"content-type", b"text/javascript")], self._house.script), None
            case "GET" | "HEAD", "back":
                return self._back(facts, self._local(_fields(facts.query.encode("latin-1", "replace")))), None
            case "GET", "pass":
                fields = _fields(facts.query.encode("latin-1", "replace"))
                return await self._judged(facts, {**fields, "work": ""}, gate, spend)
            case "POST", "pass":
                return await self._judged(facts, _fields(await _body(receive)), gate, spend)
            case _:
                return self._plain(404, b"There is nothing here.\n"), None

    async def _judged(
        self, facts: Facts, fields: dict[str, str], gate: str, spend: Spend
    ) -> tuple[ASGIApp, Attempt | None]:
        """An answer to a challenge, checked, and used up at the very last."""
        tasks, to = self._house.tasks, self._local(fields)
        work = fields.get("work", "")
        answered = tasks.worked(work, facts) if work else tasks.waited(fields.get("wait", ""), facts)
        why, grade, lasts = answered.why, answered.grade, self._passes.settings.answer_seconds + SKEW
        if not why and not await spend(answered.key, lasts, facts.time):
            why = "spent"
        took = max(facts.time // 1_000_000 - answered.issued, 0) if answered.issued else 0
        if why:
            twice = why == "spent" and facts.passed is not None  # a form sent twice, not a solution used twice
            once_more = self._plain(303, location=to) if twice else Challenge(self._house, VERDICT, facts, to, why)
            return once_more, Attempt(False, grade, why, answered.asked, took)
        agent = facts.agent.raw if facts.agent is not None else ""
        token, passed = self._passes.issue(grade, facts.host, agent, facts.time)
        cookie = f"{self._passes.cookie(facts.scheme)}={token}; Path=/; Max-Age={passed.expires - passed.issued}"
        cookie += "; HttpOnly; SameSite=Lax" + ("; Secure" if facts.scheme == "https" else "")
        given = self._plain(303, location=back(gate, to), cookie=cookie)
        return given, Attempt(True, grade, "", answered.asked, took, passed)

    def _back(self, facts: Facts, to: str) -> ASGIApp:
        if facts.passed is not None:
            return self._plain(303, location=to)
        if facts.fault == "forged" and not self._complained:
            self._complained = True
            log.error(
                "A pass came back that this process did not sign: is challenge.secret the same on all hosts? "
                "Without it, visitors are asked again and again."
            )
        return Uncarried(self._house, facts, to)

    def _local(self, fields: dict[str, str]) -> str:
        return local(fields.get("to", "/"), self._passes.settings.prefix)

    def _plain(self, status: int, body: bytes = b"", location: str = "", cookie: str = "") -> Plain:
        told = ((b"location", location), (b"set-cookie", cookie))
        fields = [(name, value.encode("ascii")) for name, value in told if value]
        return Plain(status, [*self._house.fields, *fields, (b"content-type", b"text/plain")], body)


async def _body(receive: Receive) -> bytes:
    """The body of a form; empty where it is too long, too slow, or breaks off."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return b""
                body += message.get("body", b"")
                if len(body) > MOST_BYTES:
                    return b""
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return b""


def _fields(text: bytes) -> dict[str, str]:
    """The fields of a form or a query, each with its first value; none of what cannot be read."""
    try:
        return {name: values[0] for name, values in parse_qs(text.decode("latin-1"), max_num_fields=8).items()}
    except ValueError:
        return {}
