"""Known crawlers: is this request from the robot that it names? Verified, refuted, or not known.

1. Its address is in the list that the operator publishes: verified.
2. Where the operator names hosts and [crawlers] dns is on: forward-confirmed reverse DNS, looked up in the background.
3. Otherwise, where the operator's list is complete and ours is not stale, an address outside it: refuted.

Nothing is refuted that could be our own mistake: an address that is not public, or that a proxy which we do not trust
may stand behind.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scrapeguard.config import shipped
from scrapeguard.errors import ConfigError, FormatError
from scrapeguard.facts.agent import catalogue
from scrapeguard.facts.catalogue import Crawler
from scrapeguard.facts.networks import Networks
from scrapeguard.facts.ranges import RangeList, load
from scrapeguard.facts.refresh import over_https
from scrapeguard.model import Agent, Client, Headers, Identity

if TYPE_CHECKING:
    from scrapeguard.facts.dns import Resolver
    from scrapeguard.facts.signatures import Signatures

Sent = tuple[str, str | None, str, Headers]  # method, scheme, path with query, headers
DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class CrawlerSettings:
    """[crawlers]"""

    verify: bool = True
    directory: str = "scrapeguard-crawlers"  # where `scrapeguard crawlers update` puts newer lists of addresses
    stale_days: int = 30  # an older list verifies, but no longer refutes
    signers: dict[str, str] = field(default_factory=dict)  # who may sign as which robot (Web Bot Auth)
    dns: bool = False  # ask DNS as well, in the background
    dns_servers: tuple[str, ...] = ()  # "192.0.2.53" or with a port; none = those of the machine


@dataclass(frozen=True, slots=True)
class Check:
    """How the claim of one crawler is checked."""

    crawler: Crawler
    networks: Networks  # its own
    kin: tuple[Networks, ...]  # all that its operator publishes
    time: int  # of the list, microseconds since 1970; 0 = there is none

    def told(
        self, state: Literal["verified", "refuted", "unknown"], method: Literal["ranges", "dns", "signature", ""]
    ) -> Identity:
        return Identity(state, method, self.crawler.operator, self.crawler.token, self.crawler.use)


class Crawlers:
    """`identify` looks up and never waits. Raises ConfigError for a setting or a list that is wrong."""

    def __init__(self, settings: CrawlerSettings, path: Callable[[str], Path], old: "Crawlers | None" = None) -> None:
        self.settings = settings
        newer = _load(path(settings.directory)) if settings.directory else {}
        self.lists = {**bundled(), **newer}
        found = checks(catalogue().crawlers, self.lists) if newer else bundled_checks()
        self._checks = found if settings.verify else {}
        self.resolver: Resolver | None = None
        if settings.dns:
            same = old is not None and old.settings.dns_servers == settings.dns_servers
            self.resolver = (old.resolver if old and same else None) or open_resolver(settings.dns_servers)

        self.signatures: Signatures | None = None
        if settings.signers:
            kept = old.signatures if old is not None and old.settings.signers == settings.signers else None
            self.signatures = kept or open_signatures(settings.signers)

    def identify(self, agent: Agent, client: Client, now: int, sent: Sent | None = None) -> Identity | None:
        """Who a request of `agent` from `client` is at `now` (microseconds); None when it claims to be nobody known.

        `sent` is its method, scheme, path with query, and headers, where the door sees them.
        """
        if self.signatures is not None and sent is not None and b"signature-agent" in sent[3].raw and client.address:
            signed = self._signed(self.signatures, client, now, sent)
            if signed is not None:
                return signed
        if not agent.operator:
            return None
        check = self._checks.get(agent.token)
        if check is None:
            return None
        address, crawler = client.address, check.crawler
        if address in check.networks:
            return check.told("verified", "ranges")
        doubtful = not crawler.complete or client.source not in ("peer", "x-forwarded-for", "forwarded", "log")
        if crawler.rdns and self.resolver is not None:
            state = self.resolver.look(crawler.token, address, crawler.rdns, now) if public(address) else "unknown"
            if state == "verified" or (state == "refuted" and not doubtful):
                return check.told(state, "dns")
            return check.told("unknown", "")
        known = check.time and not self.stale(check.time, now) and not doubtful and public(address)
        if known and not any(
            address in networks for networks in check.kin
        ):  # in another list of its operator: neither proof nor disproof
            return check.told("refuted", "ranges")
        return check.told("unknown", "")

    def _signed(self, signatures: "Signatures", client: Client, now: int, sent: Sent) -> Identity | None:
        """Who signed a request, if that is known; if not, it is found out later."""
        method, scheme, target, headers = sent
        url = f"{scheme}://{headers.get('host') or ''}{target}"
        token = signatures.look(client.address, headers.get("signature-agent") or "", method, url, headers, now)
        if token is None:
            return None
        check = self._checks.get(token)
        return (
            check.told("verified", "signature") if check else Identity("verified", "signature", token, token, "other")
        )

    def stale(self, time: int, now: int) -> bool:
        """Whether a list of `time` tells nothing any more, or yet, about who is missing in it at `now`."""
        return abs(now - time) > self.settings.stale_days * DAY

    async def close(self) -> None:
        """End what is under way."""
        if self.signatures is not None:
            await self.signatures.under_way.close()
        if self.resolver is not None:
            await self.resolver.under_way.close()


def _load(folder: Path) -> dict[str, RangeList]:
    try:
        return load(folder)
    except FormatError as error:
        raise ConfigError(error.message, "Take that file away, or fetch a new one.") from error


@cache
def bundled() -> dict[str, RangeList]:
    """The lists that travel with the package, read once."""
    return load(shipped("robots/ranges"))


@cache
def bundled_checks() -> dict[str, Check]:
    """The checks by the lists that travel with the package, made once."""
    return checks(catalogue().crawlers, bundled())


def checks(crawlers: Iterable[Crawler], lists: dict[str, RangeList]) -> dict[str, Check]:
    """The check of each crawler that somebody in particular runs, by its token."""
    known = [crawler for crawler in crawlers if crawler.operator]
    networks = {url: Networks(found.prefixes, url) for url, found in lists.items()}
    urls: dict[str, set[str]] = {}
    for crawler in known:
        urls.setdefault(crawler.operator, set()).add(crawler.ranges)
    kin = {operator: tuple(networks[url] for url in wanted & networks.keys()) for operator, wanted in urls.items()}
    nothing = Networks((), "")
    return {
        crawler.token: Check(
            crawler,
            networks.get(crawler.ranges, nothing),
            kin[crawler.operator],
            lists[crawler.ranges].time if crawler.ranges in lists else 0,
        )
        for crawler in known
    }


def open_resolver(servers: tuple[str, ...] = ()) -> "Resolver":
    """Raises ConfigError when dnspython is not there, or there is no server to ask."""
    try:
        from scrapeguard.facts.dns import Resolver  # late: an optional package, and slow to import
    except ModuleNotFoundError as error:
        raise ConfigError("crawlers.dns needs the package dnspython.", "Run pip install scrapeguard[dns].") from error
    return Resolver(servers)


def open_signatures(signers: Mapping[str, str]) -> "Signatures":
    """Raises ConfigError when the package is not there, or a signer is no https URL."""
    try:
        from scrapeguard.facts.signatures import Signatures  # late: an optional package, and slow to import
    except ModuleNotFoundError as error:
        raise ConfigError(
            "crawlers.signers needs the package http-message-signatures.", "Run pip install scrapeguard[wba]."
        ) from error
    for url in signers:
        if not url.startswith("https://"):
            raise ConfigError(
                f"crawlers.signers: {url!r} is no https URL.", 'Write { "https://signer.example" = "Bot" }.'
            )
    return Signatures(signers, over_https)


@lru_cache(4096)
def public(address: str) -> bool:
    """Whether an address is one of the public internet; False for what is no address."""
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
