"""Who waits long: one timer for all who wait, since one for each request would cost more than some detectors."""

import asyncio
from collections.abc import Callable


class Lookout:
    """Calls whoever entered and has not left after `seconds`, or a little later. Of one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[Callable[[], None], float] = {}  # and when it is due; who entered first is due first
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, call: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Have this called, once, unless it leaves before."""
        due = self._waiting[call] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(due, self._look, loop)

    def leave(self, call: Callable[[], None]) -> None:
        self._waiting.pop(call, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        late = []
        for call, due in self._waiting.items():
            if due > now:
                self._timer = loop.call_at(due, self._look, loop)
                break
            late.append(call)
        else:
            self._timer = None
        for call in late:
            self._waiting.pop(call, None)
            call()
