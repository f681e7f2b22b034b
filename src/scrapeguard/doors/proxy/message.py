"""What goes to the upstream and what comes back, as bytes: which headers pass, which stay, which are ours to write.

Nothing of a request is written again that needs no change: the target passes byte for byte, headers in their order
with their repetitions. What is not exactly the grammar of RFC 9112 is refused, so that no upstream can read into one
request two.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from scrapeguard.model import Facts

Fields = Iterable[tuple[bytes, bytes]]
Framing = Literal["none", "sized", "chunked"]

HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade".split()
)
OURS = frozenset(b"forwarded x-real-ip x-client-ip client-ip x-cluster-client-ip x-original-forwarded-for".split())
EDGE = frozenset(  # what a proxy of the operator may say, and a visitor may not
    b"cf-connecting-ip cf-connecting-ipv6 cf-ipcountry cf-ja4 cf-ja3-hash cf-bot-score cf-verified-bot true-client-ip "
    b"fastly-client-ip x-azure-clientip x-azure-socketip cloudfront-viewer-address x-original-url x-rewrite-url "
    b"traceparent tracestate baggage".split()
)
KEPT = frozenset((b"host", b"content-length", b"cookie", b"authorization"))  # no Connection header can name them away
PLAIN = frozenset(  # what nearly every visitor sends, and every site may see
    b"accept accept-encoding accept-language cache-control cookie dnt if-modified-since if-none-match origin pragma "
    b"priority range referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode "
    b"sec-fetch-site sec-fetch-user upgrade-insecure-requests user-agent".split()
)
NONE: frozenset[bytes] = frozenset()
HARMLESS = frozenset((b"", b"keep-alive", b"close"))  # these Connection headers name no other
REMEMBERED = 4096  # visitors whose provenance is kept at hand
RESPONSE_HOP = HOP | {b"proxy-authenticate"}

METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
TARGET = re.compile(rb"(?:/[!-~\x80-\xff]*|\*)")
HOST = re.compile(rb"[^\x00-\x20/@?#\\,<>\"^`{|}\x7f]*")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Malformed(Exception):
    """A request that must not be passed on; the sentence says why, `status` what it is answered."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request for an upstream; only the host may still depend on which one."""

    method: str
    target: bytes
    host: bytes  # as the visitor sent it; empty when he sent none
    fields: list[tuple[bytes, bytes]]  # every other header, in order
    text: bytes  # the same as they are written, each with its line end
    framing: Framing
    length: int  # bytes of a sized body
    expects: bool  # the visitor waits to be asked for the body

    def head(self, host: bytes) -> bytes:
        return b"%b %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (self.method.encode(), self.target, host, self.text)


