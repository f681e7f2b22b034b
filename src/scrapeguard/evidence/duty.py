"""Being on duty: waiting to be the keeper, keeping round by round, and ending so that nothing is left undone.

The keeper works in a process of its own beside the worker that was elected, so that what it computes never holds up a
visitor. It ends when its standard input does: the worker closes that on purpose, and the system closes it for a worker
that was killed.

    python -m scrapeguard.evidence.duty LOCK     LOCK: the descriptor of the keeper's lock; standard input: one line of
                                                 JSON {"base", "directory", "keeper": {…}, "retention"}, then nothing
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from scrapeguard.config import bind
from scrapeguard.errors import ScrapeGuardError
from scrapeguard.evidence.keeper import Keeper, KeeperSettings, elect
from scrapeguard.evidence.log import EvidenceLog, EvidenceSettings

log = logging.getLogger("scrapeguard.keeper")
NICE = 10  # where both want a core visitors go first, and a tenth of it is left to the keeper
PATIENCE = 30  # seconds a keeper may take to end; then it is left to end by itself


class Duty:
    """Waits to be elected and then has the evidence kept, until it is ended."""

    def __init__(self, directory: Path, settings: KeeperSettings, base: Path, retention: int) -> None:
        told = {"base": str(base), "directory": str(directory), "keeper": asdict(settings), "retention": retention}
        self._told = json.dumps(told).encode() + b"\n"
        self._directory = directory
        self._wait = settings.checkpoint_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrapeguard-keeper", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Have what is left taken up and anchored, and the lock given away."""
        self._stop.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while True:
            try:
                lock = elect(self._directory)
                if lock is not None:
                    self._keep(lock)
            except OSError as error:
                log.error("nobody keeps the evidence in %s: %s", self._directory, error)
            if self._stop.wait(self._wait):
                return

    def _keep(self, lock: int) -> None:
        """Run a keeper that holds the lock from now on, until it is to end. Raises OSError."""
        command = [sys.executable, "-m", "scrapeguard.evidence.duty", str(lock)]
        try:
            keeper = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, pass_fds=(lock,), start_new_session=True
            )
        finally:
            os.close(lock)
        assert keeper.stdin is not None
        with keeper:
            keeper.stdin.write(self._told)
            keeper.stdin.flush()
            while keeper.poll() is None and not self._stop.wait(0.2):
                pass
        if keeper.returncode:
            log.error("the keeper of %s ended with %d; another is tried", self._directory, keeper.returncode)


def main(lock: str) -> int:
    """Keep, as a worker asks for on standard input, until that ends."""
    logging.basicConfig(format="%(name)s: %(message)s")
    os.nice(NICE)
    told = json.loads(sys.stdin.buffer.readline())
    directory, stop = Path(told["directory"]), threading.Event()
    settings = bind(KeeperSettings, told["keeper"], "keeper", "the worker")
    evidence = EvidenceLog(EvidenceSettings(str(directory)), Path)
    threading.Thread(target=_await_end, args=(stop,), daemon=True).start()
    try:
        run(Keeper(directory, settings, evidence.event, _now(), Path(told["base"]), told["retention"]), stop)
    except (OSError, ScrapeGuardError) as error:
        log.error("nobody keeps the evidence in %s: %s", directory, error)
        return 1
    finally:
        evidence.close()
        os.close(int(lock))
    return 0


def _await_end(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


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
        keeper.watch_people(_now())
        if keeper.due(_now()):
            keeper.anchor(_now())
    except OSError as error:
        log.error("the keeper could not write: %s", error)  # a full disk: the next round tries again


def _now() -> int:
    return time.time_ns() // 1000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
