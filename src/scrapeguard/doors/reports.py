"""Reports: what became of the requests that forward-auth let through, where the proxy can log it to a datagram socket.

A report is a datagram, with or without the head that syslog puts before it, that ends with the request's reference,
the status and the bytes of the body, which may be "-", perhaps how the answer ended, in the proxy's own word, and
perhaps the bytes that were sent, with its head, where those of the body are only announced:

    sg=7K3F-9Q2M-T0XD 200 5120 end=-- of=5342

or a line of Caddy's access log, in which our Caddyfile puts the reference where a user's name would be:

    {"level":"info","msg":"handled request","user_id":"7K3F-9Q2M-T0XD","duration":0.01,"size":5120,"status":200}

Until its report comes, a request waits here to be recorded; for two minutes, and not too many of them. Of several
workers any may hear a report: one that does not wait for it tells the others, once. Whoever can send to the socket can
say what he likes, but only of a request whose reference he knows, and the visitor is not told that of his own.
"""

import asyncio
import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scrapeguard.doors.siblings import Siblings
from scrapeguard.guard import Decision
from scrapeguard.model import Outcome

Conclude = Callable[[Decision, Outcome], None]

LINE = re.compile(
    rb"\bsg=([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}) (\d{3}) (\d{1,15}|-)(?: end=([!-~]{0,8}))?(?: of=(\d{1,15}))?\s*\Z",
)
WHOLE = (None, b"OK", b"--", b"+", b"-")  # ends that are none: unknown; to nginx; to HAProxy; to Apache, open or closed
TAIL = 256  # bytes at the end of a datagram in which that is looked for
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


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one request. `whole`: the answer was not broken off, as far as the proxy says."""

    reference: str
    status: int
    size: int
    whole: bool

    def line(self) -> bytes:
        """As it is read."""
        end = "OK" if self.whole else "cut"
        return f"sg={self.reference} {self.status:03} {self.size} end={end}".encode()


def read(data: bytes) -> Report | None:
    """The report in a datagram; None for anything else."""
    found = LINE.match(_caddy(data)) if data.startswith(b"{") else LINE.search(data[-TAIL:])
    if found is None:
        return None
    reference, status, announced, end, sent = found.groups()
    size = 0 if announced == b"-" else int(announced) if sent is None else min(int(announced), int(sent))
    return Report(reference.decode(), int(status), size, end in WHOLE and status != b"000")


def _caddy(data: bytes) -> bytes:
    """Caddy's line as the other form; empty for what is none, such as one that was cut off."""
    try:
        line = json.loads(data)
    except (ValueError, RecursionError):
        return b""
    return f"sg={line.get('user_id')} {line.get('status')!s:0>3} {line.get('size')}".encode("utf-8", "replace")


class Reports:
    """Hears reports at a bound socket, once it is opened, and has each request concluded once.

    `beside` is a folder in which workers that share the socket find one another.
    """

    def __init__(self, bound: socket.socket, conclude: Conclude, beside: Path | None = None) -> None:
        self._bound = bound
        self._conclude = conclude
        self._beside = beside
        self._siblings: Siblings | None = None
        self._waiting: dict[str, Waiting] = {}

    def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._bound.setblocking(False)
        loop.add_reader(self._bound, self._hear, self._bound)
        if self._beside is not None:
            self._siblings = Siblings(self._beside)
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
                self._take(bound.recv(LONGEST), bound is self._bound)

    def _take(self, data: bytes, first: bool) -> None:
        report = read(data)
        if report is None:
            return
        waiting = self._waiting.get(report.reference)
        if waiting is None:
            if first and self._siblings is not None:
                self._siblings.tell(report.line())
            return
        micros = (time.perf_counter_ns() - waiting.began) // 1000
        sent = 0 if waiting.decision.facts.method == "HEAD" else report.size
        self._settle(report.reference, Outcome(report.status, sent, micros, report.whole))

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
