"""A sidecar for real, from its command line, and an upstream that logs every byte and answers as badly as asked to."""

import asyncio
import os
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import Served, free_port, running, wait_until

PROGRAM = str(Path(sys.executable).with_name("scrapeguard"))
QUICK = """
[guard]
mode = "observe"
[proxy]
connect_seconds = 0.5
answer_seconds = 0.6
idle_seconds = 0.6
send_seconds = 0.6
drain_seconds = 0.3
"""
OURS = re.compile(rb"GET /robots\.txt HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)
TAIL = """
[evidence]
directory = "evidence"
[keeper]
run = false
"""
Answer = Callable[["Line"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Line:
    """One connection that the sidecar has made to the upstream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.head = b""
        self.seen = b""  # every byte that has been read

    def asked(self) -> bytes:
        """What has been read, without what the guard itself asks a site."""
        return OURS.sub(b"", self.seen)

    async def read(self, until: bytes) -> bytes:
        data = await self.reader.readuntil(until)
        self.seen += data
        return data

    async def body(self, length: int) -> bytes:
        data = await self.reader.readexactly(length)
        self.seen += data
        return data

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class Upstream:
    """A server in a thread of this process. `answers[path]` is bytes, or writes to the line; anything else is OK."""

    def __init__(self, port: int = 0) -> None:
        self.answers: dict[str, bytes | Answer] = {}
        self.lines: list[Line] = []
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(port, ready), daemon=True)
        self.thread.start()
        assert ready.wait(10)

    def _run(self, port: int, ready: threading.Event) -> None:
        async def serve() -> None:
            self.server = await asyncio.start_server(self._line, "127.0.0.1", port, limit=1 << 20)
            self.port = int(self.server.sockets[0].getsockname()[1])
            self.stopped = asyncio.Event()
            ready.set()
            await self.stopped.wait()
            self.server.close()
            for line in self.lines:
                line.writer.transport.abort()

        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(serve())
        self.loop.run_until_complete(asyncio.sleep(0.01))
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.01))
        self.loop.close()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        try:
            while True:
                line.head = await line.read(b"\r\n\r\n")
                path = line.head.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")
                answer = self.answers.get(path, OK)
                if isinstance(answer, bytes):
                    await line.write(answer)
                else:
                    await answer(line)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def seen(self) -> bytes:
        """Every byte that has come, one connection after the other."""
        return b"".join(line.asked() for line in self.lines)

    def heads(self) -> list[bytes]:
        return [line.head for line in self.lines]

    def stop(self) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)


@contextmanager
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def sidecar(
    folder: Path, *upstreams: str, config: str = QUICK, options: tuple[str, ...] = (), keeper: bool = False
) -> Iterator[Served]:
    """`scrapeguard proxy` before these upstreams; its evidence goes to `folder`/evidence."""
    folder.mkdir(exist_ok=True)
    (folder / "guard.toml").write_text(config + (TAIL.partition("[keeper]")[0] if keeper else TAIL), "utf-8")
    port = free_port()
    command = [PROGRAM, "proxy", "--listen", f"127.0.0.1:{port}", "--config", str(folder / "guard.toml"), *options]
    for url in upstreams:
        command += ["--upstream", url]
    with running(command, folder, port, os.environ | {"PYTHONWARNINGS": "default"}) as served:
        wait_until(lambda: "startup complete" in served.log(), served)
        yield served


def ask(served: Served, request: bytes, patience: float = 5) -> bytes:
    """Send bytes as they are; what comes back until one response is complete, or the server closes or says no more."""
    with served.socket() as line:
        line.settimeout(patience)
        answer = b""
        try:
            line.sendall(request)
            while not complete(answer, request) and (part := line.recv(65536)):
                answer += part
        except OSError:
            pass  # reset or silence: both are answers of a kind
    return answer


def complete(answer: bytes, request: bytes) -> bool:
    """Whether this is a whole response."""
    top, end, rest = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    if request.startswith(b"HEAD ") or answer[9:12] in (b"204", b"304"):
        return True
    length = top.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
    return len(rest) >= int(length) if length else rest.endswith(b"0\r\n\r\n")


def head(answer: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of a response as read from the wire."""
    first, *lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return int(first.split(" ")[1]), {name.lower(): value for name, _, value in (it.partition(": ") for it in lines)}


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def events(served: Served) -> list[dict[str, object]]:
    """The upstream's failures that are on record."""
    return [record["what"] for record in served.records() if record["k"] == "upstream.failed"]


def failure(served: Served, known: int) -> dict[str, object]:
    """The failure that is put on record after the first `known`: the disk is not waited for while somebody waits."""
    assert soon(lambda: len(events(served)) > known)
    return events(served)[-1]


def soon(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether a condition comes true within some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """Bytes of memory a process holds, at their most."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024
