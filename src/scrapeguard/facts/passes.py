"""Passes: what whoever passed a challenge carries, as a signed cookie; read without trust, refused when in doubt.

    v1.<payload>.<seal>      both in base64url without padding

    payload  4 bytes  id of the key                  seal  HMAC-SHA256 of "v1.<payload>" with the key of that id
             9 bytes  id of the pass, random
             1 byte   grade: 1 work, 2 wait
             4 bytes  issued, 4 bytes expires        seconds since 1970, big-endian
             8 bytes  whose it is: a keyed digest of host and user agent

The networks it is used from and how often it is used are counted in the store, by the detector `passes`.
"""

import hmac
import re
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

from scrapeguard.model import Fault, Grade, Pass

TOKEN = re.compile(rb"(v1\.([A-Za-z0-9_-]{40}))\.([A-Za-z0-9_-]{43})")
PAYLOAD = struct.Struct(">4s9sBII8s")
GRADES: dict[int, Grade] = {1: "work", 2: "wait"}
NUMBERS = {grade: number for number, grade in GRADES.items()}
SKEW = 60  # seconds by which the clocks of our machines may differ
MOST = 4  # cookies of our name that are looked at: a neighbour's subdomain can set one too
SHORTEST = 16  # characters of a secret
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+/")
COOKIE = re.compile(r"[A-Za-z0-9_-]{1,64}")
NO_PASS: tuple[Pass | None, Fault] = (None, "")

Pairs = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class ChallengeSettings:
    """[challenge]"""

    secret: str = ""  # signs challenges and passes; "" = one that is made at the start
    secret_before: str = ""  # still accepted, so that the secret can be changed without a gap
    prefix: str = "/.sg/"  # under which the page's script is served and answers are taken
    cookie: str = "sg"
    calculations: int = 3600  # that a browser makes at most; half of them on average
    calculations_most: int = 7200  # at the highest score below a block
    cost: int = 1000  # iterations of one calculation
    wait_seconds: int = 5  # without script
    answer_seconds: int = 900  # how long a challenge can be answered
    work_pass_seconds: int = 14400
    wait_pass_seconds: int = 1800

    def __post_init__(self) -> None:
        for name, secret in (("secret", self.secret), ("secret_before", self.secret_before)):
            if secret and len(secret) < SHORTEST:
                raise ValueError(f"{name} has {len(secret)} characters; give it {SHORTEST} or more, at random.")
        if PREFIX.fullmatch(self.prefix) is None:
            raise ValueError(f'prefix is {self.prefix!r}; write it like "/.sg/", with a slash at both ends.')
        if COOKIE.fullmatch(self.cookie) is None:
            raise ValueError(f"cookie is {self.cookie!r}; use letters, digits, - and _.")
        if not 1 <= self.calculations <= self.calculations_most <= 100_000:
            raise ValueError("calculations must be from 1 to calculations_most, and that at most 100,000.")
        if not 1 <= self.cost <= 10_000:
            raise ValueError(f"cost is {self.cost}; from 1 to 10,000 is bearable on a phone.")


@dataclass(frozen=True, slots=True)
class Key:
    """A secret at work: a key for each purpose, so that no seal of one can be taken for one of another."""

    id: bytes
    passes: bytes = field(repr=False)
    tests: bytes = field(repr=False)
    answers: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "Key":
        id_, *keys = (
            blake2b(purpose, digest_size=size, key=blake2b(secret, digest_size=64).digest()).digest()
            for purpose, size in ((b"id", 4), (b"passes", 32), (b"tests", 32), (b"answers", 32))
        )
        return cls(id_, *keys)


class Passes:
    """Issues passes and reads them; `adopt` gives it the secret that all processes share, where none is configured."""

    def __init__(self, settings: ChallengeSettings, made: bytes | None = None) -> None:
        self.settings = settings
        self.made = b"" if settings.secret else made or secrets.token_bytes(32)
        self.keys: tuple[Key, ...] = ()  # the one in use, and the one before
        self._names = {
            "https": re.compile(rb"(?:^|;)[ \t]*__Host-%b=([^;]*)" % settings.cookie.encode()),
            "http": re.compile(rb"(?:^|;)[ \t]*%b=([^;]*)" % settings.cookie.encode()),
        }
        self.adopt(self.made)

    def adopt(self, made: bytes) -> None:
        """Use this secret from now on, unless one is configured."""
        given = (self.settings.secret.encode() or made, self.settings.secret_before.encode())
        self.made = b"" if self.settings.secret else made
        self.keys = tuple(Key.of(secret) for secret in given if secret)

    def cookie(self, scheme: str | None) -> str:
        """The cookie's name; with https, one that no neighbour and no plain connection can set (RFC 6265bis)."""
        return f"__Host-{self.settings.cookie}" if scheme == "https" else self.settings.cookie

    def covers(self, path: str, root: str) -> bool:
        """Whether a path is one of ours; `root` is where the app is mounted."""
        prefix = self.settings.prefix
        return path.startswith(prefix) or (root != "" and path.startswith(root + prefix))

    def issue(self, grade: Grade, host: str | None, agent: str, now: int) -> tuple[str, Pass]:
        """A new pass and the token to carry. `now` in microseconds."""
        issued = now // 1_000_000
        lasts = self.settings.work_pass_seconds if grade == "work" else self.settings.wait_pass_seconds
        key, name = self.keys[0], secrets.token_bytes(9)
        payload = PAYLOAD.pack(key.id, name, NUMBERS[grade], issued, issued + lasts, whose(key, host, agent))
        text = b"v1." + urlsafe_b64encode(payload)
        return (text + b"." + _seal(key, text)).decode(), Pass(name.hex(), grade, issued, issued + lasts)

    def read(
        self, pairs: Pairs, scheme: str | None, host: str | None, agent: str, now: int
    ) -> tuple[Pass | None, Fault]:
        """The pass among the cookies of a request, or what is wrong with the one that is there. Never raises."""
        name, fault = self._names["https" if scheme == "https" else "http"], NO_PASS[1]
        values = (match[1] for key, value in pairs if key == b"cookie" for match in name.finditer(value))
        for value in islice(values, MOST):
            passed, fault = self._judge(value.strip(), host, agent, now // 1_000_000)
            if passed is not None:
                return passed, ""
        return None, fault

    def _judge(self, token: bytes, host: str | None, agent: str, now: int) -> tuple[Pass | None, Fault]:
        match = TOKEN.fullmatch(token)
        if match is None:
            return None, "malformed"
        id_, name, number, issued, expires, bound = PAYLOAD.unpack(urlsafe_b64decode(match[2]))
        key = next((key for key in self.keys if key.id == id_), None)
        if key is None or not hmac.compare_digest(_seal(key, match[1]), match[3]) or number not in GRADES:
            return None, "forged"
        if issued > now + SKEW:
            return None, "early"
        if not now < expires:
            return None, "expired"
        if not hmac.compare_digest(whose(key, host, agent), bound):
            return None, "foreign"
        return Pass(name.hex(), GRADES[number], issued, expires), ""


def whose(key: Key, host: str | None, agent: str) -> bytes:
    """Who may carry a pass or answer a test: who asked this host with this agent, whatever his address."""
    said = f"{host or ''}\n{agent}".encode("utf-8", "surrogatepass")
    return blake2b(said, digest_size=8, key=key.passes).digest()


def _seal(key: Key, text: bytes) -> bytes:
    return urlsafe_b64encode(hmac.digest(key.passes, text, "sha256")).rstrip(b"=")
