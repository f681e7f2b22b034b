"""A load that keeps its pace, whether or not the server does: how long each answer takes at a given rate.

    python benchmarks/paced.py PORT --rate 2000 --seconds 5

One line of JSON: requests, refused, and the 50th, 90th, 99th and 99.9th percentile in milliseconds, from the moment a
request was due. Requests that are due within the same millisecond are sent together, as the system's timer allows.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from overhead import TEXT, address, path

CONNECTIONS = 64


class Connection(asyncio.Protocol):
    """One connection: a request at a time, and its answer by Content-Length."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._missing = 0  # bytes of the body; 0 = the head is awaited
        self._head = b""
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, due: float, text: bytes) -> None:
        assert self._transport is not None
        self._due = due
        self._transport.write(text)

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._load.refused += not head.startswith(b"HTTP/1.1 200")
            self._missing = int(head.lower().partition(b"content-length:")[2].split()[0])
            self._head = b""
        self._missing -= len(data)
        if self._missing == 0:
            self._load.answered(self, time.perf_counter() - self._due)


class Load:
    """What is due, and who may ask; `over` when so many are answered."""

    def __init__(self, requests: int) -> None:
        self.over = asyncio.Event()
        self._requests = requests
        self.free: deque[Connection] = deque()
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.took: list[float] = []
        self.refused = 0

    def ask(self, due: float, text: bytes) -> None:
        if self.free:
            self.free.popleft().ask(due, text)
        else:
            self.waiting.append((due, text))

    def answered(self, connection: Connection, took: float) -> None:
        self.took.append(took)
        if len(self.took) == self._requests:
            self.over.set()
        if self.waiting:
            connection.ask(*self.waiting.popleft())
        else:
            self.free.append(connection)


async def keep_pace(port: int, rate: float, seconds: float) -> Load:
    requests = round(rate * seconds)
    load, loop = Load(requests), asyncio.get_running_loop()
    made = [loop.create_connection(lambda: Connection(load), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    load.free.extend([protocol for _, protocol in await asyncio.gather(*made)])
    began = time.perf_counter()
    for turn in range(requests):
        due = began + turn / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        load.ask(max(due, time.perf_counter() - 0.001), (TEXT % (path(turn), address(turn))).encode())
    await load.over.wait()
    return load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5)
    asked = parser.parse_args()
    load = asyncio.run(keep_pace(asked.port, asked.rate, asked.seconds))
    cuts = statistics.quantiles([1000 * took for took in load.took], n=1000)
    shown = {
        f"p{name}": round(cuts[place - 1], 2) for name, place in (("50", 500), ("90", 900), ("99", 990), ("99.9", 999))
    }
    print(json.dumps({"requests": len(load.took), "refused": load.refused, **shown}))


if __name__ == "__main__":
    main()
