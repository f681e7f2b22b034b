"""ScrapeGuard: catch who copies a site wholesale, hurt nobody else, and keep the proof."""

from scrapeguard.guard import ScrapeGuard
from scrapeguard.version import __version__


__all__ = ["ScrapeGuard", "__version__"]
