"""Forward-confirmed reverse DNS, off the request path: does this address belong to the robot's operator?

A request only looks a result up. What is not known is asked in the background, by few questions at a time for each
robot, so that whoever forges a name cannot make us flood name servers; until then it is not known. The name behind the
address (PTR) has to be one that the operator named, and that name has to lead back to the address: whoever owns an
address can give it any name, but only the operator can make the name lead back.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Literal

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename

from scrapeguard.errors import ConfigError
from scrapeguard.facts.address import parse_node
from scrapeguard.facts.under_way import UnderWay

State = Literal["verified", "refuted", "unknown"]
SECONDS: dict[State, int] = {"verified": 86_400, "refuted": 3600, "unknown": 300}  # how long a result is kept
MOST = 16_384  # results; the oldest is forgotten
AT_ONCE = 4  # questions under way for one robot
ALTOGETHER = 32
LIFETIME = 2.0  # seconds for one question, retries included
NAMES = 4  # of an address that are looked at
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")  # no escapes: a dot inside a label is not a dot


class Resolver:
    """Results by robot and address. `servers` are "192.0.2.53" or "192.0.2.53:5353"; none = those of the machine."""

    def __init__(self, servers: Sequence[str] = (), lifetime: float = LIFETIME) -> None:
        try:
            self._dns = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration as error:
            hint = 'Name servers with [crawlers] dns_servers = ["192.0.2.53"].'
            raise ConfigError("crawlers.dns: this machine names no DNS server.", hint) from error
        if servers:
            self._dns.nameservers = [_server(text) for text in servers]
        self._lifetime = lifetime
        self._known: OrderedDict[tuple[str, str], tuple[State, int]] = OrderedDict()
        self.under_way = UnderWay()

    def look(self, token: str, address: str, patterns: Sequence[str], now: int) -> State:
        """What is known at `now` (microseconds); asks in the background what is not. Needs a running event loop."""
        key = (token, address)
        known = self._known.get(key)
        if known is not None and known[1] > now:
            return known[0]
        asking = [robot for robot, _ in self.under_way]
        if key not in self.under_way and len(asking) < ALTOGETHER and asking.count(token) < AT_ONCE:
            self.under_way.begin(key, self._learn(key, patterns, now))
        return "unknown"

    async def check(self, address: str, patterns: Sequence[str]) -> State:
        """Ask now. What cannot be answered (time-outs, broken servers) is unknown, never refuted."""
        try:
            answer = await self._dns.resolve(dns.reversename.from_address(address), "PTR", lifetime=self._lifetime)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return "refuted"
        except (dns.exception.DNSException, OSError):
            return "unknown"
        names = [str(row.target).rstrip(".").lower() for row in list(answer)[:NAMES]]
        states = [await self._leads_back(name, address) for name in names if matches(name, patterns)]
        return "verified" if "verified" in states else "unknown" if "unknown" in states else "refuted"

    async def _learn(self, key: tuple[str, str], patterns: Sequence[str], now: int) -> None:
        state = await self.check(key[1], patterns)
        self._known[key] = (state, now + SECONDS[state] * 1_000_000)
        self._known.move_to_end(key)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    async def _leads_back(self, name: str, address: str) -> State:
        wanted = ip_address(address)
        kind = "A" if wanted.version == 4 else "AAAA"
        try:
            answer = await self._dns.resolve(f"{name}.", kind, lifetime=self._lifetime, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return "refuted"
        except (dns.exception.DNSException, OSError):
            return "unknown"
        return "verified" if any(ip_address(row.address) == wanted for row in answer) else "refuted"


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a host name, lower-case, is one of those: ".example.com", or "proxy-*.example.com" (one label)."""
    if len(name) > 253 or not NAME.fullmatch(name):
        return False
    for pattern in patterns:
        if pattern.startswith("."):
            if name.endswith(pattern):
                return True
        elif name.count(".") == pattern.count(".") and fnmatchcase(name, pattern):
            return True
    return False


def _server(text: str) -> dns.nameserver.Nameserver:
    node = parse_node(text)
    if node is None:
        hint = 'Write an address, with a port if it is not 53: "192.0.2.53:5353".'
        raise ConfigError(f"crawlers.dns_servers: {text!r} is no address.", hint)
    return dns.nameserver.Do53Nameserver(str(node[0]), node[1] or 53)
