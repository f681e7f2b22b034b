"""The demo's site, guarded and served: uvicorn on a loopback port, in a thread that ends with the block."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from scrapeguard import selftest
from scrapeguard.demo.authority import Stamping
from scrapeguard.demo.site import HOST, catalogue_site
from scrapeguard.errors import InputError
from scrapeguard.guard import ScrapeGuard

SECONDS = 10  # for the server to start, and to end


def settings(evidence: Path, stamping: Stamping | None) -> dict[str, dict[str, object]]:
    """The demo's configuration: every limit is the default one, and a few exchanges are captured."""
    return {
        "facts": {"traps": ["/trap/*"]},
        "notices": {"terms_url": f"http://{HOST}/terms", "contact": f"mailto:data@{HOST}"},
        "evidence": {"directory": str(evidence.absolute())},
        "keeper": keeping(stamping),
        "capture": {"exchanges": 2},
    }


def keeping(stamping: Stamping | None) -> dict[str, object]:
    """How the demo's evidence is kept: its own site's name, and its own authority where there is one."""
    asked: dict[str, object] = {"site": HOST, "stamp_seconds": 10}
    if stamping is not None:
        asked |= {"authorities": [stamping.url], "authority_roots": [str(stamping.root)]}
    return asked


@contextmanager
def guarded_site(evidence: Path, stamping: Stamping | None = None) -> Iterator[int]:
    """Serve the guarded catalogue; gives the port. When the block ends, however it ends, nothing keeps running."""
    guarded = ScrapeGuard(catalogue_site(), settings(evidence, stamping))
    server = uvicorn.Server(
        uvicorn.Config(guarded, log_config=None, access_log=False, proxy_headers=False, lifespan="on")
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],), name="demo-site", daemon=True)
        thread.start()
        try:
            _until_started(server, thread)
            _tested(guarded)
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(SECONDS)


def _tested(guarded: ScrapeGuard) -> None:
    """Put on record, before anybody comes, that each detector stops what it is there for and lets a person pass."""
    results = asyncio.run(selftest.run(guarded.parts, selftest.now()))
    guarded.parts.evidence.event("selftest.result", selftest.told(results))


def _until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise InputError("The demo's site did not start.", "Is the loopback interface up?")
        time.sleep(0.01)
