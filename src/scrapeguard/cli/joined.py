"""Head and body of an answer in one write: one system call less, some 6 us of CPU a request."""

import asyncio
import fcntl
import sys
import termios
from typing import Any


class Joined(asyncio.Transport):
    """A transport that holds what is written until more comes, or until the event loop has done what is due now.

    Once `watch` is called, and when it is closed, whoever takes nothing for so many `seconds` of what waits is left.
    """

    def __init__(self, plain: asyncio.Transport, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        super().__init__()
        self.plain = plain
        self.taking = False  # something was taken since the last look
        self._loop = loop
        self._held = b""
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        held, self._held = self._held, b""
        if held:
            self.plain.write(held + data)
        elif data:
            self._held = bytes(data)
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is held, unless the connection was ended meanwhile."""
        held, self._held = self._held, b""
        if held and not self.plain.is_closing():
            self.plain.write(held)

    def watch(self) -> None:
        """Look in a while whether any of what waits now was taken, and go on as long as some of it waits."""
        if self._timer is None and self.plain.get_write_buffer_size():
            self.taking = False
            self._timer = self._loop.call_later(self._seconds, self._look, self._waiting())

    def forget(self) -> None:
        """The connection is lost, or somebody else's."""
        self._held = b""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, before: int) -> None:
        self._timer = None
        if self.taking or self._waiting() < before:
            self.watch()
        else:
            self.abort()

    def _waiting(self) -> int:
        """Bytes that the other side has not acknowledged: the system takes some MB of them before it is to be seen here
        whether any are.
        """
        line = self.plain.get_extra_info("socket")
        try:
            sent = int.from_bytes(fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        except OSError:
            sent = 0
        return self.plain.get_write_buffer_size() + sent

    def close(self) -> None:
        self.flush()
        self.plain.close()
        self.watch()

    def write_eof(self) -> None:
        self.flush()
        self.plain.write_eof()

    def abort(self) -> None:
        self._held = b""
        self.plain.abort()

    def can_write_eof(self) -> bool:
        return self.plain.can_write_eof()

    def is_closing(self) -> bool:
        return self.plain.is_closing()

    def is_reading(self) -> bool:
        return self.plain.is_reading()

    def pause_reading(self) -> None:
        self.plain.pause_reading()

    def resume_reading(self) -> None:
        self.plain.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.plain.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.plain.get_extra_info(name, default)
