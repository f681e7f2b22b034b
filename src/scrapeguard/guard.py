"""One request, from top to bottom. Everything ScrapeGuard does to a request is in this file."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from scrapeguard import config as configuration
from scrapeguard import parts as building
from scrapeguard import selftest
from scrapeguard.errors import ScrapeGuardError, StoreUnavailable
from scrapeguard.evidence.duty import Duty
from scrapeguard.fleeting import fleeting
from scrapeguard.lifespan import lifespan
from scrapeguard.meter import Meter
from scrapeguard.model import Attempt, Doubt, Facts, Mode, Outcome, Resource, Rung, Store, Tally, Verdict
from scrapeguard.parts import Parts
from scrapeguard.policy import Lists, Policy
from scrapeguard.signals import Panel

log = logging.getLogger("scrapeguard")
Site = Callable[[Facts, Parts], ASGIApp]
NOTICE = Verdict(Rung.ALLOW, Rung.ALLOW, "notice")
GATE = Verdict(Rung.ALLOW, Rung.ALLOW, "challenge")


class Judge:
    """Facts in, verdict out. No HTTP, no clock: the middleware, the proxy, forward-auth and replay all use it."""

    def __init__(self, store: Store, panel: Panel, policy: Policy, lists: Lists, mode: Mode) -> None:
        self.store = store
        self.panel = panel
        self.policy = policy
        self.lists = lists
        self.mode = mode

    async def __call__(self, facts: Facts) -> Verdict:
        """The verdict on one request; a subject it puts on a higher rung stays there for the verdict's seconds."""
        if self.mode == "off":
            return Verdict(Rung.ALLOW, Rung.ALLOW, "off", mode="off")
        listed = self.lists.verdict(facts.client.address, self.mode)
        if listed is not None:
            return listed
        tally = await self.note(facts)
        signals, doubt = self.panel.detect(facts, tally), self.panel.doubt(facts, tally)
        if doubt is not None:  # a second look, at what is counted for all who look alike
            signals += (closer := self.panel.detect_closer(facts, tally, await self.note(facts, doubt)))
        signals = self.policy.welcome(signals, facts.identity)
        excuse = self.policy.excuse(facts, signals) if signals or tally.standing.rung else ""
        verdict = self.policy.decide(signals, tally, facts.time, self.mode, excuse)
        if doubt is not None and not tally.standing.held:
            await self.note(facts, doubt.decided(verdict.rung, closer))
        if verdict.rung is not Rung.ALLOW and verdict.cause == "signals":
            with suppress(StoreUnavailable):  # the verdict holds for this request; the store reports its own gap
                await self.store.place(f"address:{facts.client.key}", verdict.rung, verdict.seconds, facts.time)
        return verdict

    async def spend(self, key: str, seconds: int, now: int) -> bool:
        """See `Store.spend`; without a store nobody who solved a challenge is turned away."""
        try:
            return await self.store.spend(key, seconds, now)
        except StoreUnavailable:
            return True

    async def note(self, facts: Facts, more: Outcome | Doubt | None = None) -> Tally:
        """Count a request, or what became of it, without judging it; without a store, the tally sees nothing."""
        plan = self.panel.closer if isinstance(more, Doubt) else self.panel.plan
        try:
            return await self.store.observe(facts, plan, more)
        except StoreUnavailable:
            return Tally((None,) * len(plan.watches), degraded=True)


