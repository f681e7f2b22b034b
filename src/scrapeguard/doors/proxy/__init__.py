"""The sidecar: a reverse proxy in front of any site, with the guard in between."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from scrapeguard import config as configuration
from scrapeguard.config import Config
from scrapeguard.doors.drain import Drain
from scrapeguard.doors.proxy import failure, health
from scrapeguard.doors.proxy.exchange import Exchange
from scrapeguard.doors.proxy.fleet import Fleet
from scrapeguard.doors.proxy.lookout import Lookout
from scrapeguard.doors.proxy.message import Malformed, outgoing
from scrapeguard.doors.proxy.websocket import Tunnel
from scrapeguard.errors import ConfigError, UpstreamError
from scrapeguard.facts.reader import FactsSettings
from scrapeguard.guard import ScrapeGuard
from scrapeguard.model import Facts
from scrapeguard.parts import Parts
from scrapeguard.sidecar import ProxySettings

log = logging.getLogger("scrapeguard.proxy")
UNNOTICED = 0.1  # seconds an answer may take before anybody looks whether the visitor is still there


def served(
    config: configuration.Source, upstreams: tuple[str, ...] = (), stop: Callable[[], None] | None = None
) -> ASGIApp:
    """The guard with the upstreams behind it: those given, or those of the configuration. Raises ConfigError.

    `stop` makes the server take no new connections, where it can; see Drain.
    """
    sidecar = Sidecar(upstreams)
    guard = ScrapeGuard(sidecar.lifespan, config, sidecar)
    sidecar.use(guard.parts)
    return Drain(guard, lambda: sidecar.fleet().settings.drain_seconds, stop)


def ready(config: Config, upstreams: tuple[str, ...]) -> ProxySettings:
    """The settings that would be used, if they can be. Raises ConfigError."""
    settings = _settings(config, upstreams)
    Fleet(settings, config.folder)
    return settings


class Sidecar:
    """Passes allowed requests on. The settings are those of the guard's parts, and change with them."""

    def __init__(self, upstreams: tuple[str, ...] = ()) -> None:
        self._given = upstreams
        self._parts: Parts | None = None
        self._fleet: Fleet | None = None
        self._strip: frozenset[bytes] = frozenset()  # what an edge tells us in headers of its own
        self._dates = Dates()
        self._lookout = Lookout(UNNOTICED)

    def __call__(self, facts: Facts, parts: Parts) -> ASGIApp:
        """The app that passes this request on."""
        if parts is not self._parts:
            self._follow(parts)
        return partial(self._forward, facts, parts)

    def use(self, parts: Parts) -> None:
        """Take over the settings of these parts; what is under way goes on as it began. Raises ConfigError."""
        facts = parts.config.known()["facts"]
        assert isinstance(facts, FactsSettings)
        told = (facts.attestation_header, facts.tls_fingerprint_header)
        self._strip = frozenset(name.lower().encode("latin-1", "replace") for name in filter(None, told))
        self._fleet = Fleet(_settings(parts.config, self._given), parts.config.folder, self._fleet)
        self._parts = parts

    def fleet(self) -> Fleet:
        assert self._fleet is not None, "use() comes first"
        return self._fleet

    async def lifespan(self, _: Scope, receive: Receive, send: Send) -> None:
        """While the server runs, look after the upstreams' health."""
        await receive()
        watch = asyncio.create_task(health.watch(self.fleet))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        self.fleet().close()
        await send({"type": "lifespan.shutdown.complete"})

    def _follow(self, parts: Parts) -> None:
        """After a reload."""
        try:
            self.use(parts)
        except ConfigError as error:
            self._parts = parts
            log.error("the upstreams stay as they were: %s", error)

    async def _forward(self, facts: Facts, parts: Parts, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            tunnel = Tunnel(scope, receive, send, self.fleet(), self._strip)
            try:
                await tunnel.run(facts)
            except UpstreamError as error:
                _record(facts, parts, error)
                await tunnel.refuse(error.status)
            except Malformed as error:
                await tunnel.refuse(error.status)
            return
        try:
            request = outgoing(scope, facts, self._strip)
        except Malformed as error:
            await failure.answer(send, facts, scope["method"], error.status, str(error))
            return
        exchange = Exchange(request, self.fleet(), scope, receive, send, self._dates.now, self._lookout)
        try:
            await exchange.run()
        except UpstreamError as error:
            _record(facts, parts, error)
            if not exchange.started:
                await failure.answer(send, facts, scope["method"], error.status)


def _settings(config: Config, upstreams: tuple[str, ...]) -> ProxySettings:
    settings = config.known()["proxy"]
    assert isinstance(settings, ProxySettings)
    try:
        return replace(settings, upstreams=upstreams) if upstreams else settings
    except ValueError as error:
        raise ConfigError(f"--upstream: {error}") from error


class Dates:
    """The time as HTTP writes it, made once a second."""

    def __init__(self) -> None:
        self._second, self._text = 0, b""

    def now(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True).encode()
        return self._text


def _record(facts: Facts, parts: Parts, error: UpstreamError) -> None:
    """Put on record that the upstream failed a visitor, and tell the operator."""
    log.warning("%s: the upstream %s %s", facts.reference, error.upstream, error.message)
    parts.evidence.event(
        "upstream.failed",
        {
            "kind": error.kind,
            "phase": error.phase,
            "ref": facts.reference,
            "status": error.status,
            "upstream": error.upstream,
        },
    )
