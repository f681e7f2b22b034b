"""The log's signing key: made once, rotated in the open, its history kept for whoever checks.

    keys/log.key       Ed25519, PKCS 8 PEM, readable by its owner only
    keys/log.old.key   the key before, which signs along for a while after a rotation
    keys/keys.jsonl    one line an event: created, rotated (signed by both keys), canonical JSON

A rotation is signed by the old key, which vouches for the new one, and by the new key, which shows that its holder
agreed. What both sign is the text `rotation_text` gives.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from scrapeguard.errors import EvidenceError, FormatError
from scrapeguard.evidence.canonical import canonical
from scrapeguard.evidence.checkpoint import Signer, Verifier
from scrapeguard.evidence.durable import sync_folder

FOLDER = "keys"
CURRENT, OLD, HISTORY = "log.key", "log.old.key", "keys.jsonl"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history."""

    time: int  # microseconds since 1970
    new: Verifier
    old: Verifier | None = None


def ensure(directory: Path, name: str, now: int) -> Signer:
    """The log's signer, made when there is none yet. Raises EvidenceError for a key that others can read or no key."""
    path = directory / FOLDER / CURRENT
    if not path.exists():
        signer = Signer(name, Ed25519PrivateKey.generate())
        _write_key(path, signer.key)
        _record(directory, {"k": "created", "t": now, "vkey": str(signer.verifier)})
    return load(directory, name)


def load(directory: Path, name: str) -> Signer:
    """The log's signer. Raises EvidenceError."""
    return Signer(name, _read_key(directory / FOLDER / CURRENT))


def retired(directory: Path, name: str, since: int) -> Signer | None:
    """The key before the last rotation, while that is no older than `since` (microseconds)."""
    path = directory / FOLDER / OLD
    changes = list(history(directory))
    if not path.exists() or not changes or changes[-1].old is None or changes[-1].time < since:
        return None
    return Signer(name, _read_key(path))


def rotate(directory: Path, name: str, now: int) -> Change:
    """Put a new key in place of the log's, cross-signed. Raises EvidenceError when there is none to rotate."""
    old = load(directory, name)
    new = Signer(name, Ed25519PrivateKey.generate())
    folder = directory / FOLDER
    text = rotation_text(old.verifier, new.verifier, now)
    signatures = {
        kind: base64.b64encode(signer.key.sign(text)).decode() for kind, signer in (("old", old), ("new", new))
    }
    _write_key(folder / OLD, old.key)
    line = {"by": signatures, "k": "rotated", "old": str(old.verifier), "t": now, "vkey": str(new.verifier)}
    _record(directory, line)
    _write_key(folder / CURRENT, new.key)
    return Change(now, new.verifier, old.verifier)


def rotation_text(old: Verifier, new: Verifier, time: int) -> bytes:
    return f"scrapeguard key rotation\n{old}\n{new}\n{time}\n".encode()


def history(directory: Path) -> Iterator[Change]:
    """The keys this log has had, oldest first, each rotation checked. Raises FormatError."""
    path = directory / FOLDER / HISTORY
    if not path.exists():
        return
    last: Verifier | None = None
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        change = read_change(line, f"{path}, line {number}")
        if last is not None and change.old != last:
            raise FormatError(f"{path}, line {number}: it does not follow the line before.", "A key change is missing.")
        last = change.new
        yield change


def read_change(line: bytes, place: str) -> Change:
    """One line of the history, its signatures checked. Raises FormatError."""
    try:
        fields = json.loads(line)
        new, time = Verifier.parse(fields["vkey"]), fields["t"]
        if fields["k"] == "created":
            return Change(time, new)
        old = Verifier.parse(fields["old"])
        text = rotation_text(old, new, time)
        for kind, key in (("old", old), ("new", new)):
            Ed25519PublicKey.from_public_bytes(key.key).verify(base64.b64decode(fields["by"][kind]), text)
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        raise FormatError(f"{place}: this is no key change that both keys signed.", f"{error!r}") from error
    return Change(time, new, old)


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        if path.stat().st_mode & 0o077:
            raise EvidenceError(f"{path}: others than its owner can read the key.", f"Run: chmod 600 {path}")
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise EvidenceError(
            f"{path}: the key cannot be read ({error}).", "Make one with `scrapeguard keys init`."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(f"{path}: the key is not Ed25519.", "Make one with `scrapeguard keys init`.")
    return key


def _write_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a private key so that it is whole or not there, and nobody else could ever read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def _record(directory: Path, fields: dict[str, object]) -> None:
    path = directory / FOLDER / HISTORY
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(canonical(fields).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
