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
STOCK = 4_096  # random bytes asked of the system at a time: asking for each record would cost more than hashing it


class Committer:
    """Commits to groups of facts. Of one process and thread at a time: its random bytes must be nobody else's."""

    def __init__(self) -> None:
        self._random = b""
        self._digits = ""  # the same in hex
        self._at = 0

    def commit(self, groups: Sequence[tuple[str, str]]) -> tuple[str, bytes, bytes]:
        """Commitments (a canonical JSON object), openings, and a fresh nonce to seal them with."""
        start = self._at
        end = start + SALT * len(groups) + NONCE
        if end > len(self._random):
            self._random = os.urandom(STOCK)
            self._digits = self._random.hex()
            start, end = 0, end - start
        self._at = end
        digits, at = self._digits, 2 * start
        openings = []
        commitments = []
        for name, value in groups:
            opening = f'["{digits[at : at + 32]}","{name}",{value}]'
            openings.append(opening)
            commitments.append(f'"{name}":"{sha256(opening.encode()).hexdigest()}"')
            at += 32
        nonce = self._random[end - NONCE : end]
        return f"{{{','.join(commitments)}}}", f"[{','.join(openings)}]".encode(), nonce
