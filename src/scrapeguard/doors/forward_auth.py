"""Forward-auth: a proxy asks before it passes a request on; nginx, Caddy, HAProxy, Traefik, Envoy and their kin.

    /check?mode=…   may this request pass? generic: 200 for yes, or the refusal that the visitor gets.
                    nginx: 200 or 403, as it understands nothing else; nginx-page: 200 or 401, and then it asks for
    /render         the refusal itself, as a page or as data, for what /check refused; nothing is counted again
    /envoy/…        as /check, for Envoy, which appends the visitor's path
    /healthz        200 while this server runs, for probes
    others          as if the guard stood there: notices are told, all else is 404 or refused; where it is known which
                    site this is for, its own robots.txt is told, as it is

Whoever is no trusted proxy, or leaves out what it has to say, gets 403: no mistake lets anybody through.
"""

import base64
import binascii
import json
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapeguard import config as configuration
from scrapeguard.config import Config
from scrapeguard.doors import notice_headers
from scrapeguard.doors.reports import UNSEEN, Reports
from scrapeguard.doors.visitor import CHECK, ENVOY, Mode, mode_of, original
from scrapeguard.errors import ConfigError, InputError
from scrapeguard.facts.reader import FactsSettings
from scrapeguard.guard import Decision, ScrapeGuard
from scrapeguard.meter import Meter
from scrapeguard.model import Facts, Outcome, Rung, Signal, Verdict
from scrapeguard.model import Mode as GuardMode
from scrapeguard.notices.robots import HOME
from scrapeguard.parts import Parts

log = logging.getLogger("scrapeguard.auth")

RENDER, HEALTH = "/render", "/healthz"
REFUSED_BY_NGINX: dict[Mode, int] = {"nginx": 403, "nginx-page": 401}
MOST_PACKED = 2000  # bytes of X-SG-Refusal: nginx has a page of memory for all headers of an answer, else it fails

Cause = Literal["signals", "standing", "deny-list"]
CAUSES: tuple[Cause, ...] = ("signals", "standing", "deny-list")

Pairs = list[tuple[bytes, bytes]]
Site = Callable[[Facts, Parts], ASGIApp]  # what passes one request on to the site


