#!/usr/bin/env python3
"""What the doors cost a request: CPU microseconds, requests a second, and the wait at half load, beside their peers.

Proxies stand before one and the same small ASGI app and are loaded in turn, round by round, by wrk over 16 connections:

    none              no proxy: the app itself, to show that it is not the limit
    aiohttp           the control: a bare ASGI proxy on aiohttp's client, streaming, without any guard
    sidecar-off       the sidecar with guard.mode = "off" and no evidence: the data path alone
    sidecar           the sidecar as it comes, with evidence
    nginx             proxy_pass, where nginx is installed

Forward-auth stands behind one nginx, which asks with auth_request and then serves a file of its own:

    auth-trivial      the control: a small ASGI app says yes to everything
    auth              `scrapeguard auth` as it comes, with evidence

Then each is loaded at half of what the slowest of its kind bears, at an even pace (paced.py): how long answers take.

    python benchmarks/doors.py [--rounds 5] [--seconds 3] [--only sidecar ...]
"""

import argparse
import importlib.util
import json
import shutil
import statistics
import subprocess
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
NGINX_START = """
daemon off; worker_processes 1; error_log stderr error; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
"""
NGINX = """
  upstream site {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000;
    location / {{ proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""
NGINX_ASKING = """
  upstream asked {{ server 127.0.0.1:{service}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000000; root {folder};
    set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
    location / {{ auth_request /_asked; try_files /page.html =404; }}
    location = /_asked {{
      internal; proxy_pass http://asked/check?mode=nginx; proxy_http_version 1.1; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host; proxy_set_header Forwarded "";
      proxy_set_header X-Original-URI $request_uri; proxy_set_header X-Original-Method $request_method; }} }}
}}
"""
ASKED = ("auth-trivial", "auth")
CONTROLS = {"auth": "auth-trivial", "auth-trivial": "auth-trivial"}  # of all others: aiohttp


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
    """How a variant is started; of forward-auth, the service that is asked."""
    if variant in ("none", "aiohttp", "auth-trivial"):
        what = "aiohttp" if variant == "aiohttp" else "none"
        return [sys.executable, __file__, "--serve", what, "--port", str(port), "--upstream", str(upstream)]
    if variant == "nginx":
        return nginx(folder, NGINX, port=port, upstream=upstream)
    off = variant == "sidecar-off"
    config = folder / "guard.toml"
    config.write_text(CONFIG.format(mode="off" if off else "enforce", evidence="" if off else folder / "evidence"))
    door = ["auth"] if variant == "auth" else ["proxy", "--upstream", f"http://127.0.0.1:{upstream}"]
    program = str(Path(sys.executable).with_name("scrapeguard"))
    return [program, *door, "--listen", f"127.0.0.1:{port}", "--config", str(config)]


def nginx(folder: Path, rest: str, **places: object) -> list[str]:
    """nginx with one worker and this configuration."""
    (folder / "page.html").write_bytes(BODY)
    (folder / "nginx.conf").write_text((NGINX_START + rest).format(folder=folder, **places))
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def pids(pid: int) -> list[int]:
    """A process and its children: nginx does its work in one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


Server = tuple[str, int, list[int]]  # name, port, processes whose CPU counts


def start(stack: ExitStack, name: str, upstream: int, folder: Path) -> Server:
    """A variant at work; of forward-auth, the CPU of the service that is asked counts, not that of nginx."""
    folder.mkdir()
    port = free_port()
    pid = stack.enter_context(running(command(name, port, upstream, folder), port))
    front = port
    if name in ASKED:
        front = free_port()
        for each in (folder, folder.parent):  # nginx, started by root, serves as nobody
            each.chmod(0o755)
        stack.enter_context(running(nginx(folder, NGINX_ASKING, port=front, service=port), front))
    load(front, 1, folder)
    return name, front, pids(pid)


def measure(variants: list[str], rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = {name: {"micros": [], "requests_per_second": [], "paced": []} for name in variants}
    with ExitStack() as stack:
        upstream = free_port()
        stack.enter_context(running(command("none", upstream, 0, folder), upstream))
        servers = [start(stack, name, upstream, folder / name) for name in variants]
        for turn in range(rounds):
            for name, port, processes in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                before = sum(map(cpu, processes))
                done = load(port, seconds, folder)
                if done["refused"]:
                    raise SystemExit(f"{name}: {done['refused']:g} requests were refused; that is no measurement")
                results[name]["micros"].append((sum(map(cpu, processes)) - before) / done["requests"] * 1e6)
                results[name]["requests_per_second"].append(done["requests"] / done["seconds"])
        for _ in range(rounds):
            for name, port, _ in servers:
                kin = [other for other in variants if (other in ASKED) == (name in ASKED)]
                rate = min(statistics.median(results[other]["requests_per_second"]) for other in kin) / 2
                results[name]["paced"].append({"rate": round(rate), **paced(name, port, rate, seconds)})
    return results


def paced(name: str, port: int, rate: float, seconds: float) -> dict[str, float]:
    command = [sys.executable, str(HERE / "paced.py"), str(port), "--rate", str(rate), "--seconds", str(seconds)]
    done: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if done["refused"]:
        raise SystemExit(f"{name}: {done['refused']:g} requests were refused; that is no measurement")
    return done


def report(results: dict[str, Any], where: Path) -> None:
    print(f"{'':14}{'us CPU/request':>15}{'over control':>14}{'requests/s':>12}{'at half load: p50':>19}{'p99 ms':>8}")
    for name, result in results.items():
        control = results.get(CONTROLS.get(name, "aiohttp"), result)
        micros = statistics.median(result["micros"])
        ratio = micros / statistics.median(control["micros"])
        result["median_micros"], result["ratio"] = round(micros, 1), round(ratio, 2)
        rate = statistics.median(result["requests_per_second"])
        middle, late = (statistics.median(each[p] for each in result["paced"]) for p in ("p50", "p99"))
        print(f"{name:14}{micros:15.1f}{ratio:14.2f}{rate:12,.0f}{middle:19.2f}{late:8.2f}")
    where.parent.mkdir(exist_ok=True)
    where.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"written to {where}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each round")
    parser.add_argument("--only", nargs="*", help="these, beside their controls")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--upstream", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.upstream)
        return
    if importlib.util.find_spec("aiohttp") is None:
        raise SystemExit("the control needs aiohttp: pip install aiohttp")
    variants = ["aiohttp", "none", "sidecar-off", "sidecar", "nginx", *ASKED]
    wanted = set(options.only or variants)
    wanted |= {CONTROLS.get(name, "aiohttp") for name in wanted}
    if shutil.which("nginx") is None:
        wanted -= {"nginx", *ASKED}
    variants = [name for name in variants if name in wanted]
    with tempfile.TemporaryDirectory() as name:
        results = measure(variants, options.rounds, options.seconds, Path(name))
    report(results, HERE / "results" / "doors.json")


if __name__ == "__main__":
    main()
