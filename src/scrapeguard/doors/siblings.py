"""Siblings: the workers of one server pass on to one another what reached the wrong one of them.

All of them hear one socket, and each has another of its own in a folder they share, named after its process: `4711`.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 1.0  # between two looks at who is there: a worker that has just begun waits for no report yet


class Siblings:
    """The own socket of this process in a folder, and the sockets of the others."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._path = folder / str(os.getpid())
        self._others: list[Path] = []
        self._looked = float("-inf")
        self._clock = clock
        self._path.unlink(missing_ok=True)  # left behind by an earlier process of this number
        self.bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bound.bind(str(self._path))
        self._path.chmod(0o600)
        self.bound.setblocking(False)

    def tell(self, data: bytes) -> None:
        """Send a datagram to all others. Who cannot take it just now, or has ended, goes without."""
        for path in self._look():
            try:
                self.bound.sendto(data, str(path))
            except BlockingIOError:
                pass
            except OSError:  # it has ended without taking its name away
                self._looked = float("-inf")
                with suppress(OSError):
                    path.unlink()

    def close(self) -> None:
        self.bound.close()
        self._path.unlink(missing_ok=True)

    def _look(self) -> list[Path]:
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._others = [path for path in self._folder.iterdir() if path != self._path]
        return self._others
