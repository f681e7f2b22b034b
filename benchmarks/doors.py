#!/usr/bin/env python3
"""What the sidecar costs a request: CPU microseconds of the proxy alone, and requests a second, beside its peers.

All stand before one and the same small ASGI app and are loaded in turn, round by round, by wrk over 16 connections:

    none              no proxy: the app itself, to show that it is not the limit
    aiohttp           the control: a bare ASGI proxy on aiohttp's client, streaming, without any guard
    sidecar-off       the sidecar with guard.mode = "off" and no evidence: the data path alone
    sidecar           the sidecar as it comes, with evidence
    nginx             proxy_pass, where nginx is installed

    python benchmarks/doors.py [--rounds 5] [--seconds 3] [--only sidecar ...]
"""

import argparse
import importlib.util
import json
import shutil
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvicorn

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from overhead import cpu, free_port, load, machine, running  # noqa: E402

BODY = b"<!doctype html>" + b"x" * 1485
CONFIG = """
[guard]
mode = "{mode}"
[facts]
trusted_proxies = ["127.0.0.1"]
[evidence]
directory = "{evidence}"
"""
NGINX = """
daemon off; worker_processes 1; error_log stderr error; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream site {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000;
    location / {{ proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


async def site(scope: Any, receive: Any, send: Any) -> None:
    """What stands behind all of them."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(BODY)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def bare(upstream: int) -> Any:
    """The control: what one writes first, without a guard and without any of the sidecar's care."""
    import aiohttp
    from yarl import URL

    hop = {b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te", b"trailer", b"host"}
    session: list[Any] = []

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await site(scope, receive, send)
            return
        if not session:
            connector = aiohttp.TCPConnector(limit=256)
            session.append(aiohttp.ClientSession(connector=connector, auto_decompress=False))
        target = scope["raw_path"].decode()
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode()
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"] if n not in hop]
        url = URL(f"http://127.0.0.1:{upstream}{target}", encoded=True)
        async with session[0].request(scope["method"], url, headers=headers, allow_redirects=False) as response:
            kept = [(n, v) for n, v in response.raw_headers if n.lower() not in hop]
            await send({"type": "http.response.start", "status": response.status, "headers": kept})
            async for chunk in response.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    return proxy


def serve(what: str, port: int, upstream: int) -> None:
    app = site if what == "none" else bare(upstream)
    uvicorn.run(app, port=port, log_level="warning", access_log=False, proxy_headers=False, timeout_keep_alive=60)


def command(variant: str, port: int, upstream: int, folder: Path) -> list[str]:
    """How a variant is started."""
    if variant in ("none", "aiohttp"):
        return [sys.executable, __file__, "--serve", variant, "--port", str(port), "--upstream", str(upstream)]
    folder.mkdir()
    if variant == "nginx":
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
        return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    off = variant == "sidecar-off"
    config = CONFIG.format(mode="off" if off else "enforce", evidence="" if off else folder / "evidence")
    (folder / "guard.toml").write_text(config)
    options = ["--upstream", f"http://127.0.0.1:{upstream}", "--listen", f"127.0.0.1:{port}"]
    return [
        str(Path(sys.executable).with_name("scrapeguard")),
        "proxy",
        *options,
        "--config",
        str(folder / "guard.toml"),
    ]


def pids(pid: int) -> list[int]:
    """A process and its children: nginx does its work in one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def measure(variants: list[str], rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = {name: {"micros": [], "requests_per_second": []} for name in variants}
    with ExitStack() as stack:
        upstream = free_port()
        stack.enter_context(running(command("none", upstream, 0, folder), upstream))
        servers = []
        for name in variants:
            port = free_port()
            pid = stack.enter_context(running(command(name, port, upstream, folder / name), port))
            servers.append((name, port, pid))
            load(port, 1, folder)
        for turn in range(rounds):
            for name, port, pid in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                before = sum(map(cpu, pids(pid)))
                done = load(port, seconds, folder)
                if done["refused"]:
                    raise SystemExit(f"{name}: {done['refused']:g} requests were refused; that is no measurement")
                results[name]["micros"].append((sum(map(cpu, pids(pid))) - before) / done["requests"] * 1e6)
                results[name]["requests_per_second"].append(done["requests"] / done["seconds"])
    return results


def report(results: dict[str, Any], where: Path) -> None:
    control = statistics.median(results["aiohttp"]["micros"])
    print(f"{'':14}{'us CPU/request':>15}{'over aiohttp':>14}{'requests/s':>12}")
    for name, result in results.items():
        micros = statistics.median(result["micros"])
        result["median_micros"], result["ratio"] = round(micros, 1), round(micros / control, 2)
        rate = statistics.median(result["requests_per_second"])
        print(f"{name:14}{micros:15.1f}{micros / control:14.2f}{rate:12,.0f}")
    where.parent.mkdir(exist_ok=True)
    where.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"written to {where}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    parser.add_argument("--only", nargs="*", help="these, beside the control")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--upstream", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.upstream)
        return
    if importlib.util.find_spec("aiohttp") is None:
        raise SystemExit("the control needs aiohttp: pip install aiohttp")
    variants = ["aiohttp", "none", "sidecar-off", "sidecar", "nginx"]
    if shutil.which("nginx") is None:
        variants.remove("nginx")
    variants = [name for name in variants if name == "aiohttp" or not options.only or name in options.only]
    with tempfile.TemporaryDirectory() as name:
        results = measure(variants, options.rounds, options.seconds, Path(name))
    report(results, HERE / "results" / "doors.json")


if __name__ == "__main__":
    main()
