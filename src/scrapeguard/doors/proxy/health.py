"""Look after the upstreams: ask each for a path now and then, so that no visitor is sent to one that is not well."""

import asyncio
import logging
from collections.abc import Callable

from scrapeguard.doors.proxy.fleet import Fleet
from scrapeguard.doors.proxy.upstream import Upstream
from scrapeguard.errors import UpstreamError
from scrapeguard.sidecar import ProxySettings

log = logging.getLogger("scrapeguard.proxy")


async def watch(fleet: Callable[[], Fleet]) -> None:
    """Ask all upstreams, for ever; whether and how often is read anew each time."""
    while True:
        now = fleet()
        if now.settings.health_path:
            await asyncio.gather(*(_ask(upstream, now.settings) for upstream in now.upstreams))
        await asyncio.sleep(max(now.settings.health_seconds, 0.1))


async def _ask(upstream: Upstream, settings: ProxySettings) -> None:
    """An upstream is well that answers within the time for connecting, with a status below 500."""
    said = ""
    try:
        connection = await upstream.take(fresh=True)
        try:
            path = settings.health_path.encode("ascii", "replace")
            connection.begin(
                b"GET %b HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % (path, upstream.authority), False
            )
            await connection.head(settings.connect_seconds)
            if connection.status >= 500:
                said = f"answers {connection.status}"
        finally:
            connection.uploading = True  # whatever else it sends is not waited for
            upstream.give(connection)
    except UpstreamError as error:
        said = error.message
    if upstream.well == bool(said):
        upstream.well = not said
        log.warning("the upstream %s %s", upstream.url, said or "is well again")
