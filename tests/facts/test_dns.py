"""Forward-confirmed reverse DNS against a real name server: forged names are refuted, silence proves nothing."""

import asyncio
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from nameserver import Zone, serving, silent

from scrapeguard.errors import ConfigError
from scrapeguard.facts.dns import AT_ONCE, SECONDS, Resolver, matches

GOOGLE = (".googlebot.com", ".geo.googlebot.com")
HONEST, FORGED, NAMELESS, ELSEWHERE, V6 = "66.249.66.1", "5.6.7.8", "5.6.7.9", "5.6.7.10", "2001:4860:4801:10::1"
NOW = 1_790_000_000_000_000


def back(address: str) -> str:
    return ip_address(address).reverse_pointer


def labels(name: str) -> list[tuple[bytes, ...]]:
    return [tuple(name.encode().split(b"."))]


@pytest.fixture
def zone() -> Zone:
    zone = Zone()
    zone.names = {
        back(HONEST): labels("crawl-66-249-66-1.googlebot.com"),
        back(V6): labels("crawl-6.googlebot.com"),
        back(FORGED): labels("crawl-66-249-66-1.googlebot.com"),
        back(ELSEWHERE): labels("crawl.notgooglebot.com"),
    }
    zone.addresses = {
        "crawl-66-249-66-1.googlebot.com": [HONEST],
        "crawl-6.googlebot.com": [V6],
        "crawl.notgooglebot.com": [ELSEWHERE],
    }
    return zone


@pytest.fixture
def server(zone: Zone) -> Iterator[str]:
    with serving(zone) as address:
        yield address


def check(server: str, address: str, lifetime: float = 2.0) -> str:
    return asyncio.run(Resolver([server], lifetime).check(address, GOOGLE))


def test_a_name_of_the_operator_that_leads_back_verifies(server: str) -> None:
    assert [check(server, HONEST), check(server, V6)] == ["verified", "verified"]


def test_a_forged_name_that_does_not_lead_back_is_refuted(server: str) -> None:
    assert check(server, FORGED) == "refuted"


def test_no_name_and_the_name_of_somebody_else_are_refuted(server: str) -> None:
    assert [check(server, NAMELESS), check(server, ELSEWHERE)] == ["refuted", "refuted"]


def test_an_operators_name_that_does_not_exist_is_refuted(zone: Zone, server: str) -> None:
    zone.names[back(FORGED)] = labels("no-such-host.googlebot.com")
    assert check(server, FORGED) == "refuted"


def test_a_dot_inside_a_label_is_no_dot(zone: Zone, server: str) -> None:
    zone.names[back(FORGED)] = [(b"x.googlebot", b"com")]
    zone.addresses["x\\.googlebot.com"] = [FORGED]
    assert check(server, FORGED) == "refuted"


def test_one_honest_name_among_others_verifies(zone: Zone, server: str) -> None:
    zone.names[back(HONEST)] = labels("host.example.com") + labels("crawl-66-249-66-1.googlebot.com")
    assert check(server, HONEST) == "verified"


def test_a_server_that_fails_or_is_silent_proves_nothing(zone: Zone, server: str) -> None:
    zone.broken = {back(NAMELESS), "crawl-66-249-66-1.googlebot.com"}
    assert [check(server, NAMELESS, 0.3), check(server, HONEST, 0.3)] == ["unknown", "unknown"]
    with silent() as nobody:
        assert check(nobody, NAMELESS, 0.2) == "unknown"


def test_a_look_never_waits_asks_once_and_remembers(zone: Zone, server: str) -> None:
    async def story() -> None:
        resolver = Resolver([server])
        looks = [resolver.look("Googlebot", HONEST, GOOGLE, NOW) for _ in range(50)]
        assert set(looks) == {"unknown"}
        await resolver.under_way.settle()
        assert zone.asked.count(back(HONEST)) == 1
        assert resolver.look("Googlebot", HONEST, GOOGLE, NOW) == "verified"
        later = NOW + SECONDS["verified"] * 1_000_000
        assert resolver.look("Googlebot", HONEST, GOOGLE, later - 1) == "verified"
        assert resolver.look("Googlebot", HONEST, GOOGLE, later) == "unknown"
        await resolver.under_way.close()

    asyncio.run(story())


def test_one_forged_name_from_many_addresses_asks_few_questions_at_a_time() -> None:
    async def story() -> None:
        with silent() as nobody:
            resolver = Resolver([nobody])
            for number in range(200):
                resolver.look("Googlebot", f"5.6.8.{number}", GOOGLE, NOW)
            assert len(resolver.under_way) == AT_ONCE
            resolver.look("bingbot", "5.6.7.8", (".search.msn.com",), NOW)
            assert len(resolver.under_way) == AT_ONCE + 1
            await resolver.under_way.close()
            assert not resolver.under_way

    asyncio.run(story())


@pytest.mark.parametrize(
    ("name", "whether"),
    [
        ("crawl-1.googlebot.com", True),
        ("googlebot.com", False),
        ("evilgooglebot.com", False),
        ("crawl.googlebot.com.evil.net", False),
        ("x\\.googlebot.com", False),
        ("rate-limited-proxy-66-249-1-1.google.com", True),
        ("rate-limited-proxy-1.evil.google.com", False),
        ("rate-limited-proxy-.google.com.evil.net", False),
        (f"{'a.' * 130}googlebot.com", False),
    ],
)
def test_a_name_matches_whole_labels_only(name: str, whether: bool) -> None:
    assert matches(name, (".googlebot.com", "rate-limited-proxy-*.google.com")) is whether


def test_a_server_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dns_servers: 'dns\.example' is no address"):
        Resolver(["dns.example"])
