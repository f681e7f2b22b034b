"""A disk that stands still: the event loop goes on, memory is bounded, and what could not wait is on record."""

import asyncio
import json
import os
import threading
import time
from pathlib import Path

import pytest
from building import FINE, SERVED, START, facts, open_log

from scrapeguard.evidence.log import MOST, EvidenceLog
from scrapeguard.evidence.reading import segments

PATIENCE = 20.0  # seconds


class Disk:
    """Stands in for os.write: writes of the thread that writes evidence hang while the disk stands still."""

    def __init__(self) -> None:
        self.moves = threading.Event()
        self.moves.set()
        self.hangs = threading.Event()
        self._write = os.write

    def write(self, descriptor: int, data: bytes) -> int:
        if threading.current_thread().name == "scrapeguard-fsync" and not self.moves.is_set():
            self.hangs.set()
            self.moves.wait(PATIENCE)
        return self._write(descriptor, data)


async def _ask(log: EvidenceLog, numbers: range) -> float:
    """Record so many requests, now and then an event, as visitors come; the longest time the event loop stood still."""
    longest = 0.0
    for number in numbers:
        began = time.monotonic()
        log.request(facts(number), FINE, SERVED)
        if number % 1000 == 999:
            log.event("upstream.failed", {"number": number})
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - began)
    return longest


@pytest.mark.parametrize("count", [1000, MOST + 3000])
def test_it_stops_no_visitor_and_what_could_not_wait_is_counted(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "write", disk.write)
    log = open_log(tmp_path)

    async def visits() -> float:
        await _ask(log, range(100))
        disk.moves.clear()
        longest = await _ask(log, range(100, count))
        assert await asyncio.to_thread(disk.hangs.wait, PATIENCE)
        disk.moves.set()
        await asyncio.to_thread(log.flush)
        longest = max(longest, await _ask(log, range(count, count + 100)))
        await asyncio.to_thread(log.close)
        return longest

    assert asyncio.run(visits()) < 1.0
    records = [
        json.loads(line)
        for path in segments(tmp_path)
        for line in path.read_bytes().splitlines()
        if not line.startswith(b"~")
    ]
    written = [it for it in records if it["k"] in ("request", "upstream.failed")]
    gaps = [it["what"] for it in records if it["k"] == "gap"]
    missing = sum(gap["count"] for gap in gaps)
    wanted = count + 100 + (count + 100) // 1000
    assert len(written) + missing == wanted
    assert log.dropped == missing
    times = [it["t"] for it in written if it["k"] == "request"]
    assert times == sorted(times)
    if count < MOST:
        assert gaps == []
        return
    (gap,) = gaps
    assert 0 < missing < 3200
    assert gap["error"] == "ETIMEDOUT"
    assert START < gap["first"] < gap["last"]
