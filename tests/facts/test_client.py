"""Who the client is: the socket's peer, or what proxies of ours say; never what the client says of himself."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.facts import address as addresses
from scrapeguard.facts.client import Clients, Origin
from scrapeguard.facts.networks import Networks

DATA = Path(os.environ.get("SCRAPEGUARD_DATA") or Path(__file__).parents[3] / "shared" / "data") / "ipforms"
OURS = ("127.0.0.0/8", "10.0.0.0/8", "2001:db8:ffff::/48")
XFF, FORWARDED = b"x-forwarded-for", b"forwarded"


def origin(
    peer: object, *lines: tuple[bytes, bytes | str], family: str = "x-forwarded-for", unix: bool = False
) -> Origin:
    clients = Clients(Networks(OURS, "test"), family, unix)  # type: ignore[arg-type]
    pairs = [(name, value.encode("latin-1") if isinstance(value, str) else value) for name, value in lines]
    return clients.read(peer, dict(pairs), pairs)


@pytest.mark.parametrize(
    ("peer", "address", "key", "network", "port"),
    [
        (("203.0.113.9", 4711), "203.0.113.9", "203.0.113.9", "203.0.113.0/24", 4711),
        (["203.0.113.9", 4711], "203.0.113.9", "203.0.113.9", "203.0.113.0/24", 4711),
        (("::ffff:203.0.113.9", 1), "203.0.113.9", "203.0.113.9", "203.0.113.0/24", 1),
        (("2001:DB8::1:2:3:4", 5), "2001:db8::1:2:3:4", "2001:db8::/64", "2001:db8::/48", 5),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48", 5),
        (("fe80::1%eth0", 5, 0, 2), "fe80::1", "fe80::/64", "fe80::/48", 5),
        (("203.0.113.9",), "203.0.113.9", "203.0.113.9", "203.0.113.0/24", None),
        (("203.0.113.9", "80"), "203.0.113.9", "203.0.113.9", "203.0.113.0/24", None),
    ],
)
def test_a_direct_client_is_the_peer(peer: object, address: str, key: str, network: str, port: int | None) -> None:
    client = origin(peer).client
    assert (client.address, client.key, client.network, client.port) == (address, key, network, port)
    assert client.source == "peer"


@pytest.mark.parametrize(
    "peer", [None, (), [], "", "203.0.113.9", ("", 0), (None, 1), ("testclient", 50000), 7, ("x" * 9000, 1)]
)
def test_a_peer_without_an_address_is_nobody_we_can_count(peer: object) -> None:
    client = origin(peer, (XFF, "198.51.100.7")).client
    assert (client.address, client.key, client.network, client.source) == ("", "", "", "unknown")


def test_a_header_from_a_stranger_is_ignored_and_the_record_says_so() -> None:
    for name in (XFF, FORWARDED):
        found = origin(("203.0.113.9", 1), (name, "for=198.51.100.7"), (b"x-forwarded-proto", "https"))
        assert (found.client.address, found.client.source) == ("203.0.113.9", "untrusted-header")
        assert (found.scheme, found.host, found.trusted) == (None, None, False)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, 198.51.100.7", "198.51.100.7"),  # the left one is what the client made up
        ("1.1.1.1, 198.51.100.7, 10.0.0.1,127.0.0.9", "198.51.100.7"),
        ("198.51.100.7:4711, 10.1.1.1:80", "198.51.100.7"),
        ("198.51.100.7:", "198.51.100.7"),  # an empty port is a port left out
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("fe80::7%25eth0", "fe80::7"),
        ("::ffff:198.51.100.7, ::ffff:10.0.0.1", "198.51.100.7"),
        (" , 198.51.100.7, ,", "198.51.100.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),  # all ours: the farthest asks
        ("junk, 198.51.100.7", "198.51.100.7"),
        ("1.1.1.1, " * 5_000 + "198.51.100.7", "198.51.100.7"),
        ("x" * 100_000 + ", 198.51.100.7", "198.51.100.7"),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_and_ours_are_skipped(value: str, address: str) -> None:
    client = origin(("127.0.0.1", 1), (XFF, value)).client
    assert (client.address, client.source, client.peer) == (address, "x-forwarded-for", "127.0.0.1")


@pytest.mark.parametrize(
    "value",
    [
        *("junk", "1.1.1.1, junk", "1.1.1.1, junk, 10.0.0.1", "198.51.100.07", "0x7f000001", "198.51.100.7:http"),
        *("[::1", "::1]:5", "198.51.100.7:99999999", "a, " * 40, "10.0.0.1, " * 40, "\xff\xfe", "'198.51.100.7'"),
        *("<script>", "x" * 9000, "2001:db8::7:", "[198.51.100.7]:80"),
    ],
)
def test_a_boundary_that_cannot_be_read_is_the_peer_never_what_stands_left_of_it(value: str) -> None:
    client = origin(("127.0.0.1", 1), (XFF, value)).client
    assert (client.address, client.source) == ("127.0.0.1", "malformed-header")


def test_repeated_header_lines_are_one_list_in_order() -> None:
    lines = ((XFF, "1.1.1.1"), (b"accept", "*/*"), (XFF, "198.51.100.7"), (XFF, "10.0.0.1"))
    assert origin(("127.0.0.1", 1), *lines).client.address == "198.51.100.7"


@pytest.mark.parametrize("value", ["unknown", "1.1.1.1, unknown", "1.1.1.1, UNKNOWN, 10.0.0.1", "_hidden"])
def test_who_our_proxy_does_not_know_is_nobody_we_can_count(value: str) -> None:
    client = origin(("127.0.0.1", 1), (XFF, value)).client
    assert (client.address, client.key, client.source) == ("", "", "unknown")


def test_an_empty_header_and_none_are_the_peer() -> None:
    assert origin(("127.0.0.1", 1), (XFF, "")).client.source == "peer"
    assert origin(("127.0.0.1", 1), (XFF, " , ,")).client.address == "127.0.0.1"
    assert origin(("127.0.0.1", 1)).client.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("value", "address", "scheme", "host"),
    [
        ("for=198.51.100.7", "198.51.100.7", None, None),
        ('For="198.51.100.7:4711";Proto=HTTPS;by=10.0.0.1', "198.51.100.7", "https", None),
        ('for="[2001:db8::7]:443"; proto=https; host="Example.ORG:8080"', "2001:db8::7", "https", "example.org:8080"),
        (
            "for=1.1.1.1;proto=http, for=198.51.100.7;proto=https, for=10.0.0.1;proto=http",
            "198.51.100.7",
            "https",
            None,
        ),
        ('for="1.1.1.1, for=198.51.100.7', "198.51.100.7", None, None),  # the client left a quote open
        ('for=1.1.1.1;ext="a, b", for=198.51.100.7', "198.51.100.7", None, None),
        ('for=198.51.100.7;ext="a, \\", b"', "198.51.100.7", None, None),
        ("for=junk, for=198.51.100.7, for=10.0.0.1", "198.51.100.7", None, None),
        ("for=1.1.1.1," * 5_000 + "for=198.51.100.7", "198.51.100.7", None, None),
    ],
)
def test_forwarded_is_read_by_rfc_7239(value: str, address: str, scheme: str | None, host: str | None) -> None:
    found = origin(("127.0.0.1", 1), (FORWARDED, value), family="forwarded")
    assert (found.client.address, found.client.source) == (address, "forwarded")
    assert (found.scheme, found.host) == (scheme, host)


@pytest.mark.parametrize(
    "value",
    [
        *("198.51.100.7", "for=", "for", "=", "for=1.1.1.1;for=2.2.2.2", 'for="198.51.100.7', "by=198.51.100.7"),
        *("for=198.51.100.07", 'for="[2001:db8::7"', "for=198.51.100.7;;;=", "\xff", "x" * 9000, '"' * 4000),
        "for=1.1.1.1 proto=https",
    ],
)
def test_a_broken_element_of_forwarded_is_the_peer(value: str) -> None:
    client = origin(("127.0.0.1", 1), (FORWARDED, value), family="forwarded").client
    assert (client.address, client.source) == ("127.0.0.1", "malformed-header")


@pytest.mark.parametrize(
    "value", ["for=unknown", "for=_hidden", 'for="_SEVKISEK:_x"', "for=1.1.1.1, for=unknown, for=10.0.0.1"]
)
def test_who_forwarded_hides_is_nobody_we_can_count(value: str) -> None:
    assert origin(("127.0.0.1", 1), (FORWARDED, value), family="forwarded").client.source == "unknown"


def test_only_one_family_is_read() -> None:
    lines = ((XFF, "198.51.100.7"), (FORWARDED, "for=192.0.2.7"))
    assert origin(("127.0.0.1", 1), *lines).client.address == "198.51.100.7"
    assert origin(("127.0.0.1", 1), *lines, family="forwarded").client.address == "192.0.2.7"
    assert origin(("127.0.0.1", 1), lines[1]).client.source == "peer"


def test_scheme_and_host_come_from_the_hop_that_names_the_client() -> None:
    lines = (
        (XFF, "1.1.1.1, 198.51.100.7, 10.0.0.1"),
        (b"x-forwarded-proto", "gopher, https, http"),
        (b"x-forwarded-host", "A.example"),
    )
    found = origin(("127.0.0.1", 1), *lines)
    assert (found.scheme, found.host) == ("https", "a.example")


def test_a_unix_socket_is_a_proxy_only_if_the_operator_says_so() -> None:
    assert origin(None, (XFF, "198.51.100.7"), unix=True).client.address == "198.51.100.7"
    assert origin(None, (XFF, "198.51.100.7")).client.address == ""
    assert origin(None, (XFF, "junk"), unix=True).client.source == "malformed-header"


@pytest.mark.parametrize("name", ["ipv4", "ipv6"])
@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is missing: no table of address forms")
def test_addresses_are_those_of_the_json_schema_test_suite(name: str) -> None:
    told = [test for group in json.loads((DATA / f"jsonschema-{name}.json").read_text()) for test in group["tests"]]
    texts = [test for test in told if isinstance(test["data"], str)]
    assert len(texts) >= 8
    for test in texts:
        text = test["data"]
        if "%" in text or "/" in text:  # zone ids are stripped on purpose; the suite forbids them
            continue
        found = addresses.parse(text)
        is_four = found is not None and ":" not in text
        assert (found is not None and is_four == (name == "ipv4")) == test["valid"], test["description"]


@given(st.binary(max_size=300), st.sampled_from(["x-forwarded-for", "forwarded"]))
def test_no_header_makes_a_client_of_what_it_is_not(value: bytes, family: str) -> None:
    client = origin(("127.0.0.1", 1), (family.encode(), value), family=family).client
    assert client.address == "" or addresses.parse(client.address) is not None


@given(st.lists(st.ip_addresses(), min_size=1, max_size=6))
def test_the_client_is_the_last_address_that_is_not_ours(path: list[object]) -> None:
    ours = Networks(OURS, "test")
    folded = [str(addresses.parse(str(address))) for address in path]
    expected = next((address for address in reversed(folded) if address not in ours), folded[0])
    assert origin(("127.0.0.1", 1), (XFF, ", ".join(map(str, path)))).client.address == expected