def outgoing(scope: Mapping[str, Any], facts: Facts, strip: frozenset[bytes] = NONE) -> Request:
    """The request for the upstream. `strip` are headers in which an edge tells us something. Raises Malformed."""
    trusted = facts.client.source in ("x-forwarded-for", "forwarded", "attested")
    named = _named(scope["headers"])
    plain = NONE if named else PLAIN
    host, hosts, lengths, coding, expects = b"", 0, [], b"", False
    fields: list[tuple[bytes, bytes]] = []
    for field in scope["headers"]:
        name, value = field
        if name in plain:
            fields.append(field)
            continue
        if name == b"host":
            host, hosts = value, hosts + 1
            continue
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            coding += b"," + value if coding else value
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
        if name in HOP or name in named or name in strip or (not trusted and name in EDGE) or _forwarding(name):
            continue
        if NAME.fullmatch(name) is None:
            raise Malformed("the name of a header is no token")
        fields.append(field)
    version = scope.get("http_version", "1.1")
    _check_host(host, hosts, version)
    framing, length = _framing(lengths, coding, version)
    fields += provenance(facts.client.address, facts.scheme or "http", facts.host or "", host)
    if not trusted and facts.headers is not None and b"traceparent" in facts.headers.raw:
        fields.append((b"traceparent", f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00".encode()))
    if framing == "chunked":
        fields.append((b"transfer-encoding", b"chunked"))
    text = b"\r\n".join(map(b": ".join, fields)) + b"\r\n"  # there are some: where a request came from is told
    if not text.count(b"\n") == text.count(b"\r") == len(fields) or b"\0" in text:
        raise Malformed("a header is longer than its line")
    method = scope.get("method", "GET")  # a WebSocket's handshake is a GET
    expects = expects and framing != "none" and scope.get("http_version") != "1.0"
    return Request(method, _target(scope), host, fields, text, framing, length, expects)


def incoming(fields: Fields, status: int) -> list[tuple[bytes, bytes]]:
    """The headers of a response as they go to the visitor."""
    named = _named(fields)
    bare = status in (204, 304)  # neither has a body, and servers take a length for the promise of one
    return [
        (name, value)
        for name, value in fields
        if name not in RESPONSE_HOP and name not in named and not (bare and name == b"content-length")
    ]


def codings(fields: Fields) -> list[bytes]:
    """The transfer codings that a message says it has, a header each."""
    return [value.lower() for name, value in fields if name == b"transfer-encoding"]


def _provenance(address: str, scheme: str, known: str, host: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """X-Forwarded-* and Forwarded (RFC 7239): what was decided about the visitor, and nothing that he said himself.

    `known`: the host that he used, as it was decided; `host`: the header that came.
    """
    told: list[tuple[bytes, bytes]] = []
    if address:
        told.append((b"x-forwarded-for", address.encode("ascii", "replace")))
    told.append((b"x-forwarded-proto", scheme.encode()))
    seen = _visitors_host(known, host)
    if seen:
        told.append((b"x-forwarded-host", seen))
    parts = [b"for=" + _node(address), b"proto=" + scheme.encode()]
    if seen:
        parts.append(b'host="%b"' % seen)
    told.append((b"forwarded", b";".join(parts)))
    return tuple(told)


provenance = lru_cache(REMEMBERED)(_provenance)  # of hosts that were checked, so none is long


def _visitors_host(known: str, host: bytes) -> bytes:
    """The host with its port where it is the one the visitor used; what a trusted proxy told otherwise."""
    plain = host.lower().rpartition(b":")[0] if host.rpartition(b":")[2].isdigit() else host.lower()
    told = known.encode("latin-1", "replace")
    return host if plain == told else told


def _node(address: str) -> bytes:
    if not address:
        return b"unknown"
    node = address.encode("ascii", "replace")
    return b'"[%b]"' % node if b":" in node else node


def _forwarding(name: bytes) -> bool:
    """Whether a header speaks of where a request came from; with underscores too, which many sites take for hyphens."""
    if b"_" in name:
        name = name.replace(b"_", b"-")
        if name in EDGE or name in HOP or name in (b"content-length", b"host"):
            return True
    return name in OURS or name[:12] == b"x-forwarded-"


def _named(fields: Fields) -> frozenset[bytes]:
    """The headers that Connection says are for one hop only."""
    said = b",".join([value for name, value in fields if name == b"connection"]).lower()
    if said in HARMLESS:
        return NONE
    return frozenset(option.strip() for option in said.split(b",")) - KEPT


def _check_host(host: bytes, count: int, version: str) -> None:
    if count > 1:
        raise Malformed(f"there are {count} Host headers; one is the limit")
    if count == 0 and version == "1.1":
        raise Malformed("there is no Host header")
    if len(host) > 512 or HOST.fullmatch(host) is None:
        raise Malformed("the Host header is no host")


def _framing(lengths: list[bytes], coding: bytes, version: str) -> tuple[Framing, int]:
    """How the end of the body is told. More than one way to tell it is a way to tell two ends."""
    if coding:
        if coding.lower() != b"chunked":
            raise Malformed(f"the transfer coding {coding[:40]!r} is not known here", 501)
        if lengths or version == "1.0":
            raise Malformed("a length beside, or a version below, the chunked transfer coding")
        return "chunked", 0
    if not lengths:
        return ("none", 0) if version.startswith("1") else ("chunked", 0)
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
        raise Malformed("the Content-Length is not one number")
    return ("sized" if int(lengths[0]) else "none"), int(lengths[0])


def _target(scope: Mapping[str, Any]) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    whole = b"%b?%b" % (path.partition(b"?")[0], query) if query else path
    if METHOD.fullmatch(scope.get("method", "GET")) is None or scope.get("method") == "CONNECT":
        raise Malformed("this method is not passed on", 501)
    if TARGET.fullmatch(whole) is None:
        raise Malformed("the target is neither a path nor *")
    return whole
