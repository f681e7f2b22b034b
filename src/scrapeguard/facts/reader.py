"""From a request, or a line of an access log, to Facts: read once, never refusing, whatever it says."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from scrapeguard.errors import ConfigError
from scrapeguard.facts.agent import classify
from scrapeguard.facts.attest import attestations
from scrapeguard.facts.client import Clients, Family, Origin, Pairs
from scrapeguard.facts.fingerprint import digest
from scrapeguard.facts.logged import SCHEMES, LogEntry, from_log, named, wanted
from scrapeguard.facts.networks import Networks
from scrapeguard.facts.passes import NO_PASS, ChallengeSettings, Passes
from scrapeguard.facts.reference import References
from scrapeguard.facts.site import Sites
from scrapeguard.facts.target import object_of, resource_of
from scrapeguard.model import Agent, Client, Facts, Headers, Identity, Resource

MAX_PATH = 2048  # characters that traps are compared with
LONGEST_HOST = 300  # characters; what is longer is no host
COMMON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, slots=True)
class FactsSettings:
    """[facts]"""

    trusted_proxies: tuple[str, ...] = ()  # whose forwarding headers are believed
    trust_unix_socket: bool = False  # a peer without an address is a proxy of ours
    forwarded_header: Family = "x-forwarded-for"
    tls_fingerprint_header: str = ""  # in which a trusted proxy hands over JA4
    attestation_header: str = ""  # in which an edge proxy hands over address and JA4, signed: see attest.py
    attestation_secret: str = ""
    attestation_secret_before: str = ""  # still accepted, so that the secret can be changed without a gap
    attestation_seconds: int = 60
    session_cookies: tuple[str, ...] = ()  # whose value identifies a session
    credential_headers: tuple[str, ...] = ("authorization", "x-api-key")
    secret: str = ""  # keys the credential digests; "" = a new one with each start
    traps: tuple[str, ...] = ()  # paths no person sees a link to; "*" stands for anything


Sent = tuple[str, str | None, str, Headers]  # method, scheme, path with query
Identify = Callable[[Agent, Client, int, Sent | None], Identity | None]


class FactsReader:
    """`forbidden(host, agent, path with query)` answers the robots.txt rule that forbids it, or "" for none.

    `identify(agent, client, time, what was sent)` answers whether it is the robot that it names, and never waits.
    """

    def __init__(
        self,
        settings: FactsSettings,
        forbidden: Callable[[str | None, Agent, str], str],
        identify: Identify = lambda *_: None,
        passes: Passes | None = None,
    ) -> None:
        self._passes = passes or Passes(ChallengeSettings())
        self._gate = self._passes.settings.prefix
        proxies = Networks(settings.trusted_proxies, "facts.trusted_proxies")
        self._clients = Clients(proxies, settings.forwarded_header, settings.trust_unix_socket)
        self._forbidden = forbidden
        self._identify = identify
        self._references = References()
        self._sites = Sites()
        self._ja4 = settings.tls_fingerprint_header.lower()
        edge = (settings.attestation_header, settings.attestation_secret, settings.attestation_secret_before)
        self._attestations = attestations(*edge, settings.attestation_seconds)
        self._credentials = [name.lower().encode("latin-1", "replace") for name in settings.credential_headers]
        self._cookies = _any_of([re.escape(name) for name in settings.session_cookies])
        self._traps = _any_of([re.escape(path).replace(r"\*", ".*") for path in settings.traps])
        for path in settings.traps:
            if not path.startswith("/"):
                raise ConfigError(f"facts.traps: {path!r} does not begin with a slash.", 'Write it like "/trap/*".')
        self._key = (
            blake2b(settings.secret.encode(), digest_size=32).digest() if settings.secret else secrets.token_bytes(32)
        )
        self._from_log = lru_cache(8192)(from_log)
        self._host = lru_cache(1024)(named)
        classify(COMMON)  # reads the lists of crawlers and browsers now, not while the first visitor waits

    def read(self, scope: Mapping[str, Any], now: int) -> Facts:
        """The facts of an ASGI http or websocket scope at `now`, microseconds since 1970."""
        pairs = scope["headers"] if isinstance(scope["headers"], list) else list(scope["headers"])
        headers = Headers(pairs)
        raw = headers.raw
        origin, attested = self._origin(scope, headers, pairs, now)
        agent_raw = raw.get(b"user-agent")
        agent = classify(None if agent_raw is None else agent_raw.decode("latin-1"))
        path, query = _path(scope), scope.get("query_string", b"").decode("latin-1")
        whole = f"{path}?{query}" if query else path
        host = self._host(origin.host or raw.get(b"host", b""))
        resource = self._resource(path, scope, headers)
        scheme = SCHEMES.get(origin.scheme or scope.get("scheme", "http"))
        method = scope.get("method", "GET")
        passed, fault = self._passes.read(pairs, scheme, host, agent.raw, now) if b"cookie" in raw else NO_PASS
        return Facts(
            now,
            self._references.next(),
            method,
            scheme,
            host,
            path,
            query,
            resource,
            object_of(path, query),
            origin.client,
            agent,
            headers,
            raw.get(b"referer", b"").decode("latin-1"),
            digest(agent.raw, headers, attested),
            self._credential(raw),
            self._forbidden(host, agent, whole),
            self._trapped(path),
            self._sites.learn(host, origin.client.key, resource, path),
            scope["type"] == "websocket",
            self._identify(agent, origin.client, now, (method, scheme, whole, headers)),
            passed,
            fault,
        )

    def forwarded(self, scope: Mapping[str, Any]) -> bool:
        """Whether a scope comes from a proxy of ours that says who asks."""
        return self._clients.tells(scope.get("client"), scope["headers"])

    def read_log(self, entry: LogEntry) -> Facts:
        """The facts of a log line; what its format does not hold is None."""
        scheme, host, path, query, whole, resource, what = wanted(entry.target)
        scheme, host = scheme or entry.scheme, entry.host if host is None else host
        host = None if host is None else self._host(host[:LONGEST_HOST])
        client = self._from_log(entry.address, entry.port)
        agent = None if entry.agent is None else classify(entry.agent)
        headers, fingerprint = entry.headers, None
        if headers is not None:
            resource = resource_of(path, headers)
            fingerprint = digest(agent.raw if agent else "", headers)
        return Facts(
            entry.time,
            f"L{entry.line}",
            entry.method,
            SCHEMES.get(scheme) if scheme else None,
            host,
            path,
            query,
            resource,
            what,
            client,
            agent,
            headers,
            entry.referer,
            fingerprint,
            self._digest(entry.user.encode("utf-8", "surrogatepass")) if entry.user else None,
            None if agent is None else self._forbidden(host, agent, whole),
            self._trapped(path),
            self._sites.learn(host, client.key, resource, path),
            identity=None if agent is None else self._identify(agent, client, entry.time, None),
        )

    def _origin(self, scope: Mapping[str, Any], headers: Headers, pairs: Pairs, now: int) -> tuple[Origin, str]:
        """Who asks, and JA4 where it is attested."""
        origin = self._clients.read(scope.get("client"), headers.raw, pairs)
        attested = headers.get(self._ja4) or "" if self._ja4 and origin.trusted else ""
        if self._attestations is not None:
            told = self._attestations.read(headers.raw, scope.get("method", "GET"), now, origin)
            origin, attested = told or (origin, attested)
        return origin, attested

    def _resource(self, path: str, scope: Mapping[str, Any], headers: Headers) -> Resource:
        """What kind of thing is asked for; the pages of a challenge are ours, as notices are, and count as little."""
        if self._gate in path and self._passes.covers(path, scope.get("root_path", "")):
            return Resource.NOTICE
        return resource_of(path, headers)

    def _trapped(self, path: str) -> bool:
        return self._traps is not None and self._traps.fullmatch(path[:MAX_PATH]) is not None

    def _credential(self, raw: dict[bytes, bytes]) -> str | None:
        for header in self._credentials:
            if header in raw:
                return self._digest(raw[header])
        if self._cookies is None or b"cookie" not in raw:
            return None
        for cookie in raw[b"cookie"].decode("latin-1").split(";"):
            name, _, value = cookie.strip().partition("=")
            if value and self._cookies.fullmatch(name):
                return self._digest(f"{name}={value}".encode("latin-1"))
        return None

    def _digest(self, secret: bytes) -> str:
        return blake2b(secret, digest_size=16, key=self._key).hexdigest()


def _any_of(patterns: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(patterns), re.DOTALL) if patterns else None


def _path(scope: Mapping[str, Any]) -> str:
    """As sent, still percent-encoded, without query; where the server keeps only the decoded path, encoded again."""
    raw: bytes | None = scope.get("raw_path")
    if raw:
        return raw.partition(b"?")[0].decode("latin-1")
    return quote(scope.get("path", ""), safe="/!$&'()*+,;=:@-._~", errors="replace")
