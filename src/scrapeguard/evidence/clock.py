"""The state of this machine's clock, for the record: is it kept by a time service, and has it been stepped.

keeper.clock  {"boot": "…", "mono": 123, "wall": 456}  what was seen at the last look, so that a keeper that starts
                                                       sees whether the clock was stepped while none was there
"""

import ctypes
import ctypes.util
import json
import time
from dataclasses import dataclass
from pathlib import Path

from scrapeguard.evidence.canonical import Json, canonical
from scrapeguard.evidence.segment import boot
from scrapeguard.evidence.sequencer import put

FILE = "keeper.clock"
REMEMBERED = 60_000_000  # microseconds after which what is seen is written down again
STEP = 2_000_000  # microseconds that wall and monotonic clock may drift apart between two looks
TIMESYNC = Path("/run/systemd/timesync/synchronized")
NO_BOOT = "0" * 32
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
    _mono: int = 0  # 0 = of another boot, or not known
    _synchronised: Json = None
    _kept: int = 0  # by the monotonic clock, when it was last written down

    def look(self, wall: int, mono: int, told: dict[str, Json]) -> dict[str, Json] | None:
        """The fields of a `clock` record, given both clocks (us) and `state()`; None when there is nothing new.

        There is at first, when the clock was stepped, and when it began or ceased to be synchronised. Of a step while
        the machine was off only that back is seen, and as much of it as the clock is behind what was seen before.
        """
        apart = wall - self._wall
        step = apart - (mono - self._mono) if self._mono else min(apart, 0)
        changed = told["synchronised"] != self._synchronised
        self._wall, self._mono, self._synchronised = wall, mono, told["synchronised"]
        if not changed and abs(step) < STEP:
            return None
        self._kept = 0
        return {**told, "step_us": step if abs(step) >= STEP else 0}

    def remember(self, directory: Path) -> None:
        """Write down what was seen, once a minute and when there was something to tell. Raises OSError."""
        if not self._kept or self._mono - self._kept >= REMEMBERED:
            seen = {"boot": boot(), "mono": self._mono, "wall": self._wall}
            put(directory / FILE, canonical(seen).encode())
            self._kept = self._mono


def recall(directory: Path) -> Clock:
    """A clock that goes on from what was written down in an evidence directory; a new one when nothing was."""
    try:
        seen = json.loads((directory / FILE).read_bytes())
        same = seen["boot"] == boot() != NO_BOOT
        return Clock(int(seen["wall"]), int(seen["mono"]) if same else 0)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Clock()


def now() -> tuple[int, int]:
    """Wall and monotonic clock in microseconds, read together."""
    return time.time_ns() // 1000, time.monotonic_ns() // 1000
