"""ScrapeGuard: catch who copies a site wholesale, hurt nobody else, and keep the proof."""

from typing import TYPE_CHECKING

from scrapeguard.version import __version__

if TYPE_CHECKING:
    from scrapeguard.guard import ScrapeGuard

__all__ = ["ScrapeGuard", "__version__"]


def __getattr__(name: str) -> object:
    """Load the middleware when it is first asked for, so that importing the package alone stays light (PEP 562)."""
    if name != "ScrapeGuard":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scrapeguard.guard import ScrapeGuard

    return ScrapeGuard
