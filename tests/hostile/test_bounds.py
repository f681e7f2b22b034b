"""A flood of visitors, agents and paths never seen before: the guard's memory stays where it was."""

import asyncio
import gc
import os
from pathlib import Path

import opened
import pytest
from calling import call, guard, request

from scrapeguard import ScrapeGuard

WARM, MORE = 20_000, 30_000
BOUND = 12_000_000  # bytes; a leak of 400 bytes a request would pass it


def resident() -> int:
    """Bytes of memory this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell its memory in /proc")
def test_fifty_thousand_unique_requests_leave_no_memory_behind(tmp_path: Path) -> None:
    async def flood(app: ScrapeGuard, first: int, count: int) -> int:
        for n in range(first, first + count):
            headers = [
                (b"host", b"h%d.example" % n),
                (b"user-agent", b"Mozilla/5.0 (X%d; rv:%d.0) Firefox/%d" % (n, n, n)),
                (b"referer", b"http://r%d.example/" % n),
                (b"cookie", b"session=%d" % n),
                (b"x-header-%d" % n, b"y"),
            ]
            client = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", 1)
            await call(app, request(b"/item/%d" % n, headers, client, b"page=%d" % n))
        gc.collect()
        return resident()

    async def story() -> int:
        app = guard(tmp_path, store={"max_subjects": 1_000}, facts={"session_cookies": ["session"]})
        warm = await flood(app, 0, WARM)
        grown = await flood(app, WARM, MORE) - warm
        await app.close()
        return grown

    assert asyncio.run(story()) < BOUND
    requests = sum(record["k"] == "request" for record in opened.records(tmp_path))
    assert requests == WARM + MORE
