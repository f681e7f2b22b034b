"""Commitments: what is personal is salted and hashed into the public line, and its openings are kept beside it.

    disclosure  ["<salt: 32 hex digits>","<name>",<value>]   canonical JSON
    commitment  SHA-256 of the disclosure, hex
    openings    [disclosure, …], what is sealed in the vault

A salt has 128 random bits, so that nobody can try addresses until a digest fits.
"""

import os
from collections.abc import Sequence
from hashlib import sha256

from scrapeguard.evidence.vault import NONCE

SALT = 16  # bytes


def commit(groups: Sequence[tuple[str, str]]) -> tuple[str, bytes, bytes]:
    """Commitments (a canonical JSON object), openings and a fresh nonce to seal them with, for groups by name."""
    end = SALT * len(groups)
    random = os.urandom(end + NONCE)
    salts, at = random.hex(), 0
    commitments, openings = [], []
    for name, value in groups:
        opening = f'["{salts[at : at + 2 * SALT]}","{name}",{value}]'
        openings.append(opening)
        commitments.append(f'"{name}":"{sha256(opening.encode("ascii")).hexdigest()}"')
        at += 2 * SALT
    return f"{{{','.join(commitments)}}}", f"[{','.join(openings)}]".encode("ascii"), random[end:]
