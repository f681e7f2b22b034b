"""The pit: the connections that are held, few enough to afford; one timer for all of them, and no thread.

It is a wheel. A connection is put into the emptiest of its slots; every `TICK` the next slot has its turn, and each
connection in it gets one byte. So the cost is spread evenly, and a connection costs nothing between two bytes.
"""

import asyncio
import resource
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from starlette.types import Message, Receive, Send

Handler = Callable[[int, FrameType | None], object]

TICK = 0.05  # seconds
SHARE = 4  # at most one in so many of the files this process may open: the others are for visitors
MOST_SENT, EACH = 65_536, 1_024  # bytes of a request's body that are taken from somebody held; what a message counts
PATIENCE = 1.0  # seconds for the last byte
DROP: Message = {"type": "http.response.body", "body": b"\n", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"\n", "more_body": False}


@dataclass(frozen=True, slots=True)
class TarpitSettings:
    """[tarpit]"""

    connections: int = 500  # held at once by each process
    seconds: int = 60  # for which one is held at most
    drip_seconds: int = 5  # between two bytes

    def __post_init__(self) -> None:
        if self.connections < 0 or self.seconds < 1 or self.drip_seconds < 1:
            raise ValueError("connections must be 0 or more, seconds and drip_seconds 1 or more.")


@dataclass(slots=True, eq=False)
class Held:
    """One connection: the task that waits on it, and until when (of the loop's clock)."""

    send: Send
    task: asyncio.Task[object]
    until: float = 0.0
    drip: asyncio.Task[None] | None = None  # a byte that is on its way, and not taken yet
    over: bool = False

    def let_go(self) -> None:
        """End the wait. Called while the task waits in `hold` and nowhere else, so that nothing else is cancelled."""
        if not self.over:
            self.over = True
            self.task.cancel()

    async def one_byte(self) -> None:
        try:
            await self.send(DROP)
        except OSError:
            pass  # the client has just gone; `receive` says so
        finally:
            self.drip = None


class Pit:
    """Everybody who is held by this process. Ask for `room` before each `hold`."""

    def __init__(self, settings: TarpitSettings) -> None:
        self._most = min(settings.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE)
        self._seconds = settings.seconds
        self._slots: list[set[Held]] = [set() for _ in range(round(settings.drip_seconds / TICK))]
        self._at = 0
        self._count = 0
        self._released = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def room(self) -> bool:
        """Whether one more can be held, in the loop that is running."""
        loop = asyncio.get_running_loop()
        if self._loop is None and not self._released:
            self._loop = loop
            before_end(self.release)
        return self._count < self._most and loop is self._loop and not self._released

    async def hold(self, begin: Callable[[Send], Awaitable[None]], receive: Receive, send: Send) -> None:
        """`begin` an answer, and end it once its client has gone, its time is over, or all are released.

        One coroutine, and nothing kept in it that is not needed: there are thousands of them.
        """
        task = asyncio.current_task()
        assert task is not None, "an ASGI app runs in a task"
        held, slot, gone, taken = Held(send, task), min(self._slots, key=len), False, 0
        self._count += 1
        try:
            await begin(send)
            self._add(held, slot)
            while not gone and taken < MOST_SENT and not self._released:
                message = await receive()
                gone = message["type"] == "http.disconnect"
                taken += len(message.get("body", b"")) + EACH
                del message
        except asyncio.CancelledError:
            if not held.over:  # it is the server that ends this
                raise
            task.uncancel()
        finally:
            slot.discard(held)
            self._count -= 1
            if held.drip is not None:
                held.drip.cancel()
                gone = True  # or as good as gone
        if not gone:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await send(END)

    def _add(self, held: Held, slot: set[Held]) -> None:
        assert self._loop is not None, "somebody asked whether there is room"
        held.until = self._loop.time() + self._seconds
        slot.add(held)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._turn)

    def release(self) -> None:
        """Let everybody go, and hold nobody any more. Safe to call from any thread."""
        self._released = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        for slot in self._slots:
            for held in slot:
                held.let_go()

    def _turn(self) -> None:
        """One byte for everybody in the next slot; whose time is over, or who did not take the last one, is let go."""
        assert self._loop is not None, "somebody is held"
        self._at = (self._at + 1) % len(self._slots)
        now = self._loop.time()
        for held in self._slots[self._at]:
            if held.until <= now or held.drip is not None:
                held.let_go()
            else:
                drip = self._loop.create_task(held.one_byte())
                held.drip = None if drip.done() else drip
        self._timer = self._loop.call_later(TICK, self._turn) if self._count else None


def before_end(release: Callable[[], None]) -> None:
    """Call `release` when this process is told to end, before whoever has been told so until now.

    A server that ends waits for what is under way, and tells its app only then. Hypercorn's workers are not told by a
    signal: with Python 3.12 and later it waits until whoever is held is let go, `tarpit.seconds` at most.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):  # otherwise the process ends at once
            signal.signal(number, _both(release, before))


def _both(release: Callable[[], None], before: Handler) -> Handler:
    def told(number: int, frame: FrameType | None) -> None:
        release()
        before(number, frame)

    return told
