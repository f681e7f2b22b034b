"""What a request costs with the guard and without: CPU of the server's process, and requests a second.

    python benchmarks/overhead.py                 a real uvicorn, one worker, loaded over the loopback by wrk
    python benchmarks/overhead.py --in-process    the ASGI app called directly: less noise, no server

The control is the same app without the guard. Rounds are interleaved, so that a busy moment of the machine hurts all
alike; the table gives medians. Every client is a browser with 15 headers behind a proxy on this machine; 200 of them
are on the site at a time, make ten requests each and are followed by others, so that nobody reaches a limit: a run in
which anybody was refused is no result and ends with an error.
"""

import argparse
import asyncio
import gc
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from scrapeguard import ScrapeGuard

HERE = Path(__file__).parent
AT_A_TIME, EACH = 200, 10  # clients on the site, requests of one
TOGETHER = 32  # requests under way at once when there is no server
BODY = "<!doctype html><title>A page</title>" + "<p>Some text that stands for a page." * 40
HEADERS = (
    ("Host", "shop.example"),
    ("Connection", "keep-alive"),
    ("sec-ch-ua", '"Chromium";v="156", "Not?A_Brand";v="24"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
    ("X-Forwarded-Proto", "https"),
)
PATHS = ("/item/%d", "/static/%d.css", "/catalogue?page=%d")
TEXT = "\r\n".join(["GET %s HTTP/1.1", *(f"{name}: {value}" for name, value in HEADERS), "X-Forwarded-For: %s", "", ""])

App = Callable[[Any, Any, Any], Any]


# What is compared


def guarded(app: App, folder: Path, store: str, evidence: bool) -> App:
    return ScrapeGuard(
        app,
        {
            "store": {"url": store},
            "evidence": {"directory": str(folder) if evidence else ""},
            "facts": {"trusted_proxies": ["127.0.0.1"]},
        },
    )


def with_slowapi(app: App, folder: Path, store: str) -> App:
    from slowapi import Limiter
    from slowapi.middleware import SlowAPIASGIMiddleware

    def client(request: Request) -> str:
        return request.headers["x-forwarded-for"]

    app.state.limiter = Limiter(key_func=client, default_limits=["10000/minute"])
    app.add_middleware(SlowAPIASGIMiddleware)
    return app


def with_fastapi_guard(app: App, folder: Path, store: str) -> App:
    from guard import SecurityConfig, SecurityMiddleware

    config = SecurityConfig(
        trusted_proxies=["127.0.0.1"], enable_redis=False, rate_limit=10_000, rate_limit_window=60, passive_mode=False
    )
    app.add_middleware(SecurityMiddleware, config=config)
    return app


VARIANTS: dict[str, Callable[[App, Path, str], App]] = {
    "bare": lambda app, folder, store: app,
    "memory": lambda app, folder, store: guarded(app, folder, "memory://", evidence=False),
    "memory+evidence": lambda app, folder, store: guarded(app, folder, "memory://", evidence=True),
    "redis+evidence": lambda app, folder, store: guarded(app, folder, store, evidence=True),
    "slowapi": with_slowapi,
    "fastapi-guard": with_fastapi_guard,
}
PEERS = {"slowapi": "slowapi", "fastapi-guard": "guard"}


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(BODY)


def site() -> Starlette:
    return Starlette(routes=[Route("/{rest:path}", page)])


# Over the wire


def serve(variant: str, port: int, folder: Path, store: str) -> None:
    app = VARIANTS[variant](site(), folder, store)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, proxy_headers=False)


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """A program that listens on a port, until the end of the block; its process id."""
    process = subprocess.Popen(command)
    try:
        wait_for(port, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"a server ended at once, exit code {process.returncode}") from None
            time.sleep(0.02)
        else:
            return
    raise SystemExit("a server does not answer")


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def cpu(pid: int) -> float:
    """CPU seconds a process has used, in user and kernel, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


WRK = """
local text, paths, n = %s, {%s}, 0
request = function()
  local client = math.floor(n / %d) * %d + n %% %d
  local address = string.format("10.%%d.%%d.%%d", client / 65536, client / 256 %% 256, client %% 256)
  local path = string.format(paths[n %% 3 + 1], n * 7919 %% 997)
  n = n + 1
  return string.format(text, path, address)
end
done = function(summary, latency)
  io.write(string.format('{"requests": %%d, "seconds": %%f, "refused": %%d}\\n',
    summary.requests, summary.duration / 1e6, summary.errors.status))
