"""Web Bot Auth: requests that a robot signs (RFC 9421, draft-ietf-webbotauth-httpsig-protocol), checked off their path.

    Signature-Agent: sig1="https://signer.example"
    Signature-Input: sig1=("@authority" "signature-agent";key="sig1");created=…;expires=…;keyid="…";tag="web-bot-auth"
    Signature: sig1=:…:

Only signers that the site's operator names are looked at, and only their directories are fetched: no URL of a visitor's
choice ever is. A signature says who asks, not what for; so it verifies the address it came from, for a few minutes, and
is worth nothing from a second address. One that does not verify proves nothing: a proxy may have changed the request.
"""

import asyncio
import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageSignaturesException, HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ED25519

from scrapeguard.errors import InputError
from scrapeguard.facts.under_way import UnderWay
from scrapeguard.model import Headers

WELL_KNOWN = "/.well-known/http-message-signatures-directory"
TAG = "web-bot-auth"
PUBLISHED = "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U"  # the key of RFC 9421 B.1.4, whose private half all know
LASTS = 600_000_000  # microseconds for which a signature verifies its address
DIRECTORY_LASTS, RETRY = 3_600_000_000, 300_000_000
SOON = 60_000_000  # a directory that lacks a key is not asked again within a minute
MAX_AGE = timedelta(days=1)
LARGEST, MOST_KEYS, LONGEST = 65_536, 100, 8192
MOST, AT_ONCE = 16_384, 8
AGENT = re.compile(r'(?:([a-z*][a-z0-9_.*-]*)=)?"([^"]*)"')

Key = tuple[str, str]  # signer, address


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it was signed."""

    method: str
    url: str
    headers: dict[str, str]

    @classmethod
    def of(cls, method: str, url: str, headers: Headers) -> "Message":
        return cls(
            method, url, {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.raw.items()}
        )


@dataclass(slots=True)
class Directory:
    """The keys of one signer, by thumbprint (RFC 7638), and when they were fetched."""

    keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    fetched: int = 0
    until: int = 0


class Signatures:
    """Whether addresses speak for signers. `get` fetches a URL and raises InputError; it is called on a thread."""

    def __init__(self, signers: Mapping[str, str], get: Callable[[str], bytes]) -> None:
        self._signers = dict(signers)
        self._get = get
        self._directories = {url: Directory() for url in signers}
        self._known: OrderedDict[Key, int] = OrderedDict()  # until when it is verified
        self._used: OrderedDict[bytes, str] = OrderedDict()  # digest of a signature -> the address it came from
        self.under_way = UnderWay()

    def look(self, address: str, agent: str, method: str, url: str, headers: Headers, now: int) -> str | None:
        """The token of the robot that `address` is known to speak for at `now`; what is not known is checked later."""
        if len(agent) > LONGEST:
            return None
        signer = next((url for url in self._signers if f'"{url}"' in agent), None)
        if signer is None:
            return None
        key = (signer, address)
        if self._known.get(key, 0) > now:
            return self._signers[signer]
        if key not in self.under_way and len(self.under_way) < AT_ONCE:
            self.under_way.begin(key, self._learn(key, Message.of(method, url, headers), now))
        return None

    async def check(self, signer: str, address: str, message: Message, now: int) -> bool:
        """Check a signature now, fetching the signer's directory if need be."""
        used = hashlib.sha256(message.headers.get("signature", "").encode("latin-1", "replace")).digest()
        if self._used.setdefault(used, address) != address:
            return False  # replayed
        if len(self._used) > MOST:
            self._used.popitem(last=False)
        directory = self._directories[signer]
        if directory.until <= now:
            await self._fetch(signer, directory, now)
        if verified(signer, message, directory.keys):
            return True
        if now - directory.fetched <= SOON:
            return False
        await self._fetch(signer, directory, now)  # the key may be new
        return verified(signer, message, directory.keys)

    async def _learn(self, key: Key, message: Message, now: int) -> None:
        if await self.check(*key, message, now):
            self._known[key] = now + LASTS
            self._known.move_to_end(key)
            if len(self._known) > MOST:
                self._known.popitem(last=False)

    async def _fetch(self, signer: str, directory: Directory, now: int) -> None:
        """A directory that answers takes the place of the old one; one that does not leaves it as it is."""
        directory.fetched = now
        parts = urlsplit(signer)
        url = signer if parts.path not in ("", "/") else f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}"
        try:
            directory.keys = keys(await asyncio.to_thread(self._get, url), now)
        except InputError:
            directory.until = now + RETRY
        else:
            directory.until = now + DIRECTORY_LASTS


def keys(data: bytes, now: int) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWK Set that are valid at `now`, by thumbprint. Raises InputError for what is none."""
    try:
        listed = json.loads(data)["keys"] if len(data) <= LARGEST else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("The directory is no JWK Set.") from error
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise InputError(f"The directory has no list of at most {MOST_KEYS} keys, or is over {LARGEST:,} bytes long.")
    found = {}
    for jwk in listed:
        if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
            continue
        x, begins, ends = jwk.get("x"), jwk.get("nbf", 0), jwk.get("exp", now)
        if not isinstance(x, str) or not _micros(begins) <= now <= _micros(ends):
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
        except ValueError:
            continue
        found[thumbprint(x)] = key
    found.pop(PUBLISHED, None)
    return found


def _micros(value: object) -> int:
    """A time of a JWK as microseconds; drafts and deployments write seconds or milliseconds."""
    if not isinstance(value, int):
        return 0
    scale = 1_000_000 if value < 10**11 else 1000 if value < 10**14 else 1
    return value * scale


def thumbprint(x: str) -> str:
    """The name of an Ed25519 key (RFC 7638 with RFC 8037)."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode("utf-8", "replace")).digest()).decode().rstrip("=")


def verified(signer: str, message: Message, known: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether `signer` signed this message: its host, and that it was the signer."""
    named = AGENT.findall(message.headers.get("signature-agent", "")[:LONGEST])
    label = next((label for label, url in named if url == signer), None)
    if label is None:
        return False
    wanted = f'"signature-agent";key="{label}"' if label else "signature-agent"
    verifier = HTTPMessageVerifier(
        signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys=dict(known), private_keys={})
    )
    try:
        results = verifier.verify(message, max_age=MAX_AGE, expect_tag=TAG, require_components=(wanted,))
    except (HTTPMessageSignaturesException, ValueError):
        return False
    return all({'"@authority"', '"@target-uri"'} & set(result.covered_components) for result in results) and bool(
        results
    )
