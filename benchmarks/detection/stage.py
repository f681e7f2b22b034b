"""The stage: the site served on a loopback port, and gates to it through which each client has addresses of its own."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

from benchmarks.detection.ledger import Witness
from benchmarks.detection.site import catalogue_site
from scrapeguard.guard import ScrapeGuard

SECONDS = 10
SETTINGS = {"facts": {"traps": ["/trap/*"], "session_cookies": ["sid"]}}
T = TypeVar("T")


@dataclass(slots=True)
class Gate:
    """Passes bytes on to the site; each connection comes from the next of its addresses."""

    addresses: tuple[str, ...]
    port: int  # of the site
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    turn: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.turn = itertools.cycle(self.addresses)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            inner, outer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(next(self.turn), 0))
            await asyncio.gather(_pour(reader, outer), _pour(inner, writer))
        writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Stage:
    """A loop in a thread, with the site and the gates on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int) -> None:
        self._loop = loop
        self.port = port  # where gates lead

    def gate(self, *addresses: str) -> str:
        """A new address of the site for one client: what it asks there comes from `addresses`, in turn."""
        server = self._run(asyncio.start_server(Gate(addresses, self.port), "127.0.0.1", 0))
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)


def guarded() -> tuple[ASGIApp, Witness]:
    """The site behind the guard with its defaults, and the witness to its verdicts."""
    guard = ScrapeGuard(catalogue_site(), SETTINGS)
    witness = Witness(guard.judge)
    guard.judge = witness  # type: ignore[assignment]
    return guard, witness


@contextmanager
def serving(app: ASGIApp) -> Iterator[Stage]:
    """Serve `app`; when the block ends, however it ends, nothing keeps running."""
    settings = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",  # clients that ask for another protocol are no news
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(settings)
    loop = asyncio.new_event_loop()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(loop, server, listening), name="site", daemon=True)
        thread.start()
        try:
            while not server.started:
                thread.join(0.02)
                if not thread.is_alive():
                    raise RuntimeError("the site did not start")
            yield Stage(loop, int(listening.getsockname()[1]))
        finally:
            server.should_exit = True
            thread.join(SECONDS)


def _serve(loop: asyncio.AbstractEventLoop, server: uvicorn.Server, listening: socket.socket) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(server.serve([listening]))
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.1))
    loop.close()
