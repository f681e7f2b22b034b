"""Sets of addresses and networks, asked millions of times: sorted intervals, found by bisection."""

import ipaddress
import socket
from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

from scrapeguard.errors import ConfigError

MAPPED = IPv6Network("::ffff:0:0/96")


class Networks:
    """`address in networks`, for addresses in canonical text; anything else, "" included, is not in it.

    Entries are addresses and networks ("192.0.2.7", "198.51.100.0/24", "2001:db8::/32"); IPv4-mapped IPv6 counts
    as IPv4. Raises ConfigError naming `place` and the entry; bits set behind the prefix are an error too, because
    it cannot be told whether the address or the length is the slip.
    """

    __slots__ = ("_four", "_six")

    def __init__(self, entries: Iterable[str], place: str) -> None:
        networks = [parse(entry, place) for entry in entries]
        self._four = _intervals(network for network in networks if isinstance(network, IPv4Network))
        self._six = _intervals(network for network in networks if isinstance(network, IPv6Network))

    def __bool__(self) -> bool:
        return bool(self._four[0] or self._six[0])

    def __contains__(self, address: str) -> bool:
        family, (starts, ends) = (socket.AF_INET6, self._six) if ":" in address else (socket.AF_INET, self._four)
        if not starts:
            return False
        try:
            number = int.from_bytes(socket.inet_pton(family, address), "big")
        except (OSError, ValueError):  # not an address: a host name from a log, a NUL
            return False
        place = bisect_right(starts, number) - 1
        return place >= 0 and number <= ends[place]


def parse(entry: str, place: str) -> IPv4Network | IPv6Network:
    """One entry; IPv4-mapped networks folded to IPv4. Raises ConfigError."""
    text = entry.strip()
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        hint = 'Write an address ("192.0.2.7") or a network ("198.51.100.0/24", "2001:db8::/32").'
        raise ConfigError(f"{place}: {entry!r} is neither an address nor a network.", hint) from error
    if str(network.network_address) != str(ipaddress.ip_address(text.partition("/")[0])):
        raise ConfigError(f"{place}: {entry!r} has bits set behind its prefix.", f"Did you mean {str(network)!r}?")
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        base = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((base, network.prefixlen - 96))
    return network


def _intervals(networks: Iterable[IPv4Network] | Iterable[IPv6Network]) -> tuple[list[int], list[int]]:
    """Disjoint intervals in rising order, as two lists: first addresses and last addresses."""
    starts: list[int] = []
    ends: list[int] = []
    for first, last in sorted((int(n.network_address), int(n.broadcast_address)) for n in networks):
        if ends and first <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return starts, ends
