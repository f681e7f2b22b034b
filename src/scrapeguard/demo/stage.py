"""The demo's site, guarded and served: uvicorn on a loopback port, in a thread that ends with the block."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from scrapeguard.demo.site import HOST, catalogue_site
from scrapeguard.errors import InputError
from scrapeguard.guard import ScrapeGuard

SECONDS = 10  # for the server to start, and to end


def settings(evidence: Path) -> dict[str, dict[str, object]]:
    """The demo's configuration: every limit is the default one; only names and folders are its own."""
    return {
        "facts": {"traps": ["/trap/*"]},
        "notices": {"terms_url": f"http://{HOST}/terms", "contact": f"mailto:data@{HOST}"},
        "evidence": {"directory": str(evidence)},
    }


@contextmanager
def guarded_site(evidence: Path) -> Iterator[int]:
    """Serve the guarded catalogue; gives the port. When the block ends, however it ends, nothing keeps running."""
    guarded = ScrapeGuard(catalogue_site(), settings(evidence))
    server = uvicorn.Server(
        uvicorn.Config(guarded, log_config=None, access_log=False, proxy_headers=False, lifespan="on")
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],), name="demo-site", daemon=True)
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
            raise InputError("The demo's site did not start.", "Is the loopback interface up?")
        time.sleep(0.01)
