"""Web Bot Auth with real keys and a real directory: who signs is known, and nothing else that looks like it."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from websites import website

from scrapeguard.errors import ConfigError, InputError
from scrapeguard.facts.crawlers import Crawlers, CrawlerSettings
from scrapeguard.facts.reader import FactsReader, FactsSettings
from scrapeguard.facts.refresh import fetch
from scrapeguard.facts.signatures import LASTS, WELL_KNOWN, Message, Signatures, keys, thumbprint
from scrapeguard.model import Headers, Identity

KEY = Ed25519PrivateKey.generate()
ADDRESS = "5.6.7.8"


def jwk(key: Ed25519PrivateKey, **more: object) -> dict[str, object]:
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).decode().rstrip("="), **more}


class Site:
    """A web server for a directory, which counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, object]] = [jwk(KEY)]
        self.status = 200
        self.asked: list[str] = []
        self.url = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        return self.status, json.dumps({"keys": self.keys}).encode()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    with website(site.answer) as site.url:
        yield site


def get(url: str) -> bytes:
    """Over plain http, as no guard does."""
    parts = urlsplit(url)
    return fetch(HTTPConnection(parts.hostname or "", parts.port, timeout=5), url)


def now() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def signed(
    site: Site,
    key: Ed25519PrivateKey = KEY,
    covered: tuple[str, ...] = ("@authority", '"signature-agent";key="sig1"'),
    tag: str = "web-bot-auth",
    age: timedelta = timedelta(0),
    agent: str = "",
) -> Message:
    headers = {"host": "shop.example", "signature-agent": agent or f'sig1="{site.url}"'}
    message = Message("GET", "https://shop.example/item/1", headers)
    created = datetime.now(UTC) - age
    name = thumbprint(str(jwk(key)["x"]))
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={}, private_keys={name: key})
    )
    expires = created + timedelta(hours=1)
    signer.sign(
        message, key_id=name, created=created, expires=expires, label="sig1", tag=tag, covered_component_ids=covered
    )
    return replace(message, headers={field.lower(): value for field, value in message.headers.items()})


def check(site: Site, message: Message, address: str = ADDRESS) -> bool:
    return asyncio.run(Signatures({site.url: "Bot"}, get).check(site.url, address, message, now()))


def test_a_signature_by_the_key_in_the_signers_directory_verifies(site: Site) -> None:
    assert check(site, signed(site))
    assert site.asked == [WELL_KNOWN]


def test_a_directory_with_a_path_is_fetched_as_it_is_named(site: Site) -> None:
    site.url += "/keys"
    assert check(site, signed(site))
    assert site.asked == ["/keys"]


