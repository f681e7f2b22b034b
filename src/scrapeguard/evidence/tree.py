"""The Merkle tree of RFC 6962, section 2.1: hashes, roots and proofs; verify.py checks them. Pure.

    leaf hash   SHA-256(0x00 || leaf)
    node hash   SHA-256(0x01 || left || right)
    root        of n leaves: split at the largest power of two below n

Where the hashes come from is the caller's business: a `Nodes` function gives the hash of a complete subtree.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

Hash = bytes  # 32 bytes
Nodes = Callable[[int, int], Hash]  # (level, index) -> hash of the leaves [index << level, (index + 1) << level)

EMPTY = sha256(b"").digest()


def leaf_hash(leaf: bytes) -> Hash:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The complete subtrees a growing tree consists of: enough to append and to tell the root, O(log n)."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[Hash] = []  # largest first; one for each bit set in `size`

    def append(self, leaf: Hash) -> list[tuple[int, int, Hash]]:
        """Add a leaf hash. Answers the complete nodes that came to be, as (level, index, hash), lowest first."""
        made = [(0, self.size, leaf)]
        level, carry = 0, self.size
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            level, carry = level + 1, carry >> 1
            made.append((level, self.size >> level, leaf))
        self._peaks.append(leaf)
        self.size += 1
        return made

    def root(self) -> Hash:
        """The root over all leaves so far; SHA-256 of nothing for an empty tree."""
        if not self._peaks:
            return EMPTY
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    @classmethod
    def at(cls, size: int, nodes: Nodes) -> "Frontier":
        """The frontier of a tree of `size` leaves, from its complete nodes."""
        frontier = cls()
        frontier.size = size
        frontier._peaks = [nodes(level, index) for level, index in peaks(size)]
        return frontier


def peaks(size: int) -> list[tuple[int, int]]:
    """The complete subtrees of a tree of `size` leaves, as (level, index), left to right."""
    found, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


def nodes_of(leaves: Sequence[Hash]) -> Nodes:
    """A `Nodes` over leaf hashes held in memory; each node is computed once."""
    levels: list[list[Hash]] = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return lambda level, index: levels[level][index]


def root_of(leaves: Sequence[Hash]) -> Hash:
    """The root of the tree over `leaves` (leaf hashes)."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def root_at(size: int, nodes: Nodes) -> Hash:
    """The root of the tree of the first `size` leaves."""
    return _range_hash(0, size, nodes) if size else EMPTY


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[Hash]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1. Needs 0 <= index < size."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_hash(middle, high, nodes))
            high = middle
        else:
            path.append(_range_hash(low, middle, nodes))
            low = middle
    return path[::-1]


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[Hash]:
    """PROOF(old, D[new]) of RFC 6962, 2.1.2. Needs 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"no proof leads from {old} to {new} leaves")
    path, low, high, whole = [], 0, new, True
    while high - low > 1 and old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_range_hash(middle, high, nodes))
            high = middle
        else:
            path.append(_range_hash(low, middle, nodes))
            low, whole = middle, False
    if not whole:
        path.append(_range_hash(low, high, nodes))
    return path[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count` (2 or more)."""
    return 1 << (count - 1).bit_length() - 1


def _range_hash(low: int, high: int, nodes: Nodes) -> Hash:
    """The hash over the leaves [low, high), where `low` begins a subtree of that width."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, low >> level)
    middle = low + _split(count)
    return node_hash(_range_hash(low, middle, nodes), _range_hash(middle, high, nodes))