class ScrapeGuard:
    """ASGI middleware: judge each request, answer it or let it through, and keep the evidence.

    `config` is a path to a TOML file, tables, a Config, or None for the defaults. Raises ConfigError.
    `site` gives, in place of `app`, the app for one request: a door that wants to know what was decided about it.
    `holds`: whether the tarpit may hold connections; not those on which a proxy waits.
    """

    def __init__(
        self, app: ASGIApp, config: configuration.Source = None, site: Site | None = None, *, holds: bool = True
    ) -> None:
        self.app = app
        self._holds = holds
        self._site = site
        self._source = config
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = False
        self._duty: Duty | None = None
        self._selftest: selftest.Periodic | None = None
        self._use(building.build(configuration.load(config)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._started:  # with the first scope of any kind: not every server sends a lifespan
            self._started = True
            self._reload_on_hangup()
            self._duty = building.keep(self.parts)
            self._selftest = selftest.begin(self.parts, lambda: self.parts)
        if scope["type"] == "lifespan":
            await lifespan(self.app, self.close, scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        began = time.perf_counter_ns()
        decision = await self.decide(scope, receive)
        facts, parts = decision.facts, decision.parts
        if parts.decoys is not None:
            parts.decoys.offer(scope, facts)
        site = self.app if self._site is None else self._site(facts, parts)
        answer = decision.answer or parts.notices.through(facts, site)
        question = parts.notices.asking(facts, site, scope)
        if question is not None:
            self.later(question)
        tape = None if parts.capture is None else parts.capture.begin(facts, decision.verdict, scope, send)
        meter = Meter(send if tape is None else tape, parts.notices.headers if decision.answer is None else None)
        try:
            await answer(scope, receive, meter)
        finally:
            ended = meter.ended or time.perf_counter_ns()  # what the app does after the body is not the visitor's wait
            outcome = Outcome(meter.status, meter.bytes, (ended - began) // 1000, bool(meter.ended))
            self.conclude(decision, outcome, "" if tape is None else tape.told())

    async def decide(self, scope: Scope, receive: Receive) -> "Decision":
        """Read and judge one http or websocket request. Whoever answers it has to `conclude`.

        `receive` is read from only where the request is an answer to a challenge of ours.
        """
        parts, judge = self.parts, self.judge
        facts = parts.reader.read(scope, time.time_ns() // 1000)
        if parts.notices.covers(facts):  # told to everybody, blocked or not: a refusal would withdraw the notice
            self.later(judge.note(facts))
            return Decision(facts, NOTICE, parts.notices.answer(facts), parts, judge)
        verdict = await judge(facts)
        if facts.resource is Resource.NOTICE and verdict.rung <= Rung.CHALLENGE and self._ours(facts, scope):
            ours, attempt = await parts.responses.gate.answer(facts, scope, receive, judge.spend)
            return Decision(facts, GATE, ours, parts, judge, attempt)
        calm = verdict.rung is Rung.ALLOW and not facts.trapped
        answer = None if calm else parts.answer(verdict, facts, hold=self._holds)
        return Decision(facts, verdict, answer, parts, judge)

    def _ours(self, facts: Facts, scope: Scope) -> bool:
        """Whether the request belongs to a challenge."""
        return not facts.websocket and self.parts.passes.covers(facts.path, scope.get("root_path", ""))

    def conclude(self, decision: "Decision", outcome: Outcome, exchange: str = "") -> None:
        """Record the request with what was captured of it, and count what became of it."""
        facts, verdict, parts = decision.facts, decision.verdict, decision.parts
        if decision.attempt is not None:
            outcome = replace(outcome, attempt=decision.attempt)
        parts.evidence.request(facts, verdict, outcome, None, exchange, parts.notices.told(facts, verdict, outcome))
        if verdict.rung is Rung.ALLOW and decision.judge.panel.wants(facts, outcome):
            self.later(decision.judge.note(facts, outcome))

    def reload(self) -> None:
        """Read the configuration again and swap it in whole; a faulty one changes nothing. Raises ConfigError."""
        old = self.parts
        self._use(building.rebuild(configuration.load(self._source), old))
        old.responses.release()

    async def close(self) -> None:
        """Finish what is under way, close the evidence and the store."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._selftest is not None:
            await asyncio.to_thread(self._selftest.end)
        if self._duty is not None:
            await asyncio.to_thread(self._duty.end)
        self.parts.evidence.close()
        await self.parts.crawlers.close()
        await self.parts.store.close()

    def _use(self, parts: Parts) -> None:
        self.judge = Judge(parts.store, parts.panel, parts.policy, parts.lists, parts.mode)
        self.parts = parts

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Have something done for which no visitor waits; `close` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _reload_on_hangup(self) -> None:
        """Reload on SIGHUP, where nobody else has claimed that signal."""
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hangup)

    def _hangup(self) -> None:
        try:
            self.reload()
        except ScrapeGuardError as error:
            log.error("reload refused, the old configuration stays: %s", error)
        else:
            log.info("configuration reloaded, digest %s", self.parts.config.digest)


@fleeting
class Decision:
    """One request, judged: what is known of it, what follows, and who said so."""

    facts: Facts
    verdict: Verdict
    answer: ASGIApp | None  # instead of the site; None = the site answers
    parts: Parts
    judge: Judge
    attempt: Attempt | None = None  # what came of an answer to a challenge
