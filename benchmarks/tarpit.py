"""What held connections cost: memory and CPU of a real uvicorn that holds thousands of caught clients on the loopback.

    python benchmarks/tarpit.py [--connections 5000] [--seconds 30]

All connections ask for a trap and are held; then the server's resident memory and CPU are read over some time in which
every one of them gets a byte every five seconds. Two controls, as many connections each: `idle`, connections that have
asked for nothing yet, and `task each`, a plain app that holds every connection with a sleep of its own.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.responses import PlainTextResponse

from scrapeguard import ScrapeGuard

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
ASK = b"GET /trap/%d HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: python-requests/2.32\r\nAccept: */*\r\n\r\n"
MOST_EACH = 20_000  # connections of one address
DRIP = 5

page = PlainTextResponse("a page")


def guarded() -> ScrapeGuard:
    return ScrapeGuard(
        page,
        {
            "facts": {"traps": ["/trap/*"]},
            "signals": {"trap": {"weight": 4}},
            "policy": {"throttle": 0, "challenge": 0, "tarpit": 4, "block": 0},
            "tarpit": {"connections": 100_000, "seconds": 600, "drip_seconds": DRIP},
            "evidence": {"directory": os.environ["TARPIT_EVIDENCE"]},
            "keeper": {"run": False},
        },
    )


async def task_each(scope: Any, receive: Any, send: Any) -> None:
    """The simplest tarpit: a loop with a sleep, which does not even look whether the client has gone."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 429, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"\n", "more_body": True})
        await asyncio.sleep(DRIP)


@contextmanager
def serving(app: str, folder: str) -> Iterator[tuple[int, int]]:
    """A server of that app: its process and port. It may open as many files as the system lets it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", app, f"--port={port}", "--log-level=error", "--no-proxy-headers"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", ""))),
        "TARPIT_EVIDENCE": folder,
    }
    command += ["--timeout-keep-alive=600", "--backlog=8192", "--no-access-log"]
    process = subprocess.Popen(command, env=environment, cwd=HERE)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def memory(process: int) -> int:
    """Resident bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def cpu(process: int) -> float:
    """Seconds of CPU so far."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(name: str, app: str, connections: int, seconds: float, *, asking: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, serving(app, folder) as (process, port), ExitStack() as stack:
        for number in range(50):  # what the first requests cost is no cost of holding: those leave again
            with socket.create_connection(("127.0.0.1", port)) as warm:
                warm.sendall(ASK % number)
                warm.recv(4096)
        time.sleep(1)
        before = memory(process)
        lines = []
        for number in range(connections):
            line = stack.enter_context(socket.socket())
            line.bind((f"127.0.1.{1 + number // MOST_EACH}", 0))
            line.connect(("127.0.0.1", port))
            if asking:
                line.sendall(ASK % (number % 50))
            lines.append(line)
        if asking:
            for line in lines:
                line.settimeout(60)
                status = line.recv(4096)[9:12]
                if status != b"429":
                    raise SystemExit(f"{name}: a connection is not held: {status!r}")
        time.sleep(2 * DRIP)  # the beginning is over, and everybody has had a byte
        after, began, used = memory(process), time.monotonic(), cpu(process)
        got = drain(lines, seconds)
        lasted = time.monotonic() - began
        return {
            "name": name,
            "connections": connections,
            "mib": round((after - before) / 2**20, 1),
            "kib_each": round((after - before) / 1024 / connections, 2),
            "cpu_percent": round(100 * (cpu(process) - used) / lasted, 2),
            "bytes_each": round(got / connections, 1),
        }


def drain(lines: list[socket.socket], seconds: float) -> int:
    """Wait, and at the end take what has come; answers how many bytes that was."""
    time.sleep(seconds)
    got = 0
    poll = select.poll()
    for line in lines:
        poll.register(line, select.POLLIN)
    by_file = {line.fileno(): line for line in lines}
    for descriptor, _ in poll.poll(0):
        got += len(by_file[descriptor].recv(65536))
    return got


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=30, help="over which CPU is read")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "tarpit.json")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # servers inherit it
    cases = (
        ("idle", "tarpit:page", False),
        ("task each", "tarpit:task_each", True),
        ("held", "tarpit:held", True),
    )
    rows = [measure(name, app, given.connections, given.seconds, asking=asking) for name, app, asking in cases]
    print(f"{'':10} {'connections':>11} {'MiB':>7} {'KiB each':>9} {'% of a core':>12} {'bytes each':>11}")
    for row in rows:
        print(
            f"{row['name']:10} {row['connections']:11} {row['mib']:7} {row['kib_each']:9} {row['cpu_percent']:12}"
            f" {row['bytes_each']:11}"
        )
    given.json.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    told = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "rows": rows}
    given.json.write_text(json.dumps(told, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
elif "TARPIT_EVIDENCE" in os.environ:
    held = guarded()
