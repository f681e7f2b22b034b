"""A guarded site in one process, killed by the tests of chaos: asks itself without a pause, says what is durable."""

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

from scrapeguard import ScrapeGuard

HEADERS = [(b"host", b"shop.example"), (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * 100})


async def ignore(_: Any) -> None:
    pass


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def main(directory: str, name: str) -> None:
    guard = ScrapeGuard(
        app,
        {
            "guard": {"mode": "observe"},
            "evidence": {"directory": directory, "fsync_records": 16, "fsync_ms": 5},
            "keeper": {"site": "shop.example", "host": "web1", "checkpoint_seconds": 1},
        },
    )
    syncer = guard.parts.evidence._syncer  # what it has synced is what may be called durable
    asked = [-1]  # the last number
    written = [-1]
    flush, sync = syncer._flush, syncer._sync

    def flushing() -> None:
        last = asked[0]
        flush()
        written[0] = last

    def syncing(current: int | None) -> None:
        sync(current)
        if written[0] >= 0:
            print(written[0], flush=True)

    syncer._flush, syncer._sync = flushing, syncing  # type: ignore[method-assign]
    for number in itertools.count():
        path = f"/{name}/{number}"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": HEADERS,
            "client": (f"10.0.{number % 7}.7", 40000),
            "server": None,
            "scheme": "http",
            "root_path": "",
        }
        await guard(scope, receive, ignore)
        asked[0] = number
        await asyncio.sleep(0.0005)


if __name__ == "__main__":
    asyncio.run(main(str(Path(sys.argv[1])), sys.argv[2]))
