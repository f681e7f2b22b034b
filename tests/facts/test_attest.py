"""An edge's signed word about the visitor is believed; one that is forged, old or cut is not, and that shows."""

import hmac
from typing import Any

import pytest

from scrapeguard.errors import ConfigError
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.model import Facts

NOW = 1_790_000_000
ADDRESS, JA4 = "198.51.100.9", "t13d1516h2_8daaf6152771_b0da82dd1658"
SETTINGS = FactsSettings(
    attestation_header="X-Edge", attestation_secret="s3cret of now", attestation_secret_before="s3cret of before"
)


def stamp(
    secret: str = "s3cret of now",
    t: int | str = NOW,
    a: str = ADDRESS,
    j: str = JA4,
    method: str = "GET",
    host: str = "a",
) -> bytes:
    said = f"scrapeguard-edge-1\n{t}\n{a}\n{j}\n{method}\n{host}".encode()
    return f"t={t};a={a};j={j};s={hmac.digest(secret.encode(), said, 'sha256').hex()}".encode()


def read(value: bytes, settings: FactsSettings = SETTINGS, *more: tuple[bytes, bytes], method: str = "GET") -> Facts:
    headers = [(b"host", b"A"), (b"user-agent", b"x"), (b"x-edge", value), *more]
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "http",
        "headers": headers, "client": ("10.0.0.1", 5000),
    }  # fmt: skip
    return FactsReader(settings, lambda *_: "").read(scope, NOW * 1_000_000)


PLAIN = read(b"", FactsSettings())


@pytest.mark.parametrize("secret", ["s3cret of now", "s3cret of before"])
def test_what_is_signed_is_believed_and_says_that_it_was(secret: str) -> None:
    facts = read(stamp(secret))
    assert (facts.client.address, facts.client.source, facts.client.peer) == (ADDRESS, "attested", "10.0.0.1")
    assert facts.client.network == "198.51.100.0/24"
    assert facts.fingerprint != PLAIN.fingerprint


def test_an_address_of_ipv6_and_an_absent_ja4_are_fine() -> None:
    facts = read(stamp(a="2001:db8:0:1::7", j=""))
    assert (facts.client.key, facts.client.source) == ("2001:db8:0:1::/64", "attested")
    assert facts.fingerprint == PLAIN.fingerprint


def test_a_trusted_peer_needs_no_signature_and_a_signature_no_trusted_peer() -> None:
    trusting = FactsSettings(trusted_proxies=("10.0.0.1",), attestation_header="x-edge", attestation_secret="other")
    facts = read(stamp(), trusting, (b"x-forwarded-for", b"192.0.2.1"))
    assert (facts.client.address, facts.client.source) == ("192.0.2.1", "x-forwarded-for")


ATTACKS = {
    "another secret": stamp("guess"),
    "no secret": stamp(""),
    "another address": stamp().replace(b"198.51.100.9", b"198.51.100.8"),
    "another JA4": stamp().replace(b"t13d", b"t12d"),
    "another method": stamp(method="POST"),
    "another host": stamp(host="b"),
    "from long ago": stamp(t=NOW - 61),
    "from the future": stamp(t=NOW + 61),
    "a new time on an old signature": stamp(t=NOW - 100).replace(str(NOW - 100).encode(), str(NOW).encode()),
    "no signature": stamp().rpartition(b";")[0],
    "half a signature": stamp()[:-1],
    "an empty one": b"",
    "two in one": stamp() + b"," + stamp(),
    "a name for an address": stamp(a="abcdef"),
    "an address with a line feed": stamp(a="192.0.2.1\n"),
    "a time that is none": stamp(t="-1"),
    "a time beyond all": stamp(t="9" * 40),
    "bytes that are no text": b"\xff\x00" * 200,
    "much of it": stamp() * 200,
}


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attestation_with(what: str) -> None:
    """… is not believed: the peer is the visitor, and the record says that more was claimed."""
    facts = read(ATTACKS[what])
    assert (facts.client.address, facts.client.source) == ("10.0.0.1", "untrusted-header")
    assert facts.fingerprint == PLAIN.fingerprint


def test_without_a_secret_nothing_is_believed_and_the_header_is_refused_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="attestation_secret is empty"):
        read(b"", FactsSettings(attestation_header="x-edge"))
    assert read(stamp(""), FactsSettings()).client.source == "peer"
