"""The state of this machine's clock, for the record: is it kept by a time service, and has it been stepped."""

import ctypes
import ctypes.util
import time
from dataclasses import dataclass
from pathlib import Path

from scrapeguard.evidence.canonical import Json

STEP = 2_000_000  # microseconds that wall and monotonic clock may drift apart between two looks
TIMESYNC = Path("/run/systemd/timesync/synchronized")
UNSYNCHRONISED = 5  # TIME_ERROR, the answer of adjtimex(2) for a clock that nobody keeps
SIZE = 512  # bytes, more than any struct timex


def state() -> dict[str, Json]:
    """Whether the kernel says the clock is synchronised ("yes", "no", "unknown"), and its largest error in us."""
    name = ctypes.util.find_library("c")
    if name is None or not hasattr(library := ctypes.CDLL(name), "adjtimex"):
        return {"error_us": None, "synchronised": "yes" if TIMESYNC.exists() else "unknown"}
    timex = (ctypes.c_long * (SIZE // ctypes.sizeof(ctypes.c_long)))()  # zeros: modes = 0 asks and changes nothing
    answer = library.adjtimex(ctypes.byref(timex))
    if answer < 0:
        return {"error_us": None, "synchronised": "unknown"}
    return {"error_us": int(timex[3]), "synchronised": "no" if answer == UNSYNCHRONISED else "yes"}


@dataclass(slots=True)
class Clock:
    """Looks at wall and monotonic clock together; `look` tells what has to be recorded."""

    _wall: int = 0
    _mono: int = 0
    _synchronised: Json = None

    def look(self, wall: int, mono: int, told: dict[str, Json]) -> dict[str, Json] | None:
        """The fields of a `clock` record, given both clocks (us) and `state()`; None when there is nothing new.

        There is at first, when the clock was stepped, and when it began or ceased to be synchronised.
        """
        step = (wall - self._wall) - (mono - self._mono) if self._mono else 0
        first, changed = not self._mono, told["synchronised"] != self._synchronised
        self._wall, self._mono, self._synchronised = wall, mono, told["synchronised"]
        if not first and not changed and abs(step) < STEP:
            return None
        return {**told, "step_us": step if abs(step) >= STEP else 0}


def now() -> tuple[int, int]:
    """Wall and monotonic clock in microseconds, read together."""
    return time.time_ns() // 1000, time.monotonic_ns() // 1000
