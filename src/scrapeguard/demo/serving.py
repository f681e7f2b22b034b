"""Serve an ASGI app of the demo: uvicorn on a loopback port, in a thread that ends with the block."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from scrapeguard.errors import InputError

SECONDS = 10  # for the server to start, and to end


@contextmanager
def served(app: ASGIApp, name: str) -> Iterator[int]:
    """Gives the port. When the block ends, however it ends, nothing keeps running. Raises InputError."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, lifespan="on"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],), name=name, daemon=True)
        thread.start()
        try:
            _until_started(server, thread)
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(SECONDS)


def _until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise InputError("A server of the demo did not start.", "Is the loopback interface up?")
        time.sleep(0.01)
