"""Head and body of an answer in one write: the system call costs more than judging the request."""

import asyncio
from typing import Any


class Joined(asyncio.Transport):
    """A transport that holds what is written until more comes, or until the event loop has done what is due now."""

    def __init__(self, plain: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.plain = plain
        self._loop = loop
        self._held = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        held, self._held = self._held, b""
        if held:
            self.plain.write(held + data)
        elif data:
            self._held = bytes(data)
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, b""
        if held:
            self.plain.write(held)

    def close(self) -> None:
        self.flush()
        self.plain.close()

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
