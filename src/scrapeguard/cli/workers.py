"""Several workers at one socket: started, replaced when they die, begun anew on SIGHUP, ended on SIGTERM.

uvicorn has its own way to do this, but its workers cannot be told to stop listening before they end: who has just
connected to the last of them would be lost.
"""

import logging
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

log = logging.getLogger("scrapeguard.workers")

READY_SECONDS = 60.0  # within which a worker must have begun
LOOK_SECONDS = 0.2  # between two looks at signals
LONGEST_PAUSE = 30.0  # before another one is tried where some could not begin, one after the other
FAILED = 3  # exit code when no worker can begin

Work = Callable[[socket.socket, Connection], None]


@dataclass(slots=True)
class Worker:
    """A process, and the pipe over which it says that it has begun."""

    process: SpawnProcess
    pipe: Connection
    begun: bool = False
    again: float | None = None  # it has died, and another one is started then, in monotonic time

    def told(self, seconds: float) -> bool:
        """Whether we know, within some seconds, that it has begun or that it never will."""
        if not self.begun and not self.pipe.poll(seconds):
            return False
        with suppress(EOFError):
            self.begun = self.begun or bool(self.pipe.recv())
        return True


class Workers:
    """So many processes at `work` with a bound socket; each sends True over its pipe once it has begun."""

    def __init__(self, work: Work, bound: socket.socket, count: int) -> None:
        self._work = work
        self._bound = bound
        self._count = count
        self._told: list[int] = []
        self._workers: list[Worker] = []
        self._faults = 0  # workers in a row that could not begin

    def run(self) -> None:
        """Until told to end. Raises SystemExit when a worker cannot begin: another one could not either."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: self._told.append(number))
        resource_tracker.ensure_running()  # it unblocks SIGINT once, when it starts: see _start
        self._workers = [self._start() for _ in range(self._count)]
        began = all(map(self._ready, self._workers))
        if began:
            log.info("all %d workers have begun", self._count)
        while began and not self._ending():
            if signal.SIGHUP in self._told:
                self._told.remove(signal.SIGHUP)
                self._renew()
            self._replace(time.monotonic())
            wait([it.process.sentinel for it in self._workers if it.process.exitcode is None], LOOK_SECONDS)
        self._bound.close()  # what came to us now, nobody would answer
        for worker in self._workers:
            worker.process.terminate()
        asked = self._asked()
        for worker in self._workers:
            while worker.process.exitcode is None:
                worker.process.join(LOOK_SECONDS)
                if self._asked() > asked:  # again: whoever asks twice waits for nobody
                    worker.process.kill()
        if not began and not self._ending():
            sys.exit(FAILED)

    def _asked(self) -> int:
        """How often we were told to end."""
        return self._told.count(signal.SIGTERM) + self._told.count(signal.SIGINT)

    def _ending(self) -> bool:
        return self._asked() > 0

    def _start(self) -> Worker:
        """A worker that a terminal's ctrl-C does not reach: we end it, in order, when it reaches us."""
        ours, theirs = get_context("spawn").Pipe(duplex=False)
        process = get_context("spawn").Process(target=self._work, args=(self._bound, theirs))
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))  # which a process has from the one that starts it
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
        theirs.close()
        return Worker(process, ours)

    def _ready(self, worker: Worker) -> bool:
        """Whether a worker begins."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and not self._ending():
            if worker.told(LOOK_SECONDS):
                return worker.begun
        return False

    def _renew(self) -> None:
        """Each in turn: a new one begins, then the old one ends. Where it does not begin, all stays as it was."""
        log.info("told to begin anew: the workers are replaced one after the other")
        for place, old in enumerate(self._workers):
            new = self._start()
            if not self._ready(new):
                new.process.kill()
                new.process.join()
                log.error("worker %s did not begin; the others stay as they are", new.process.pid)
                return
            self._workers[place] = new
            old.process.terminate()
            while old.process.exitcode is None and not self._ending():
                old.process.join(LOOK_SECONDS)

    def _replace(self, now: float) -> None:
        """Another one for each that has died: at once, or after longer and longer pauses where they cannot begin."""
        for place, worker in enumerate(self._workers):
            if worker.process.exitcode is None:
                continue
            if worker.again is None:
                self._faults = 0 if worker.told(0) and worker.begun else self._faults + 1
                pause = 0.0 if not self._faults else min(2.0 ** (self._faults - 1), LONGEST_PAUSE)
                worker.again = now + pause
                when = f" in {pause:g} s" if pause else ""
                code = worker.process.exitcode
                log.error("worker %s has died (%s); another is started%s", worker.process.pid, code, when)
            if now >= worker.again:
                self._workers[place] = self._start()
