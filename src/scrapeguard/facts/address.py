"""An address as text: read strictly, written in one way, and grouped into the keys that subjects are counted under."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address from text, or None: zone ids stripped, IPv4-mapped IPv6 folded to IPv4."""
    if len(text) > 64:  # the longest address with a zone is shorter
        return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_node(text: str) -> tuple[IPv4Address | IPv6Address, int | None] | None:
    """An address with or without brackets and port, as proxies write it: "192.0.2.7:4711", "[2001:db8::1]:443"."""
    if text.startswith("["):
        inside, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in inside or (rest and not rest.startswith(":")):
            return None
        host, port = inside, rest[1:] if rest else ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    address = parse(host)
    if address is None:
        return None
    if not port:
        return address, None
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    return address, int(port) or None


def keys(address: IPv4Address | IPv6Address) -> tuple[str, str]:
    """The address key (IPv4: itself; IPv6: its /64) and the network key (/24; /48)."""
    number = int(address)
    if isinstance(address, IPv4Address):
        return str(address), f"{IPv4Address(number & 0xFFFFFF00)}/24"
    return f"{IPv6Address(number >> 64 << 64)}/64", f"{IPv6Address(number >> 80 << 80)}/48"
