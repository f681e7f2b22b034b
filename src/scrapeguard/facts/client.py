"""Who is on the other end, decided once: the socket's peer, or what proxies we trust say about it.

One family of headers is read, X-Forwarded-For or Forwarded (RFC 7239), never both, and only when the peer is trusted.
Each proxy appends the address it was called from, so the list is read from the right: as long as the address is one of
ours, its neighbour on the left is believed too. The first address that is not ours is the client; what stands left of
it was written by the client himself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scrapeguard.facts import address as addresses
from scrapeguard.facts.networks import Networks
from scrapeguard.model import Client

Family = Literal["x-forwarded-for", "forwarded"]
Pairs = Sequence[tuple[bytes, bytes]]

MAX_BYTES, MAX_ELEMENTS = 4096, 32  # what is read of a header, from its right end
REMEMBERED, SHORT = 8192, 512  # clients; bytes of headers up to which the client they name is remembered
PAIR = re.compile(r'[ \t]*([A-Za-z0-9_-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))[ \t]*(?:;|$)')
QUOTE = re.compile(r'(?<!\\)"')


@dataclass(frozen=True, slots=True)
class Origin:
    """The client, and the scheme and host the visitor used where a trusted proxy told them."""

    client: Client
    scheme: str | None = None
    host: str | None = None
    trusted: bool = False  # the peer is a proxy of ours: its other headers can be believed too


@dataclass(frozen=True, slots=True)
class Hop:
    """One element of a forwarding list."""

    node: str
    scheme: str | None = None
    host: str | None = None


class Clients:
    """Reads the client from a request, and remembers the answers."""

    def __init__(self, trusted: Networks, family: Family, trust_unix_socket: bool) -> None:
        self._trusted = trusted
        self._family = family
        self._header = family.encode()
        self._trust_unix_socket = trust_unix_socket
        self._is_trusted = lru_cache(REMEMBERED)(self._decide_trust)
        self._from_peer = lru_cache(REMEMBERED)(self._decide_from_peer)
        self._from_header = lru_cache(REMEMBERED)(self._decide_from_header)

    def read(self, peer: object, raw: dict[bytes, bytes], pairs: Pairs) -> Origin:
        """The origin of a request from `scope["client"]`, its headers, and the header lines with repetitions."""
        host, port = _peer(peer)
        if not self._is_trusted(host):
            return self._from_peer(host, port, b"x-forwarded-for" in raw or b"forwarded" in raw)
        if self._header not in raw:
            return self._from_peer(host, port, False)
        value = raw[self._header]
        if len(raw) != len(pairs):  # a header is there more than once, perhaps this one
            value = b",".join([line for name, line in pairs if name == self._header])
        value = value[-MAX_BYTES - 1 :]
        proto, told = raw.get(b"x-forwarded-proto"), raw.get(b"x-forwarded-host")
        short = len(value) + len(proto or b"") + len(told or b"") <= SHORT
        return (self._from_header if short else self._decide_from_header)(host, value, proto, told)

    def tells(self, peer: object, pairs: Pairs) -> bool:
        """Whether the peer is a proxy of ours and says who asks."""
        return self._is_trusted(_peer(peer)[0]) and any(name == self._header for name, _ in pairs)

    def _decide_trust(self, host: str | None) -> bool:
        if host is None:
            return self._trust_unix_socket
        address = addresses.parse(host)
        return address is not None and str(address) in self._trusted

    def _decide_from_peer(self, host: str | None, port: int | None, announced: bool) -> Origin:
        client = _client(host, port, "untrusted-header" if announced else "peer")
        return Origin(client, trusted=self._is_trusted(host))

    def _decide_from_header(self, peer: str | None, value: bytes, proto: bytes | None, host: bytes | None) -> Origin:
        elements, whole = _elements(value)
        hops = _forwarded(elements) if self._family == "forwarded" else _x_forwarded(elements, proto, host)
        if not whole:
            hops.append(None)
        return self._walk(hops, peer) if hops else self._from_peer(peer, None, False)

    def _walk(self, hops: list[Hop | None], peer: str | None) -> Origin:
        """From the nearest hop to the first that is not ours. None in the list is an element that cannot be read."""
        found: Origin | None = None
        for hop in hops:
            if hop is None:
                break
            if hop.node.lower() == "unknown" or hop.node.startswith("_"):  # RFC 7239 section 6.2 and 6.3
                return Origin(Client("", "", "", None, peer, "unknown"), hop.scheme, hop.host, trusted=True)
            node = addresses.parse_node(hop.node)
            if node is None:
                break
            address, port = node
            client = Client(str(address), *addresses.keys(address), port, peer, self._family)
            found = Origin(client, hop.scheme, hop.host, trusted=True)
            if client.address not in self._trusted:
                return found
        else:
            if found is not None:  # every address is ours: the farthest of them asks
                return found
        return Origin(_client(peer, None, "malformed-header"), trusted=True)


def _client(
    peer: str | None, port: int | None, source: Literal["peer", "untrusted-header", "malformed-header"]
) -> Client:
    """The client where it is the peer itself; a peer without an address (a Unix socket) is nobody we can tell."""
    address = None if peer is None else addresses.parse(peer)
    if address is None:
        return Client("", "", "", None, peer, source if source == "malformed-header" else "unknown")
    return Client(str(address), *addresses.keys(address), port, peer, source)


def _peer(peer: object) -> tuple[str | None, int | None]:
    """Host and port from `scope["client"]`: a pair, a list (daphne), None or "" (Unix socket), or anything."""
    if not isinstance(peer, (tuple, list)) or not peer or not isinstance(peer[0], str) or not peer[0]:
        return None, None
    port = peer[1] if len(peer) > 1 else None
    return peer[0], port if isinstance(port, int) and 0 < port < 65536 else None


def _elements(value: bytes) -> tuple[list[str], bool]:
    """The elements of a list, nearest hop first, and whether these are all of them."""
    parts = value[-MAX_BYTES:].decode("latin-1").rsplit(",", MAX_ELEMENTS)
    whole = len(value) <= MAX_BYTES and len(parts) <= MAX_ELEMENTS
    return [part.strip() for part in reversed(parts if whole else parts[1:])], whole


def _x_forwarded(elements: list[str], proto: bytes | None, host: bytes | None) -> list[Hop | None]:
    """The hops of X-Forwarded-For; proto and host come from the same place in their lists, or the farthest there is."""
    schemes, hosts = _listed(proto), _listed(host)
    return [
        Hop(node, schemes[min(place, len(schemes) - 1)], hosts[min(place, len(hosts) - 1)])
        for place, node in enumerate(filter(None, elements))
    ]


def _listed(value: bytes | None) -> list[str | None]:
    """The members of X-Forwarded-Proto or -Host, nearest hop first; at least one."""
    return [None] if value is None else [item.lower() or None for item in _elements(value)[0]]


def _forwarded(elements: list[str]) -> list[Hop | None]:
    """The hops of Forwarded. A comma inside quotes does not separate.

    Reading from the right means that a quote the client leaves open cannot swallow what our proxy appended.
    """
    hops: list[Hop | None] = []
    pending = ""
    for element in elements:
        pending = f"{element},{pending}" if pending else element
        if len(QUOTE.findall(pending)) % 2 == 0:
            if pending:
                hops.append(_hop(pending))
            pending = ""
    return [*hops, None] if pending else hops


def _hop(text: str) -> Hop | None:
    """for=192.0.2.1;proto=https;host="example.org:8080" as a hop, or None."""
    values: dict[str, str] = {}
    place = 0
    while place < len(text):
        pair = PAIR.match(text, place)
        if pair is None or pair[1].lower() in values:
            return None
        values[pair[1].lower()] = pair[3] if pair[2] is None else re.sub(r"\\(.)", r"\1", pair[2])
        place = pair.end()
    if "for" not in values:
        return None
    return Hop(values["for"], values.get("proto", "").lower() or None, values.get("host", "").lower() or None)
