"""Known crawlers: who is verified, who is refuted, and that nobody is refuted by our own mistake."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from nameserver import Zone, serving

from scrapeguard import ScrapeGuard
from scrapeguard.errors import ConfigError
from scrapeguard.facts.agent import catalogue, classify
from scrapeguard.facts.crawlers import Crawlers, CrawlerSettings, bundled
from scrapeguard.model import Client, Identity

DAY = 86_400_000_000
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
GPTBOT = "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"
SPIDER = "Mozilla/5.0 (compatible; 360Spider)"
MADE = bundled()["https://openai.com/gptbot.json"].time
STRANGER = "5.6.7.8"


def client(address: str) -> Client:
    return Client(address, address, "", None, address, "peer")


def who(crawlers: Crawlers, agent: str, address: str, now: int = MADE) -> tuple[str, str]:
    found = crawlers.identify(classify(agent), client(address), now)
    assert found is not None
    return found.state, found.method


@pytest.fixture
def crawlers(tmp_path: Path) -> Crawlers:
    return Crawlers(CrawlerSettings(), tmp_path.joinpath)


def test_an_address_that_the_operator_publishes_verifies(crawlers: Crawlers) -> None:
    found = crawlers.identify(classify(GOOGLEBOT), client("66.249.64.5"), MADE)
    assert found == Identity("verified", "ranges", "Google", "Googlebot", "search")
    assert who(crawlers, GPTBOT, "132.196.86.1") == ("verified", "ranges")


def test_an_address_that_a_complete_list_does_not_hold_is_refuted(crawlers: Crawlers) -> None:
    assert who(crawlers, GPTBOT, STRANGER) == ("refuted", "ranges")


def test_a_stale_list_verifies_but_refutes_nobody(crawlers: Crawlers) -> None:
    for now in (MADE + 31 * DAY, MADE - 31 * DAY):
        assert who(crawlers, GPTBOT, STRANGER, now) == ("unknown", "")
        assert who(crawlers, GPTBOT, "132.196.86.1", now) == ("verified", "ranges")


def test_a_crawler_without_a_published_method_is_never_refuted(crawlers: Crawlers) -> None:
    assert who(crawlers, SPIDER, STRANGER) == ("unknown", "")


def test_an_address_in_another_list_of_the_operator_is_neither_proof_nor_disproof(crawlers: Crawlers) -> None:
    other = bundled()["https://openai.com/searchbot.json"].prefixes[0].partition("/")[0]
    assert who(crawlers, GPTBOT, other) == ("unknown", "")


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "fd00::1", "", "unix", "proxy.internal"])
def test_an_address_that_is_not_public_refutes_nobody(crawlers: Crawlers, address: str) -> None:
    assert who(crawlers, GPTBOT, address) == ("unknown", "")


@pytest.mark.parametrize("source", ["untrusted-header", "malformed-header", "unknown"])
def test_a_proxy_that_is_not_trusted_may_hide_the_real_crawler(crawlers: Crawlers, source: str) -> None:
    hidden = replace(client(STRANGER), source=source)
    found = crawlers.identify(classify(GPTBOT), hidden, MADE)
    assert found is not None
    assert found.state == "unknown"


@pytest.mark.parametrize(
    "agent", ["", "curl/8.5", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0", "heritrix"]
)
def test_who_claims_to_be_nobody_in_particular_has_no_identity(crawlers: Crawlers, agent: str) -> None:
    assert crawlers.identify(classify(agent), client("66.249.64.5"), MADE) is None


def test_verification_can_be_switched_off(tmp_path: Path) -> None:
    crawlers = Crawlers(CrawlerSettings(verify=False), tmp_path.joinpath)
    assert crawlers.identify(classify(GOOGLEBOT), client("66.249.64.5"), MADE) is None


def test_a_newer_list_takes_the_place_of_the_bundled_one(tmp_path: Path) -> None:
    folder = tmp_path / "scrapeguard-crawlers"
    folder.mkdir()
    rows = [{"ipv4Prefix": "5.6.7.0/24"}]
    newer = {"url": "https://openai.com/gptbot.json", "creationTime": "2026-11-01T00:00:00Z", "prefixes": rows}
    (folder / "gptbot.json").write_text(json.dumps(newer))
    crawlers = Crawlers(CrawlerSettings(), tmp_path.joinpath)
    now = crawlers.lists["https://openai.com/gptbot.json"].time
    assert who(crawlers, GPTBOT, STRANGER, now) == ("verified", "ranges")
    assert who(crawlers, GPTBOT, "132.196.86.1", now) == ("refuted", "ranges")


def test_a_damaged_list_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"creationTime": "2026-11-01", "prefixes": [{"ipv4Prefix": "10.0.0.0/8"}]}')
    with pytest.raises(ConfigError, match=r"10\.0\.0\.0/8 is no part of the public internet"):
        Crawlers(CrawlerSettings(directory="."), tmp_path.joinpath)


def test_every_refutable_crawler_has_a_method_and_somebody_who_runs_it() -> None:
    for crawler in catalogue().crawlers:
        assert crawler.use != "other", crawler.token
        if crawler.complete:
            assert crawler.operator, crawler.token
            assert crawler.rdns or crawler.ranges, crawler.token


def test_dns_decides_once_it_has_answered_and_until_then_nothing_is_known(tmp_path: Path) -> None:
    zone = Zone()
    zone.names["1.113.0.203.in-addr.arpa"] = [(b"crawl", b"googlebot", b"com")]
    zone.names["8.7.6.5.in-addr.arpa"] = [(b"crawl", b"googlebot", b"com")]
    zone.names["9.7.6.5.in-addr.arpa"] = [(b"crawl-9", b"googlebot", b"com")]
    zone.addresses = {"crawl.googlebot.com": ["66.249.66.1"], "crawl-9.googlebot.com": ["5.6.7.9"]}

    async def story(server: str) -> None:
        crawlers = Crawlers(CrawlerSettings(dns=True, dns_servers=(server,)), tmp_path.joinpath)
        assert crawlers.resolver is not None
        asked = ("5.6.7.9", STRANGER, "10.0.0.1")
        assert [who(crawlers, GOOGLEBOT, address) for address in asked] == [("unknown", "")] * 3
        await crawlers.resolver.under_way.settle()
        told = [who(crawlers, GOOGLEBOT, address) for address in asked]
        assert told == [("verified", "dns"), ("refuted", "dns"), ("unknown", "")]
        again = Crawlers(crawlers.settings, tmp_path.joinpath, crawlers)  # a reload keeps what is known
        assert who(again, GOOGLEBOT, STRANGER) == ("refuted", "dns")
        await crawlers.close()

    with serving(zone) as server:
        asyncio.run(story(server))
    assert not any("10.in-addr" in name for name in zone.asked)


def test_the_guard_welcomes_the_verified_and_stops_the_impostor(tmp_path: Path) -> None:
    """Sixty pages in a second, from one of Googlebot's addresses and from somebody who took its name."""
    zone = Zone()
    config = {"evidence": {"directory": ""}, "keeper": {"run": False}}

    async def site(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"page"})  # type: ignore[operator]

    async def crawl(guard: ScrapeGuard, address: str, pages: int) -> list[int]:
        statuses = []

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        for number in range(pages):
            scope = {
                "type": "http",
                "method": "GET",
                "scheme": "https",
                "path": f"/page-{number}",
                "raw_path": f"/page-{number}".encode(),
                "query_string": b"",
                "headers": [(b"host", b"shop.example"), (b"user-agent", GOOGLEBOT.encode())],
                "client": (address, 40000),
            }
            await guard(scope, None, send)  # type: ignore[arg-type]
        return statuses  # type: ignore[return-value]

    async def story(server: str) -> None:
        guard = ScrapeGuard(site, {**config, "crawlers": {"dns": True, "dns_servers": [server]}})  # type: ignore[arg-type]
        assert set(await crawl(guard, "66.249.64.5", 400)) == {200}
        await crawl(guard, STRANGER, 1)
        assert guard.parts.crawlers.resolver is not None
        await guard.parts.crawlers.resolver.under_way.settle()
        assert set(await crawl(guard, STRANGER, 3)) == {429}
        await guard.close()

    with serving(zone) as server:
        asyncio.run(story(server))
