"""Which of many things were seen before, exactly: a set of 64-bit hashes that takes 11 to 22 bytes for each.

A set of Python's takes seven times that, which an incident of a million objects makes felt.
"""

from array import array

SMALLEST = 64  # slots; always a power of two
WORD = 0xFFFF_FFFF_FFFF_FFFF


class Known:
    """An open-addressed table. Hashes must be well spread, as those of strings are."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * SMALLEST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, value: int) -> bool:
        """Take in a hash; whether it is new."""
        value = value & WORD or 1  # 0 marks a free slot
        slots = self._slots
        mask = len(slots) - 1
        at = value & mask
        while there := slots[at]:
            if there == value:
                return False
            at = (at + 1) & mask
        slots[at] = value
        self._count += 1
        if self._count * 4 > len(slots) * 3:
            self._grow()
        return True

    def _grow(self) -> None:
        old, self._count = self._slots, 0
        self._slots = array("Q", bytes(16 * len(old)))
        for value in old:
            if value:
                self.add(value)
