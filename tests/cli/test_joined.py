"""What is written at once goes out at once, in order, and nothing stays behind."""

import asyncio

import pytest

from scrapeguard.cli.joined import Joined


class Plain(asyncio.Transport):
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes | str] = []
        self.lost = False

    def is_closing(self) -> bool:
        return self.lost

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.lost:
            raise RuntimeError("the handler is closed")  # as uvloop says
        self.told.append(bytes(data))

    def write_eof(self) -> None:
        self.told.append("eof")

    def close(self) -> None:
        self.told.append("closed")

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.told.append("aborted")


async def _written(*steps: bytes | str) -> list[bytes | str]:
    plain = Plain()
    joined = Joined(plain, asyncio.get_running_loop(), 1.0)
    for step in steps:
        if isinstance(step, bytes):
            joined.write(step)
        elif step == "wait":
            await asyncio.sleep(0)
        else:
            getattr(joined, step)()
    await asyncio.sleep(0)
    return plain.told


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b"", b"body"], [b"head", b"body"]),
        ([b"head"], [b"head"]),
        ([b"head", "wait", b"body"], [b"head", b"body"]),
        ([b"head", b"body", b"more", b"last"], [b"headbody", b"morelast"]),
        ([b"head", "close"], [b"head", "closed"]),
        ([b"head", b"body", b"more", "write_eof", "close"], [b"headbody", b"more", "eof", "closed"]),
        ([b"head", "abort"], ["aborted"]),
        ([b""], []),
    ],
)
def test_what_is_written(steps: list[bytes | str], told: list[bytes | str]) -> None:
    assert asyncio.run(_written(*steps)) == told


async def _lost(forgotten: bool) -> list[bytes | str]:
    plain = Plain()
    joined = Joined(plain, asyncio.get_running_loop(), 1.0)
    joined.write(b"head")
    plain.lost = True
    if forgotten:
        joined.forget()
    await asyncio.sleep(0)
    joined.flush()
    return plain.told


@pytest.mark.parametrize("forgotten", [True, False])
def test_nothing_is_written_to_a_connection_that_is_lost(forgotten: bool) -> None:
    assert asyncio.run(_lost(forgotten)) == []
