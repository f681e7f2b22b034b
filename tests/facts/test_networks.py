"""Sets of networks: what is in them, what is not, and what is refused."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapeguard.errors import ConfigError
from scrapeguard.facts.networks import Networks


@pytest.mark.parametrize(
    "address", ["192.0.2.7", "198.51.100.0", "198.51.100.255", "2001:db8::1", "203.0.113.9", "::1"]
)
def test_what_is_listed_is_in_it(address: str) -> None:
    listed = ("192.0.2.7", "198.51.100.0/24", "2001:db8::/32", "::ffff:203.0.113.0/120", " ::1 ")
    assert address in Networks(listed, "lists.deny")


@pytest.mark.parametrize(
    "address", ["192.0.2.8", "198.51.101.0", "2001:db9::1", "", "junk", "192.0.2.7.", "192.0.2", "\0", "::g", "[::1]"]
)
def test_what_is_not_listed_or_no_address_is_not_in_it(address: str) -> None:
    assert address not in Networks(("192.0.2.7", "198.51.100.0/24", "2001:db8::/32"), "lists.deny")


def test_an_empty_set_holds_nothing_and_is_false() -> None:
    assert "192.0.2.7" not in Networks((), "lists.deny")
    assert not Networks((), "lists.deny")
    assert Networks(("::/0",), "lists.deny")


@pytest.mark.parametrize(
    "entry", ["", "example.com", "192.0.2.0/33", "192.0.2", "192.0.2.07", "::1/129", "1.2.3.4/x", "/"]
)
def test_nonsense_is_refused_with_its_place(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"^lists\.deny: "):
        Networks(("192.0.2.7", entry), "lists.deny")


@pytest.mark.parametrize(
    ("entry", "meant"),
    [("198.51.100.7/24", "198.51.100.0/24"), ("2001:db8::1/32", "2001:db8::/32"), ("10.1.2.3/8", "10.0.0.0/8")],
)
def test_bits_behind_the_prefix_are_refused_and_the_network_is_suggested(entry: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"Did you mean '{meant}'"):
        Networks((entry,), "lists.deny")


blocks = st.tuples(st.integers(0, 2**32 - 1), st.integers(20, 32)).map(
    lambda it: ipaddress.ip_network(it, strict=False)
)


@given(st.lists(blocks, max_size=20), st.integers(-3, 3))
def test_answers_are_those_of_a_walk_over_the_list(networks: list[ipaddress.IPv4Network], beside: int) -> None:
    held = Networks([str(network) for network in networks], "x")
    for network in networks:
        for edge in (network.network_address, network.broadcast_address):
            number = (int(edge) + beside) % 2**32
            address = ipaddress.IPv4Address(number)
            assert (str(address) in held) == any(address in other for other in networks)
