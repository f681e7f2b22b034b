"""All upstreams of a site: which one is asked next, and whether they are well."""

import asyncio
from pathlib import Path

from scrapeguard.doors.proxy.connection import Connection
from scrapeguard.doors.proxy.upstream import Upstream
from scrapeguard.errors import ConfigError, UpstreamError
from scrapeguard.sidecar import ProxySettings


class Fleet:
    """`take` gives a connection to the least busy upstream that is well. Raises ConfigError when there is none."""

    def __init__(self, settings: ProxySettings, folder: Path, before: "Fleet | None" = None) -> None:
        if not settings.upstreams:
            raise ConfigError(
                "There is no upstream.", "Name one: --upstream http://127.0.0.1:8080, or [proxy] upstreams."
            )
        self.settings = settings
        same = {} if before is None or before.settings.ca_file != settings.ca_file else before.by_url()
        self.upstreams = [same.get(url) or Upstream(url, settings, folder) for url in dict.fromkeys(settings.upstreams)]
        for upstream in self.upstreams:
            upstream.settings = settings
        for upstream in before.upstreams if before is not None else ():
            if upstream not in self.upstreams:
                upstream.retire()
        self._turn = 0

    def by_url(self) -> dict[str, Upstream]:
        return {upstream.url: upstream for upstream in self.upstreams}

    async def take(self) -> tuple[Upstream, Connection]:
        """A connection, of the next upstream where one cannot be connected to. Raises UpstreamError."""
        if len(self.upstreams) == 1:
            upstream = self.upstreams[0]
            return upstream, await upstream.take()
        failure: UpstreamError | None = None
        for upstream in self._order(asyncio.get_running_loop().time()):
            try:
                return upstream, await upstream.take()
            except UpstreamError as error:
                failure = error
        assert failure is not None
        raise failure

    def choose(self) -> Upstream:
        """The upstream that is asked next."""
        return self._order(asyncio.get_running_loop().time())[0]

    def _order(self, now: float) -> list[Upstream]:
        """Those that are well first, of these the least busy; equals take turns."""
        self._turn = (self._turn + 1) % len(self.upstreams)
        turned = self.upstreams[self._turn :] + self.upstreams[: self._turn]
        return sorted(turned, key=lambda it: (not it.usable(now), it.busy))

    def close(self) -> None:
        for upstream in self.upstreams:
            upstream.retire()
