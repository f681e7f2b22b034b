"""DER, as far as time stamps need it: read strictly (definite lengths, short tags) and written.

value = tag (1 byte) || length (1 byte below 0x80, else 0x80 | n and n bytes) || body
"""

from collections.abc import Iterator
from dataclasses import dataclass

from scrapeguard.errors import FormatError

INTEGER, OCTETS, OID, SEQUENCE, SET, TIME = 0x02, 0x04, 0x06, 0x30, 0x31, 0x18


@dataclass(frozen=True, slots=True)
class Node:
    """One DER value."""

    tag: int
    body: bytes
    raw: bytes

    def children(self) -> list["Node"]:
        return list(nodes(self.body))

    def number(self) -> int:
        expect(self, INTEGER)
        return int.from_bytes(self.body, "big", signed=True)


def nodes(data: bytes) -> Iterator[Node]:
    """The DER values of `data`, one behind the other. Raises FormatError."""
    position = 0
    while position < len(data):
        start, tag = position, data[position]
        if position + 2 > len(data) or tag & 0x1F == 0x1F:
            raise FormatError("This is not valid DER.", "It is cut short or uses long tags.")
        length, position = data[position + 1], position + 2
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= 4 or position + count > len(data):
                raise FormatError("This is not valid DER.", "A length is not definite or too long.")
            length, position = int.from_bytes(data[position : position + count], "big"), position + count
        if position + length > len(data):
            raise FormatError("The DER is cut short.", f"{position + length - len(data)} bytes are missing.")
        yield Node(tag, data[position : position + length], data[start : position + length])
        position += length


def one(data: bytes) -> Node:
    """The one DER value that `data` is. Raises FormatError."""
    found = list(nodes(data))
    if len(found) != 1:
        raise FormatError("This is not one DER value.", f"It has {len(found)}.")
    return found[0]


def expect(node: Node, tag: int) -> Node:
    if node.tag != tag:
        raise FormatError("The DER has an unexpected structure.", f"Tag {node.tag:#x} where {tag:#x} belongs.")
    return node


def der(tag: int, body: bytes) -> bytes:
    """One DER value."""
    length = len(body)
    if length < 0x80:
        return bytes([tag, length]) + body
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + body


def integer(value: int) -> bytes:
    """A positive INTEGER."""
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def dotted(body: bytes) -> str:
    """An object identifier as people write it: "1.3.6.1.4.1"."""
    if not body:
        return ""
    first = min(body[0] // 40, 2)
    parts, value = [first, body[0] - 40 * first], 0
    for byte in body[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            parts.append(value)
            value = 0
    return ".".join(map(str, parts))
