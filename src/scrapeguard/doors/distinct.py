"""How many different texts there were: exact for a few thousand, estimated beyond, in bounded memory."""

import math
from functools import lru_cache
from hashlib import blake2b

BITS = 12
REGISTERS = 1 << BITS  # the estimate's standard error is 1.04 / sqrt(4096) = 1.6 %


class Distinct:
    """Counts up to `exact` texts exactly; then goes on as a HyperLogLog (Flajolet et al. 2007) of 4 KiB."""

    __slots__ = ("_exact", "_registers", "_seen")

    def __init__(self, exact: int = 4096) -> None:
        self._exact = exact
        self._seen: set[int] = set()
        self._registers: bytearray | None = None

    @property
    def estimated(self) -> bool:
        return self._registers is not None

    def add(self, text: str) -> None:
        number = _digest(text)
        if self._registers is not None:
            _register(self._registers, number)
            return
        self._seen.add(number)
        if len(self._seen) > self._exact:
            self._registers = bytearray(REGISTERS)
            for known in self._seen:
                _register(self._registers, known)
            self._seen = set()

    def __len__(self) -> int:
        return len(self._seen) if self._registers is None else _estimate(self._registers)


@lru_cache(4096)
def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _register(registers: bytearray, number: int) -> None:
    """Keep the longest run of leading zeros seen in the place that the lowest bits give."""
    place = number & (REGISTERS - 1)
    rank = 64 - BITS - (number >> BITS).bit_length() + 1
    if rank > registers[place]:
        registers[place] = rank


def _estimate(registers: bytearray) -> int:
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS**2 / sum(2.0**-rank for rank in registers)
    empty = registers.count(0)
    if raw <= 2.5 * REGISTERS and empty:
        return round(REGISTERS * math.log(REGISTERS / empty))
    return round(raw)
