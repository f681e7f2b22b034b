"""Under way: what is asked in the background about a robot and an address, each once, and nobody waits for it."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

Key = tuple[str, str]


class UnderWay:
    """Tasks by key. Its length is how many there are; iterating gives their keys."""

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._tasks)

    def begin(self, key: Key, work: Coroutine[Any, Any, None]) -> None:
        """Needs a running event loop, and a key that is not under way."""
        task = self._tasks[key] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(key))  # also when it is cancelled before it began

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.gather(*self._tasks.values())
        await asyncio.sleep(0)  # what is done is put away in the next turn of the loop

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
