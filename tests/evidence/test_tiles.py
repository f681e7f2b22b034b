"""Tiles: the same tree however the leaves come, taken up again where a checkpoint left it, damage named."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapeguard.errors import EvidenceError
from scrapeguard.evidence import tree
from scrapeguard.evidence.tiles import MAX_LEAF, Tiles, sync, tile_path


def leaves(count: int, start: int = 0) -> list[bytes]:
    return [b"leaf %d" % i for i in range(start, start + count)]


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (5, 256, "tile/0/005"),
        (1067, 256, "tile/0/x001/067"),
        (1234067, 256, "tile/0/x001/x234/067"),
        (273, 12, "tile/0/273.p/12"),
    ],
)
def test_paths_are_those_of_the_specification(index: int, width: int, path: str) -> None:
    assert tile_path(0, index, width) == path


def test_a_large_tree_has_the_root_and_proofs_of_one_in_memory(tmp_path: Path) -> None:
    count = 256 * 256 + 300
    tiles = Tiles(tmp_path)
    for start in range(0, count, 5000):
        sync(tiles.append(leaves(min(5000, count - start), start)))
    hashes = [tree.leaf_hash(leaf) for leaf in leaves(count)]
    nodes = tree.nodes_of(hashes)
    root = tree.root_of(hashes)
    assert tiles.frontier.root() == tree.root_at(count, tiles.node) == root
    for index in (0, 255, 256, 65_535, 65_536, count - 1):
        assert tree.inclusion_proof(index, count, tiles.node) == tree.inclusion_proof(index, count, nodes)
    assert tree.consistency_proof(70, count, tiles.node) == tree.consistency_proof(70, count, nodes)
    assert list(tiles.leaf_hashes(65_000, 65_600)) == hashes[65_000:65_600]
    assert list(tiles.leaves(65_000, count)) == leaves(count - 65_000, 65_000)


@given(batches=st.lists(st.integers(1, 700), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_log_taken_up_again_at_any_size_goes_on_as_if_nothing_happened(
    batches: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, size = tmp_path_factory.mktemp("log"), 0
    for batch in batches:
        tiles = Tiles(folder, size)
        assert tiles.frontier.root() == tree.root_of([tree.leaf_hash(leaf) for leaf in leaves(size)])
        tiles.append(leaves(batch, size))
        size += batch
    reopened = Tiles(folder, size)
    assert list(reopened.leaves(0, size)) == leaves(size)


def test_what_was_written_beyond_the_checkpoint_does_not_count(tmp_path: Path) -> None:
    Tiles(tmp_path).append(leaves(300))
    Tiles(tmp_path, 300).append(leaves(500, 9_000))  # a crash before the checkpoint
    tiles = Tiles(tmp_path, 300)
    assert not (tmp_path / "tile/entries/001").exists()
    tiles.append(leaves(100, 300))
    assert list(tiles.leaves(0, 400)) == leaves(400)
    assert list(Tiles(tmp_path, 400).leaves(0, 400)) == leaves(400)


def test_a_missing_tile_is_named(tmp_path: Path) -> None:
    Tiles(tmp_path).append(leaves(300))
    (tmp_path / "tile/0/000").unlink()
    with pytest.raises(EvidenceError, match="tile/0/000"):
        tree.inclusion_proof(0, 300, Tiles(tmp_path, 300).node)


def test_a_leaf_too_long_for_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="65536 bytes"):
        Tiles(tmp_path).append([b"x" * (MAX_LEAF + 1)])
