"""References: the code on a refusal page that a visitor can quote and that finds the record."""

import secrets
from itertools import count

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
MASK = (1 << 40) - 1


class References:
    """Twelve characters, such as "7K3F-9Q2M-T0XD": four of the process, eight of a counter scattered by a random key.

    Unique within a process for 10^12 requests, and not to be guessed from another one; cheaper than a random number.
    """

    def __init__(self) -> None:
        start = secrets.randbits(20)
        self._prefix = PAIRS[start >> 10] + PAIRS[start & 1023]
        self._factor = secrets.randbits(40) | 1  # odd, so that it permutes the 40-bit numbers
        self._offset = secrets.randbits(40)
        self._count = count()

    def next(self) -> str:
        n = (next(self._count) * self._factor + self._offset) & MASK
        a, b, c, d = PAIRS[n >> 30], PAIRS[n >> 20 & 1023], PAIRS[n >> 10 & 1023], PAIRS[n & 1023]
        return f"{self._prefix}-{a}{b}-{c}{d}"
