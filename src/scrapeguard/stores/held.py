"""Held: whose requests count for nobody just now, as last heard; for a store that asks for all subjects at once.

Where the subjects of a request are counted on different servers, the server of its network or fingerprint does not see
that its address is under a standing. Then what was last heard of the address decides: a standing that another worker
has just placed or lifted is late by one request of each worker, for these other subjects only.
"""

from collections import OrderedDict

from scrapeguard.model import Standing
from scrapeguard.stores.counting import COUNTED

MOST = 50_000  # addresses; beyond it the one heard of longest ago is forgotten


class Held:
    """Until when each subject is held (microseconds)."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, int] = OrderedDict()

    def hear(self, subject: str, told: Standing, now: int) -> None:
        """What a store says of a subject at `now`; 0 = at any time."""
        if told.rung not in COUNTED:
            self._until[subject] = told.until
            self._until.move_to_end(subject)
            if len(self._until) > MOST:
                self._until.popitem(last=False)
        elif self.holds(subject, now):  # it was lifted
            del self._until[subject]

    def holds(self, subject: str, now: int) -> bool:
        """Whether a subject is held at `now`."""
        return self._until.get(subject, now) > now