end
"""


def load(port: int, seconds: float, folder: Path) -> dict[str, float]:
    """Load a server for some seconds over 16 connections: requests answered, seconds taken, refusals."""
    script = folder / "load.lua"
    paths = ", ".join(map(json.dumps, PATHS))
    script.write_text(WRK % (json.dumps(TEXT), paths, AT_A_TIME * EACH, AT_A_TIME, AT_A_TIME))
    command = ["wrk", "-t1", "-c16", f"-d{seconds:g}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    if shutil.which("wrk") is None:
        command = [sys.executable, __file__, "--load", str(port), "--seconds", str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


async def own_load(port: int, seconds: float) -> None:
    """The load where wrk is missing; slower than wrk, so that requests a second may be the client's limit."""
    end, done = time.monotonic() + seconds, [0, 0]

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < end:
            writer.write((TEXT % (path(done[0]), address(done[0]))).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            done[0] += 1
            done[1] += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.gather(*(connection() for _ in range(16)))
    print(json.dumps({"requests": done[0], "seconds": seconds, "refused": done[1]}))


def over_the_wire(variants: list[str], rounds: int, seconds: float, folder: Path, store: str) -> dict[str, Any]:
    """Micros of CPU and requests a second of each variant, a number for each round."""
    results: dict[str, Any] = {name: {"micros": [], "requests_per_second": []} for name in variants}
    servers = [(name, free_port()) for name in variants]
    with ExitStack() as stack:
        pids = {}
        for name, port in servers:
            command = [sys.executable, __file__, "--serve", name, "--port", str(port)]
            command += ["--folder", str(folder / name), "--store", store]
            pids[name] = stack.enter_context(running(command, port))
            load(port, 1, folder)
        for turn in range(rounds):
            for name, port in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                before = cpu(pids[name])
                done = load(port, seconds, folder)
                if done["refused"]:
                    raise SystemExit(f"{name}: {done['refused']:g} requests were refused; that is no measurement")
                results[name]["micros"].append((cpu(pids[name]) - before) / done["requests"] * 1e6)
                results[name]["requests_per_second"].append(done["requests"] / done["seconds"])
    return results


# In process


def address(turn: int) -> str:
    """Who makes the request number `turn`."""
    client = turn // (AT_A_TIME * EACH) * AT_A_TIME + turn % AT_A_TIME
    return f"10.{client >> 16}.{client >> 8 & 255}.{client & 255}"


def path(turn: int) -> str:
    return PATHS[turn % 3] % (turn * 7919 % 997)


def scope(turn: int) -> dict[str, Any]:
    """The scope as uvicorn makes it."""
    target, _, query = path(turn).partition("?")
    pairs = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000 + turn % 16),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [*pairs, (b"x-forwarded-for", address(turn).encode())],
        "state": {},
    }


async def stub(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"x" * 1500})


async def in_process(variants: list[str], rounds: int, count: int, folder: Path, store: str) -> dict[str, Any]:
    """Micros of CPU of each variant, a number for each round of `count` requests."""
    results: dict[str, Any] = {name: {"micros": []} for name in variants}
    apps = {name: VARIANTS[name](stub, folder / name, store) for name in variants}
    refused = 0

    async def send(message: Any) -> None:
        nonlocal refused
        refused += message.get("status", 200) != 200

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def some(app: App, first: int) -> float:
        used = 0.0
        gc.collect()
        for start in range(first, first + count, TOGETHER):
            scopes = [scope(turn) for turn in range(start, start + TOGETHER)]  # fresh, as from a server, and not timed
            began = time.process_time()
            await asyncio.gather(*(app(each, receive, send) for each in scopes))
            used += time.process_time() - began
        return used / count * 1e6

    for turn in range(rounds + 1):
        for name, app in apps.items():
            results[name]["micros"].append(await some(app, turn * count))
            if refused:
                raise SystemExit(f"{name}: {refused} requests were refused; that is no measurement")
    for app in apps.values():
        if isinstance(app, ScrapeGuard):
            await app.close()
    for result in results.values():
        del result["micros"][0]  # the round that warms up
    return results


# The frame


@contextmanager
def redis() -> Iterator[str | None]:
    """A Redis or Valkey server without persistence, until the end of the block; its URL, None where there is none."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]
    with running(command, port):
        yield f"redis://127.0.0.1:{port}"


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    packages = ("scrapeguard", "starlette", "uvicorn", "uvloop", "httptools", "redis", "hiredis", *PEERS)
    versions = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpus[0] if cpus else platform.machine(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": versions,
        "client": "wrk" if shutil.which("wrk") else "own",
    }


def report(results: dict[str, Any], where: Path) -> None:
    """Print medians and ratios, and keep everything as JSON."""
    control = statistics.median(results["bare"]["micros"])
    print(f"{'':18}{'us CPU/request':>15}{'over bare':>11}{'ratio':>9}{'requests/s':>12}")
    for name, result in results.items():
        micros = statistics.median(result["micros"])
        rate = result.get("requests_per_second")
        result["median_micros"], result["over_bare"] = round(micros, 1), round(micros - control, 1)
        shown = f"{statistics.median(rate):12,.0f}" if rate else f"{'':12}"
        print(f"{name:18}{micros:15.1f}{micros - control:11.1f}{micros / control:9.2f}{shown}")
    where.parent.mkdir(exist_ok=True)
    where.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"written to {where}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--in-process", action="store_true", help="call the ASGI app directly")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each round over the wire")
    parser.add_argument("--requests", type=int, default=TOGETHER * 300, help="of each round in process")
    parser.add_argument("--only", nargs="*", help="these variants, beside the control")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--load", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.folder, options.store)
        return
    if options.load:
        asyncio.run(own_load(options.load, options.seconds))
        return

    with tempfile.TemporaryDirectory() as name, redis() as store:
        folder, variants = Path(name), []
        for variant in VARIANTS:
            missing = variant in PEERS and (options.in_process or importlib.util.find_spec(PEERS[variant]) is None)
            if missing or (variant.startswith("redis") and store is None):
                print(f"{variant}: not measured here, it is not installed or needs a server")
            elif variant == "bare" or not options.only or variant in options.only:
                variants.append(variant)
        if options.in_process:
            results = asyncio.run(in_process(variants, options.rounds, options.requests, folder, store or ""))
        else:
            results = over_the_wire(variants, options.rounds, options.seconds, folder, store or "")
    report(results, HERE / "results" / ("overhead-in-process.json" if options.in_process else "overhead.json"))


if __name__ == "__main__":
    main()
