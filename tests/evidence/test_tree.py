"""The tree against the test vectors of Certificate Transparency and against a definition written the slow way."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapeguard.evidence import tree
from scrapeguard.evidence.verify import consistent, included

# The eight leaves and the roots that RFC 6962 implementations test each other with.
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


def hashes(count: int) -> list[bytes]:
    return [tree.leaf_hash(str(i).encode()) for i in range(count)]


def test_roots_are_those_other_implementations_compute() -> None:
    frontier = tree.Frontier()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(tree.leaf_hash(leaf))
        assert frontier.root().hex() == root


def test_an_empty_tree_has_the_root_of_nothing() -> None:
    assert tree.Frontier().root() == sha256(b"").digest() == tree.root_at(0, tree.nodes_of([]))


@pytest.mark.parametrize("count", range(1, 40))
def test_every_way_to_a_root_agrees(count: int) -> None:
    leaves = hashes(count)
    expected = by_definition([str(i).encode() for i in range(count)])
    assert tree.root_of(leaves) == tree.root_at(count, tree.nodes_of(leaves)) == expected
    assert tree.Frontier.at(count, tree.nodes_of(leaves)).root() == expected


def test_a_frontier_taken_up_again_grows_as_before() -> None:
    leaves = hashes(300)
    frontier = tree.Frontier.at(173, tree.nodes_of(leaves[:173]))
    for leaf in leaves[173:]:
        frontier.append(leaf)
    assert frontier.root() == tree.root_of(leaves)


def test_append_names_every_complete_node_once() -> None:
    leaves = hashes(100)
    frontier = tree.Frontier()
    made = {(level, index): value for leaf in leaves for level, index, value in frontier.append(leaf)}
    nodes = tree.nodes_of(leaves)
    assert len(made) == sum(100 >> level for level in range(7))
    assert all(nodes(level, index) == value for (level, index), value in made.items())


@given(st.integers(1, 120), st.data())
@settings(max_examples=200, deadline=None)
def test_an_inclusion_proof_holds_for_its_leaf_and_for_no_other(size: int, data: st.DataObject) -> None:
    leaves = hashes(size)
    index = data.draw(st.integers(0, size - 1))
    nodes, root = tree.nodes_of(leaves), tree.root_of(leaves)
    proof = tree.inclusion_proof(index, size, nodes)
    assert included(leaves[index], index, size, proof) == root
    other = data.draw(st.integers(-1, size + 1).filter(lambda i: i != index))
    assert included(leaves[index], other, size, proof) != root
    assert included(tree.leaf_hash(b"other"), index, size, proof) != root
    assert included(leaves[index], index, size, [*proof, root]) != root
    if proof:
        assert included(leaves[index], index, size, proof[:-1]) != root


@given(st.integers(1, 120), st.integers(1, 120))
@settings(max_examples=200, deadline=None)
def test_a_consistency_proof_holds_between_its_trees_only(old: int, more: int) -> None:
    new = old + more
    leaves = hashes(new)
    nodes = tree.nodes_of(leaves)
    old_root, new_root = tree.root_at(old, nodes), tree.root_at(new, nodes)
    proof = tree.consistency_proof(old, new, nodes)
    assert tree.consistency_proof(old, old, nodes) == []
    assert consistent(old, new, proof, old_root) == (old_root, new_root)
    rewritten = tree.root_of([tree.leaf_hash(b"x"), *leaves[1:old]])
    assert consistent(old, new, proof, rewritten) != (rewritten, new_root)
    assert consistent(old, new, [*proof, new_root], old_root) == (b"", b"")


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 5)])
def test_no_proof_is_made_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not in a tree"):
        tree.inclusion_proof(index, size, tree.nodes_of(hashes(max(size, 1))))


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4)])
def test_no_proof_leads_backwards_or_from_nothing(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof leads"):
        tree.consistency_proof(old, new, tree.nodes_of(hashes(5)))
