"""Serve an ASGI app for real, on a loopback port, from a process that ends with the test; and talk to it."""

import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import opened

COMMANDS = {
    "uvicorn": ("uvicorn", "{target}", "--host=127.0.0.1", "--port={port}", "--no-proxy-headers", "--log-level=info"),
    "hypercorn": ("hypercorn", "{target}", "--bind=127.0.0.1:{port}"),
    "granian": ("granian", "{target}", "--interface=asgi", "--host=127.0.0.1", "--port={port}", "--workers=1"),
    "daphne": ("daphne", "--bind=127.0.0.1", "--port={port}", "{target}"),
}
CHROME = {
    "Connection": "keep-alive",
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "en-US,en;q=0.9",
}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Served:
    """A running server, its folder (with `evidence` and `marks` in it) and what it has written."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def get(self, path: str, address: str = "127.0.0.1", **headers: str) -> Answer:
        """GET with a browser's headers, some replaced (underscores for hyphens), from an address of the loopback."""
        connection = self.connect(address)
        try:
            connection.request("GET", path, headers=CHROME | {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def connect(self, address: str = "127.0.0.1") -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(address, 0))

    def socket(self, address: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10, source_address=(address, 0))

    def raw(self, request: bytes, patience: float = 2) -> bytes:
        """Send bytes as they are and end the sending side; what comes back until the server closes or says no more."""
        with self.socket() as line:
            line.settimeout(patience)
            answer = b""
            try:
                line.sendall(request)
                line.shutdown(socket.SHUT_WR)
                while part := line.recv(65536):
                    answer += part
            except OSError:
                pass  # reset or silence: both are answers of a kind
        return answer

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def marks(self) -> set[str]:
        return {path.name for path in (self.folder / "marks").iterdir()}

    def records(self) -> list[dict[str, Any]]:
        """Every evidence record so far; one that has no end is still being written and left out."""
        return opened.records(self.folder / "evidence")

    def stop(self) -> int:
        """End it as a service manager does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def serve(
    target: str,
    folder: Path,
    config: str,
    server: str = "uvicorn",
    apps: Path | None = None,
    extra: tuple[str, ...] = (),
) -> Iterator[Served]:
    """Serve `target` with a configuration; evidence goes to `folder`/evidence. The process is ended on the way out."""
    (folder / "marks").mkdir(parents=True, exist_ok=True)
    (folder / "guard.toml").write_text(config + '\n[evidence]\ndirectory = "evidence"\n', "utf-8")
    port = free_port()
    command = [part.format(target=target, port=port) for part in COMMANDS[server] + extra]
    environment = os.environ | {
        "GUARD_CONFIG": str(folder / "guard.toml"),
        "GUARD_MARKS": str(folder / "marks"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(apps or folder), os.environ.get("PYTHONPATH")))),
        "PYTHONWARNINGS": "default",
    }
    with running([sys.executable, "-m", *command], folder, port, environment) as served:
        yield served


@contextmanager
def running(
    command: list[str], folder: Path, port: int, environment: Mapping[str, str] = os.environ
) -> Iterator[Served]:
    """A server with its log in the folder, from its first answer on; it is ended on the way out."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    served = Served(port, folder, process)
    try:
        wait_until(lambda: answers(served), served)
        yield served
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port nobody has, below those that the kernel gives to outgoing connections, so that none of these takes it."""
    while True:
        port = secrets.choice(range(10_000, 32_000))
        with socket.socket() as line, suppress(OSError):
            line.bind(("127.0.0.1", port))
            return port


def answers(served: Served) -> bool:
    try:
        served.socket().close()
    except OSError:
        return False
    return True


def wait_until(condition: Any, served: Served, seconds: float = 20) -> None:
    """Wait for a condition; fails with the server's log when it does not come true or the server ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert served.process.poll() is None, f"the server ended:\n{served.log()}"
        assert time.monotonic() < deadline, f"waited {seconds} s in vain:\n{served.log()}"
        time.sleep(0.02)