class ForwardAuth:
    """The decision service as an ASGI app. Raises ConfigError.

    With a bound datagram socket it hears reports there; `beside` is a folder for it and other workers that do so too.
    `site` is asked for its robots.txt, and for nothing else.
    """

    def __init__(
        self,
        config: configuration.Source = None,
        reporting: socket.socket | None = None,
        beside: Path | None = None,
        site: Site | None = None,
    ) -> None:
        self._site = site
        self.guard = ScrapeGuard(self._nothing, config, None if site is None else self._for, holds=False)
        self._reports = None if reporting is None else Reports(reporting, self.guard.conclude, beside)
        demand_proxies(self.guard.parts.config)
        self._complaints: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if scope["type"] == "http" and path == HEALTH:
            await _say(send, 200, "Well.")
        elif scope["type"] == "http" and (path in (CHECK, RENDER) or path == ENVOY or path.startswith(f"{ENVOY}/")):
            try:
                if not self.guard.parts.reader.forwarded(scope):
                    raise InputError(
                        "This peer is no trusted proxy, or does not say for whom it asks.",
                        "facts.trusted_proxies has to name it, and it has to send facts.forwarded_header.",
                    )
                await (self._render if path == RENDER else self._check)(scope, receive, send)
            except InputError as error:
                self._complain(str(error))
                await _say(send, 403, str(error))
        else:
            await self.guard(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter_ns()
        mode = mode_of(scope)
        visitor = original(scope, mode)
        decision = await self.guard.decide(visitor, receive)
        if decision.verdict.rung is Rung.ALLOW:
            if self._reports is None:
                self.guard.conclude(decision, UNSEEN)
            else:
                self._reports.wait(decision, began)
            self._wonder(decision, visitor)
            notices = notice_headers.told(decision.parts.notices.headers, mode == "generic")
            await _send(send, 200, [*_told(decision), *notices])
        else:
            assert decision.answer is not None, "what is not allowed has an answer"
            status = REFUSED_BY_NGINX.get(mode)
            tell = _Telling(send, decision) if status is None else _Shrinking(send, decision, status)
            meter = Meter(tell)
            await decision.answer(scope, receive, meter)
            outcome = Outcome(meter.status, meter.bytes, (time.perf_counter_ns() - began) // 1000, bool(meter.ended))
            self.guard.conclude(decision, outcome)

    async def _render(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page for a verdict that /check has given and the proxy has handed on."""
        parts = self.guard.parts
        given = dict(scope["headers"]).get(b"x-sg-refusal", b"")
        visitor = original(scope, "nginx")
        verdict, reference = _unpack(given, parts.mode)
        facts = replace(parts.reader.read(visitor, time.time_ns() // 1000), reference=reference)
        await parts.responses.answer(verdict, facts, hold=False)(scope, receive, send)

    def _for(self, facts: Facts, parts: Parts) -> ASGIApp:
        """What stands behind us: nothing but the site's robots.txt."""
        assert self._site is not None
        return self._site(facts, parts) if facts.path == HOME else self._nothing

    def _wonder(self, decision: Decision, visitor: Scope) -> None:
        """Have the site asked what it tells robots, once for each of a few hosts: the visitor may be one."""
        if self._site is not None:
            home = self._site(decision.facts, decision.parts)
            question = decision.parts.notices.asking(decision.facts, home, visitor)
            if question is not None:
                self.guard.later(question)

    async def _nothing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """In place of a site."""
        if scope["type"] == "lifespan":
            await receive()
            if self._reports is not None:
                self._reports.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            if self._reports is not None:
                self._reports.close()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            await _say(send, 404, "There is nothing here.")
        else:
            await send({"type": "websocket.close"})

    def _complain(self, sentence: str) -> None:
        """Tell the operator, once: every visitor would repeat it."""
        if sentence not in self._complaints and len(self._complaints) < 100:
            self._complaints.add(sentence)
            log.error("a question is refused: %s", sentence)


def demand_proxies(config: Config) -> None:
    """Raise ConfigError for an examined configuration under which nobody may ask."""
    settings = config.known()["facts"]
    assert isinstance(settings, FactsSettings)
    if not (settings.trusted_proxies or settings.trust_unix_socket):
        raise ConfigError(
            "facts.trusted_proxies is empty, so no proxy may ask.", 'Name yours, such as ["127.0.0.1", "::1"].'
        )


class _Telling:
    """A `send` that adds to a refusal what a proxy may want to know of it."""

    def __init__(self, send: Send, decision: Decision) -> None:
        self._send = send
        self._decision = decision

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_told(self._decision)]}
        await self._send(message)


class _Shrinking:
    """A `send` that makes of a refusal what nginx understands, with all that matters in headers."""

    def __init__(self, send: Send, decision: Decision, status: int) -> None:
        self._send = send
        self._decision = decision
        self._status = status

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            return
        fields = _told(self._decision)
        fields += [pair for pair in message["headers"] if pair[0] == b"retry-after"]
        fields += [(b"x-sg-status", b"%d" % message["status"]), (b"cache-control", b"no-store")]
        if self._status == 401:
            fields.append((b"x-sg-refusal", _pack(self._decision)))
        await _send(self._send, self._status, fields)


def _told(decision: Decision) -> Pairs:
    """What every answer to /check has, each time: some proxies pass a visitor's own header on where one is missing."""
    facts, verdict = decision.facts, decision.verdict
    fields = [
        (b"x-sg-verdict", verdict.rung.label.encode()),
        (b"x-sg-client", facts.client.address.encode("latin-1", "replace") or b"unknown"),
        (b"x-sg-score", b"%d" % verdict.score),
        (b"x-sg-request-id", facts.reference.encode()),
    ]
    if verdict.rung is not Rung.ALLOW:
        return [*fields, (b"x-sg-incident", facts.reference.encode())]
    return [*fields, (b"cache-control", b"no-store")]


def _pack(decision: Decision) -> bytes:
    """A verdict for /render, on its way through nginx; with as many reasons as there is room for."""
    verdict = decision.verdict
    reasons = [[it.detector, it.reason] for it in verdict.signals if it.mode == "enforce"]
    while True:
        what = [int(verdict.rung), verdict.cause, verdict.seconds, decision.facts.reference, reasons]
        packed = base64.urlsafe_b64encode(json.dumps(what).encode())
        if len(packed) <= MOST_PACKED or not reasons:
            return packed
        reasons.pop()


def _unpack(given: bytes, mode: GuardMode) -> tuple[Verdict, str]:
    """The verdict and its reference. Raises InputError."""
    try:
        rung, cause, seconds, reference, reasons = json.loads(base64.b64decode(given, b"-_", validate=True))
        signals = tuple(Signal(str(detector), 0, str(reason), 0, 0) for detector, reason in reasons)
        named, after = Rung(rung), int(seconds)
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise InputError("X-SG-Refusal does not hold what /check gave.", "Hand it on as it is.") from error
    why: Cause = next((known for known in CAUSES if known == cause), "signals")
    return Verdict(named, named, why, signals, seconds=after, mode=mode), str(reference)


async def _say(send: Send, status: int, sentence: str) -> None:
    fields = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await _send(send, status, fields, f"{sentence}\n")


async def _send(send: Send, status: int, fields: Pairs, text: str = "") -> None:
    body = text.encode()
    fields = [*fields, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
