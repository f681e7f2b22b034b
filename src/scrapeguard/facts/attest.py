"""What an edge proxy attests about a visitor, signed: the address and JA4 that only the edge can see.

One header, set by whatever ends the visitor's TLS:

    t=1790000000;a=192.0.2.7;j=t13d1516h2_8daaf6152771_b0da82dd1658;s=5f1c…

    t   seconds since 1970, UTC               a   the visitor's address
    j   JA4 of his TLS handshake, or nothing  s   HMAC-SHA256 in hex, keyed with the shared secret, of the lines

    scrapeguard-edge-1 / t / a / j / method / Host header in lower case

joined by one line feed each, without one at the end. The address is then believed whatever the peer is.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from scrapeguard.errors import ConfigError
from scrapeguard.facts import address as addresses
from scrapeguard.facts.client import Origin
from scrapeguard.model import Client

STAMP = re.compile(rb"t=(\d{1,12});a=([0-9A-Fa-f.:]{2,45});j=([A-Za-z0-9_]{0,64});s=([0-9A-Fa-f]{64})")
CONTEXT = b"scrapeguard-edge-1"


@dataclass(frozen=True, slots=True)
class Attestations:
    """Reads the header of one request. `keys` are the secret in use and the one before it."""

    header: bytes
    keys: tuple[bytes, ...]
    seconds: int  # how far the edge's clock and ours may be apart, the way included

    def read(self, raw: Mapping[bytes, bytes], method: str, now: int, origin: Origin) -> tuple[Origin, str] | None:
        """The origin and JA4 that are attested; None where nothing is. `now` is in microseconds.

        What is claimed and not valid gives the origin as it was, with the source "untrusted-header".
        """
        value = raw.get(self.header)
        if value is None:
            return None
        match = STAMP.fullmatch(value)
        address = None if match is None else addresses.parse(match[2].decode())
        if match is None or address is None or not self._holds(match, method, raw.get(b"host", b""), now):
            return _doubted(origin), ""
        client = Client(str(address), *addresses.keys(address), None, origin.client.peer, "attested")
        return Origin(client, origin.scheme, origin.host, origin.trusted), match[3].decode()

    def _holds(self, match: re.Match[bytes], method: str, host: bytes, now: int) -> bool:
        if abs(now // 1_000_000 - int(match[1])) > self.seconds:
            return False
        said = b"\n".join((CONTEXT, match[1], match[2], match[3], method.encode("latin-1", "replace"), host.lower()))
        given = match[4].decode().lower()
        return any(hmac.compare_digest(hmac.digest(key, said, "sha256").hex(), given) for key in self.keys)


def attestations(header: str, secret: str, before: str, seconds: int) -> Attestations | None:
    """For the settings of the same names; None when no header is set. Raises ConfigError for one without a secret."""
    if not header:
        return None
    if not secret:
        hint = "Share a long random text with the edge proxy."
        raise ConfigError("facts.attestation_header is set, and facts.attestation_secret is empty.", hint)
    keys = tuple(key.encode() for key in (secret, before) if key)
    return Attestations(header.lower().encode("latin-1", "replace"), keys, seconds)


def _doubted(origin: Origin) -> Origin:
    client = origin.client
    if client.source != "peer":
        return origin
    doubted = Client(client.address, client.key, client.network, client.port, client.peer, "untrusted-header")
    return Origin(doubted, origin.scheme, origin.host, origin.trusted)
