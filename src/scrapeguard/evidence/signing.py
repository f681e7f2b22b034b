"""The key that signs bundles: Ed25519, made at its first use, kept in the evidence directory, readable by its owner.

The public half is what the other side must get by another road than the bundle: a website, a contract, a letter.
"""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from scrapeguard.errors import EvidenceError

NAME = "bundle.key"


def signer(directory: Path) -> Ed25519PrivateKey:
    """The signing key of an evidence directory. Raises EvidenceError when it cannot be read or made."""
    path = directory / NAME
    try:
        if not path.exists():
            _make(path)
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"{path}: the signing key cannot be used ({error}).", "Mend or move it away.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise EvidenceError(f"{path}: is not an Ed25519 key.", "Move it away; a new one is made.")
    return key


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half as 64 hex digits, short enough for a letter."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return  # another process was first
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
