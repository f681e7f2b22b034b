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
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

log = logging.getLogger("scrapeguard.workers")

READY_SECONDS = 60.0  # within which a worker must have begun
LOOK_SECONDS = 0.2  # between two looks at signals
FAILED = 3  # exit code when no worker can begin

Work = Callable[[socket.socket, Connection], None]


@dataclass(frozen=True, slots=True)
class Worker:
    """A process, and the pipe over which it says that it has begun."""

    process: SpawnProcess
    begun: Connection


class Workers:
    """So many processes at `work` with a bound socket; each sends anything over its pipe once it has begun."""

    def __init__(self, work: Work, bound: socket.socket, count: int) -> None:
        self._work = work
        self._bound = bound
        self._count = count
        self._told: list[int] = []
        self._workers: list[Worker] = []

    def run(self) -> None:
        """Until told to end. Raises SystemExit when a worker cannot begin: another one could not either."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _: self._told.append(number))
        self._workers = [self._start() for _ in range(self._count)]
        began = all(map(self._ready, self._workers))
        while began and not self._ending():
            if self._told:
                self._told.clear()
                self._renew()
            self._replace()
            wait([worker.process.sentinel for worker in self._workers], LOOK_SECONDS)
        self._bound.close()  # what came to us now, nobody would answer
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
        if not began and not self._ending():
            sys.exit(FAILED)

    def _ending(self) -> bool:
        return signal.SIGTERM in self._told or signal.SIGINT in self._told

    def _start(self) -> Worker:
        ours, theirs = get_context("spawn").Pipe(duplex=False)
        process = get_context("spawn").Process(target=self._work, args=(self._bound, theirs))
        process.start()
        theirs.close()
        return Worker(process, ours)

    def _ready(self, worker: Worker) -> bool:
        """Whether a worker begins."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and not self._ending():
            if worker.begun.poll(LOOK_SECONDS):
                try:
                    worker.begun.recv()
                except EOFError:
                    return False
                return True
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
            old.process.join()

    def _replace(self) -> None:
        """Another one for each that has died."""
        for place, worker in enumerate(self._workers):
            if worker.process.exitcode is not None:
                log.error("worker %s has died (%s); another is started", worker.process.pid, worker.process.exitcode)
                self._workers[place] = self._start()
