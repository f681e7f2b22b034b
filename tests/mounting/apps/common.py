"""What the five apps share: where the guard's configuration is, and marks that a test can see from outside."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

CONFIG = Path(os.environ["GUARD_CONFIG"])
MARKS = Path(os.environ["GUARD_MARKS"])

go = asyncio.Event()


def mark(name: str) -> None:
    (MARKS / name).touch()


async def two_parts() -> AsyncIterator[bytes]:
    """One part at once; the other when another request has asked for it."""
    yield b"one\n"
    await go.wait()
    go.clear()
    yield b"two\n"


async def endless() -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"more\n" * 100
            await asyncio.sleep(0.01)
    finally:
        mark("endless-ended")
