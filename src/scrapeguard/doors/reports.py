"""Reports: what became of the requests that forward-auth let through, where the proxy can log it to a Unix socket.

A report is a datagram, with or without the head that syslog puts before it, that ends with the request's reference,
the status and the bytes of the body, which may be "-":

    sg=7K3F-9Q2M-T0XD 200 5120

Until its report comes, a request waits here to be recorded; for two minutes, and not too many of them. Of several
workers any may hear a report: one that does not wait for it tells the others, once.
"""

import asyncio
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from scrapeguard.doors.siblings import Siblings
from scrapeguard.guard import Decision
from scrapeguard.model import Outcome

Conclude = Callable[[Decision, Outcome], None]

LINE = re.compile(rb"\bsg=([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}) (\d{3}) (\d{1,15}|-)\s*\Z")
UNSEEN = Outcome(0, 0, 0, False)  # what the site answered is not seen from here
PATIENCE = 120  # seconds until a report must have come
BATCH, LONGEST = 64, 8192  # datagrams taken at once; bytes of one
MOST = 10_000  # requests that wait for theirs; what comes beyond is recorded as unseen


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that was let through."""

    decision: Decision
    began: int  # perf_counter_ns
    timer: asyncio.TimerHandle


class Reports:
    """Hears reports at a bound socket, once it is opened, and has each request concluded once."""

    def __init__(self, bound: socket.socket, conclude: Conclude, shared: bool = False) -> None:
        self._bound = bound
        self._conclude = conclude
        self._shared = shared  # with other workers
        self._siblings: Siblings | None = None
        self._waiting: dict[str, Waiting] = {}

    def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._bound.setblocking(False)
        loop.add_reader(self._bound, self._hear, self._bound)
        if self._shared:
            self._siblings = Siblings(self._bound)
            loop.add_reader(self._siblings.bound, self._hear, self._siblings.bound)

    def wait(self, decision: Decision, began: int) -> None:
        """Conclude a request as soon as its report is there."""
        if len(self._waiting) >= MOST:
            self._conclude(decision, UNSEEN)
            return
        reference = decision.facts.reference
        timer = asyncio.get_running_loop().call_later(PATIENCE, self._settle, reference, UNSEEN)
        self._waiting[reference] = Waiting(decision, began, timer)

    def _hear(self, bound: socket.socket) -> None:
        """What has come, but not more of it than leaves time for visitors."""
        with suppress(BlockingIOError):
            for _ in range(BATCH):
                self._take(bound.recv(LONGEST)[-256:], bound is self._bound)

    def _take(self, data: bytes, first: bool) -> None:
        report = LINE.search(data)
        if report is None:
            return
        waiting = self._waiting.get(report[1].decode())
        if waiting is None:
            if first and self._siblings is not None:
                self._siblings.tell(report[0])
            return
        size = 0 if report[3] == b"-" or waiting.decision.facts.method == "HEAD" else int(report[3])
        micros = (time.perf_counter_ns() - waiting.began) // 1000
        self._settle(waiting.decision.facts.reference, Outcome(int(report[2]), size, micros, True))

    def close(self) -> None:
        """Conclude what waits, and hear no more."""
        for reference in list(self._waiting):
            self._settle(reference, UNSEEN)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._bound)
        self._bound.close()
        if self._siblings is not None:
            loop.remove_reader(self._siblings.bound)
            self._siblings.close()

    def _settle(self, reference: str, outcome: Outcome) -> None:
        waiting = self._waiting.pop(reference)
        waiting.timer.cancel()
        self._conclude(waiting.decision, outcome)
