"""Checkpoints and the notes they are signed as (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

    example.org/evidence/web1/2026-11                   origin: which log
    44                                                  size: leaves in the tree
    q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=        root hash, base64

    — example.org/evidence/web1 hV2tTSz…                key name, base64(key id || signature)

The signature covers everything up to and with the newline before the blank line. Signatures of keys that nobody
named are ignored, as the format asks. A witness signs "cosignature/v1\\ntime <seconds>\\n" and the same text.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from scrapeguard.errors import FormatError

ED25519, COSIGNATURE = 1, 4  # key types of C2SP signed-note
DASH = "\u2014"
MAX_NOTE = 64 * 1024
NAME = re.compile(r"[^\s+]{1,200}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name, as `name+key id+base64(type || key)`, the vkey that C2SP tools read."""

    name: str
    key: bytes  # 32 bytes, Ed25519
    kind: int = ED25519

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Raises FormatError. The base64 may hold a "+", so only the first two part the fields."""
        fields = text.strip().split("+", 2)
        raw = _base64(fields[2]) if len(fields) == 3 else b""
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE) or not NAME.fullmatch(fields[0]):
            raise FormatError(f"This is not an Ed25519 vkey: {text[:100]!r}.", "It looks like name+1a2b3c4d+AbCd….")
        verifier = cls(fields[0], raw[1:], raw[0])
        if verifier.id.hex() != fields[1]:
            raise FormatError(f"The vkey's id is {fields[1]!r}.", f"For this name and key it is {verifier.id.hex()}.")
        return verifier


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with the name it signs under."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.key.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        """The signature line over a note's text."""
        signature = self.verifier.id + self.key.sign(text.encode())
        return f"{DASH} {self.name} {base64.b64encode(signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to: so many leaves, under this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, signers: Sequence[Signer]) -> str:
        """The checkpoint as a note, signed by each of `signers`."""
        return self.text() + "\n" + "".join(signer.line(self.text()) for signer in signers)


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    id: bytes
    value: bytes


def parse(note: str | bytes) -> tuple[Checkpoint, list[Signature]]:
    """A checkpoint and its signatures, not yet verified. Raises FormatError."""
    if isinstance(note, bytes):
        try:
            note = note.decode()
        except UnicodeDecodeError as error:
            raise FormatError("The checkpoint is not UTF-8.", "It was damaged.") from error
    text, found, lines = note.rpartition("\n\n")
    if not found or len(note) > MAX_NOTE or not lines.endswith("\n") or "\r" in note:
        raise FormatError("The checkpoint is not a signed note.", "Text, a blank line, signature lines.")
    fields = text.split("\n")
    size = fields[1] if len(fields) >= 3 else ""
    root = _base64(fields[2]) if len(fields) >= 3 else b""
    if len(fields) != 3 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", size) or len(root) != 32 or not fields[0]:
        raise FormatError("The checkpoint's text is not origin, size and root.", "It was damaged or extended.")
    return Checkpoint(fields[0], int(size), root), [_signature(line) for line in lines[:-1].split("\n")]


def verify(note: str | bytes, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """The checkpoint and which of `keys` signed it. A wrong signature under one of their names is an error.

    Raises FormatError for that and for a note that is malformed; an empty list means that none of them signed.
    """
    checkpoint, signatures = parse(note)
    signed = []
    for key in keys:
        for signature in signatures:
            if signature.name == key.name and signature.id == key.id:
                _check(checkpoint, key, signature.value)
                signed.append(key)
                break
    return checkpoint, signed


def cosigned_at(note: str | bytes, witness: Verifier) -> int | None:
    """When a witness cosigned (seconds since 1970), None if it did not. Raises FormatError for a wrong signature."""
    checkpoint, signatures = parse(note)
    for signature in signatures:
        if signature.name == witness.name and signature.id == witness.id:
            _check(checkpoint, witness, signature.value)
            return int.from_bytes(signature.value[:8], "big")
    return None


def _check(checkpoint: Checkpoint, key: Verifier, value: bytes) -> None:
    message = checkpoint.text().encode()
    if key.kind == COSIGNATURE:
        seconds, value = int.from_bytes(value[:8], "big"), value[8:]
        message = f"cosignature/v1\ntime {seconds}\n".encode() + message
    try:
        Ed25519PublicKey.from_public_bytes(key.key).verify(value, message)
    except InvalidSignature as error:
        raise FormatError(f"The signature of {key.name} does not match.", "The checkpoint was altered.") from error


def _signature(line: str) -> Signature:
    fields = line.split(" ")
    value = _base64(fields[2]) if len(fields) == 3 else b""
    if len(fields) != 3 or fields[0] != DASH or not NAME.fullmatch(fields[1]) or len(value) < 5:
        raise FormatError(f"This is not a signature line: {line[:80]!r}.", f"It looks like {DASH} name base64.")
    return Signature(fields[1], value[:4], value[4:])


def _base64(text: str) -> bytes:
    """Strict base64; nothing at all for anything else."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
