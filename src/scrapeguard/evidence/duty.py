"""Being on duty: waiting to be the keeper, keeping round by round, and ending so that nothing is left undone."""

import logging
import os
import threading
import time
from pathlib import Path

from scrapeguard.errors import ScrapeGuardError
from scrapeguard.evidence.keeper import Event, Keeper, KeeperSettings, elect

log = logging.getLogger("scrapeguard.keeper")


class Duty:
    """A thread that waits to be elected and then keeps, until it is ended."""

    def __init__(self, directory: Path, settings: KeeperSettings, event: Event, base: Path, retention: int) -> None:
        self._directory = directory
        self._settings = settings
        self._event = event
        self._base = base
        self._retention = retention
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrapeguard-keeper", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Take up what is left, anchor it, and give the lock away. Waits for at most the time an authority may take."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        lock: int | None = None
        try:
            lock = elect(self._directory)
            while lock is None and not self._stop.wait(self._settings.checkpoint_seconds):
                lock = elect(self._directory)
            if lock is not None:
                settings = self._directory, self._settings, self._event, _now(), self._base, self._retention
                run(Keeper(*settings), self._stop)
        except (OSError, ScrapeGuardError) as error:
            log.error("nobody keeps the evidence in %s: %s", self._directory, error)
        finally:
            if lock is not None:
                os.close(lock)


def run(keeper: Keeper, stop: threading.Event) -> None:
    """Keep until `stop` is set; then take up what is left and anchor it once more."""
    _round(keeper)
    while not stop.wait(keeper.settings.checkpoint_seconds):
        _round(keeper)
    _round(keeper)
    finish(keeper)


def finish(keeper: Keeper) -> None:
    """Take up all there is, commit to its counts, anchor it, and take up the record of that: before an export, too."""
    while keeper.sequence(_now()) or keeper.close_hour(_now(), early=True):
        pass
    if keeper.fresh():
        keeper.anchor(_now())
    keeper.sequence(_now())


def _round(keeper: Keeper) -> None:
    try:
        keeper.look_at_clock()
        while keeper.sequence(_now()) or keeper.close_hour(_now()):
            pass
        keeper.look_after(_now())
        if keeper.due(_now()):
            keeper.anchor(_now())
    except OSError as error:
        log.error("the keeper could not write: %s", error)  # a full disk: the next round tries again


def _now() -> int:
    return time.time_ns() // 1000
