"""Which hosts serve their own images, styles and scripts: learnt from the requests, in bounded memory."""

from dataclasses import dataclass, field

from scrapeguard.model import Resource

HOSTS = 256  # no more are kept: the Host header is the client's word
CLIENTS = 256  # that asked for pages, before the count starts afresh
ENOUGH = 4  # clients that asked for pages and for assets too
ICONS = ("/favicon", "/apple-touch-icon", "/browserconfig")  # asked for even where all else comes from a CDN


@dataclass(slots=True)
class Host:
    readers: set[str] = field(default_factory=set)  # clients that asked for a page
    both: set[str] = field(default_factory=set)  # and for an asset afterwards
    answer: bool | None = None
    doubted: bool = False  # the last so many clients took none


class Sites:
    """`learn` tells what is known of a host so far: True, False, or None while too few clients were seen.

    The same requests in the same order give the same answers, so a replay agrees with itself.
    """

    def __init__(self) -> None:
        self._hosts: dict[str | None, Host] = {}

    def learn(self, host: str | None, client: str, resource: Resource, path: str) -> bool | None:
        """Take note of one request and answer for its host; `client` is the address key."""
        site = self._hosts.get(host)
        if site is None:
            site = self._open(host)
            if site is None:
                return None
        if resource is Resource.PAGE:
            if client not in site.readers:
                site.readers.add(client)
                self._review(site)
        elif resource is Resource.ASSET and client in site.readers and not path.startswith(ICONS):
            site.both.add(client)
            if site.answer is not True:
                self._review(site)
        return site.answer

    def _open(self, host: str | None) -> Host | None:
        """A place for a host not seen before; when all are taken, those that hardly anybody asked for are given up."""
        if len(self._hosts) >= HOSTS:
            self._hosts = {
                name: site for name, site in self._hosts.items() if len(site.readers) >= ENOUGH or site.answer
            }
        if len(self._hosts) >= HOSTS:
            return None
        return self._hosts.setdefault(host, Host())

    def _review(self, site: Host) -> None:
        """A third of the readers taking assets is enough to know; once known, many readers taking none unlearn it.

        Twice as many as it takes to ask the question: a fleet of scrapers takes none either.
        """
        readers, both = len(site.readers), len(site.both)
        if both >= ENOUGH and both * 3 >= readers:
            site.answer = True
        if readers >= CLIENTS:
            few = both * 20 < readers
            if few and (site.doubted or site.answer is None):
                site.answer = False
            site.doubted = few
            site.readers, site.both = set(), set()
