"""A walk through the numbers of one family of URLs, such as /item/1, /item/2, …"""


class Walk:
    """Numbers lo to hi of one family are done; `stride` is the smallest extension since the last turn or jump."""

    __slots__ = ("direction", "family", "hi", "last", "lo", "run", "stride")

    def __init__(self, family: int, number: int, time: int) -> None:
        self.family = family
        self.last = time
        self.restart(number)

    def restart(self, number: int) -> None:
        self.lo = self.hi = number
        self.run = self.stride = self.direction = 0

    def wide(self, number: int) -> int:
        """How far outside of this walk a number is."""
        return max(number - self.hi, self.lo - number, 0)

    def near(self, number: int, reach: int) -> bool:
        """Whether a number is in this walk, or its next step; the first step is at most `reach` wide."""
        if self.lo <= number <= self.hi:
            return True
        wide, direction = (number - self.hi, 1) if number > self.hi else (self.lo - number, -1)
        if not self.run:
            return wide <= reach
        return direction == self.direction and wide <= 4 * self.stride and self.stride <= 4 * wide

    def extend(self, number: int) -> None:
        """Go on to a number: the next step if it is about as wide and in the same direction, else a new start."""
        if self.lo <= number <= self.hi:
            return
        wide, direction = (number - self.hi, 1) if number > self.hi else (self.lo - number, -1)
        if not self.run:
            self.run, self.stride, self.direction = 1, wide, direction
        elif direction == self.direction and wide <= 4 * self.stride and self.stride <= 4 * wide:
            self.run, self.stride = self.run + 1, min(self.stride, wide)
        else:
            self.restart(number)
            return
        self.lo, self.hi = min(self.lo, number), max(self.hi, number)