ATTACKS = {
    "another key": lambda site: signed(site, Ed25519PrivateKey.generate()),
    "another host": lambda site: replace(signed(site), url="https://other.example/item/1"),
    "another signer named": lambda site: replace(
        signed(site, agent='sig1="https://evil.example"'), headers={**signed(site).headers, "signature-agent": "x"}
    ),
    "the host is not signed": lambda site: signed(site, covered=("@method", '"signature-agent";key="sig1"')),
    "the signer is not signed": lambda site: signed(site, covered=("@authority",)),
    "another purpose": lambda site: signed(site, tag="something-else"),
    "two days old": lambda site: signed(site, age=timedelta(days=2)),
    "expired": lambda site: signed(site, age=timedelta(hours=2)),
    "no signature": lambda site: Message("GET", "https://shop.example/", {"signature-agent": f'sig1="{site.url}"'}),
    "garbage": lambda site: replace(signed(site), headers={**signed(site).headers, "signature-input": "sig1=((((;;;"}),
    "controls": lambda site: replace(signed(site), headers={**signed(site).headers, "signature": "\x00\xff" * 999}),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_only_looks_signed_is_not_verified(site: Site, attack: str) -> None:
    assert not check(site, ATTACKS[attack](site))


def test_a_signature_is_worth_nothing_from_a_second_address(site: Site) -> None:
    async def story() -> list[bool]:
        signatures, message = Signatures({site.url: "Bot"}, get), signed(site)
        return [await signatures.check(site.url, address, message, now()) for address in (ADDRESS, "5.6.7.9", ADDRESS)]

    assert asyncio.run(story()) == [True, False, True]


def test_the_key_that_everybody_knows_is_refused() -> None:
    known = {"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}
    assert keys(json.dumps({"keys": [known]}).encode(), now()) == {}


def test_keys_that_are_over_or_not_yet_are_passed_over() -> None:
    seconds = now() // 1_000_000
    rows = [jwk(KEY, exp=seconds - 9), jwk(KEY, nbf=seconds + 9), {"kty": "RSA"}, 7, {**jwk(KEY), "x": "AA"}]
    assert keys(json.dumps({"keys": rows}).encode(), now()) == {}
    valid = jwk(KEY, nbf=seconds - 9, exp=(seconds + 9) * 1000)  # milliseconds were seen
    assert len(keys(json.dumps({"keys": [valid]}).encode(), now())) == 1


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"keys": 7}', b" " * 70_000, b'{"keys": [' + b"1," * 200 + b"1]}"]
)
def test_what_is_no_directory_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        keys(data, now())


def test_a_new_key_is_found_and_a_directory_that_fails_does_not_lose_the_old_ones(site: Site) -> None:
    async def story() -> list[bool]:
        signatures, start, later = Signatures({site.url: "Bot"}, get), now(), now() + 61_000_000
        newer = Ed25519PrivateKey.generate()
        first = await signatures.check(site.url, ADDRESS, signed(site), start)
        site.keys.append(jwk(newer))
        soon = await signatures.check(site.url, ADDRESS, signed(site, newer), start)
        then = await signatures.check(site.url, ADDRESS, signed(site, newer), later)
        site.status = 302
        gone = await signatures.check(site.url, ADDRESS, signed(site), later + 7_200_000_000)
        return [first, soon, then, gone]

    assert asyncio.run(story()) == [True, False, True, True]


def test_the_reader_looks_up_and_the_answer_holds_for_its_address_and_a_while(site: Site) -> None:
    async def story() -> None:
        crawlers = Crawlers(CrawlerSettings(), Path)
        crawlers.signatures = Signatures({site.url: "GPTBot"}, get)
        reader = FactsReader(FactsSettings(), lambda *_: "", crawlers.identify)
        message, start = signed(site), now()
        pairs = [(name.encode(), value.encode()) for name, value in message.headers.items()]

        def who(address: str, at: int) -> Identity | None:
            scope = {"type": "http", "scheme": "https", "path": "/item/1", "client": (address, 1), "headers": pairs}
            return reader.read(scope, at).identity

        assert who(ADDRESS, start) is None
        await crawlers.signatures.under_way.settle()
        assert who(ADDRESS, start) == Identity("verified", "signature", "OpenAI", "GPTBot", "training")
        assert who("5.6.7.9", start) is None
        await crawlers.signatures.under_way.settle()
        assert who("5.6.7.9", start) is None
        assert who(ADDRESS, start + LASTS) is None
        await crawlers.close()

    asyncio.run(story())


def test_a_signer_that_nobody_named_is_never_asked(site: Site) -> None:
    async def story() -> None:
        signatures = Signatures({"https://signer.example": "Bot"}, get)
        message = signed(site)
        raw = Headers((name.encode(), value.encode()) for name, value in message.headers.items())
        assert signatures.look(ADDRESS, message.headers["signature-agent"], "GET", message.url, raw, now()) is None
        await signatures.under_way.settle()

    asyncio.run(story())
    assert site.asked == []


def test_a_signer_without_https_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no https URL"):
        Crawlers(CrawlerSettings(signers={"http://signer.example": "Bot"}), Path)
