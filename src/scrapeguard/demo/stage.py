"""The demo's site, guarded, tested and served."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scrapeguard import selftest
from scrapeguard.demo.authority import Stamping
from scrapeguard.demo.serving import served
from scrapeguard.demo.site import HOST, ITEMS, catalogue_site
from scrapeguard.guard import ScrapeGuard


def settings(evidence: Path, stamping: Stamping | None) -> dict[str, dict[str, object]]:
    """The demo's configuration: every limit is the default one, and a few exchanges are captured."""
    return {
        "facts": {"traps": ["/trap/*"]},
        "notices": {"terms_url": f"http://{HOST}/terms", "contact": f"mailto:data@{HOST}"},
        "evidence": {"directory": str(evidence.absolute()), "catalogue": ITEMS},
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
    with served(guarded, "demo-site") as port:
        _tested(guarded)
        yield port


def _tested(guarded: ScrapeGuard) -> None:
    """Put on record, before anybody comes, that each detector stops what it is there for and lets a person pass."""
    results = asyncio.run(selftest.run(guarded.parts, selftest.now()))
    guarded.parts.evidence.event("selftest.result", selftest.told(results))
