from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core import merkle, proof, tiles
from registry.core.tiles import Tile, TileHashes
from registry.errors import InvalidInputError, VerificationError

EDGES = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000]
MOST = max(EDGES)


class Log:
    """Tiles computed from the definition: every hash is a tree of its own."""

    def __init__(self) -> None:
        self.levels = [[merkle.leaf_hash(at.to_bytes(4, "big")) for at in range(MOST)]]
        while len(self.levels[-1]) >= tiles.WIDTH:
            below = self.levels[-1]
            self.levels.append(
                [
                    merkle.tree_root(below[at : at + tiles.WIDTH])
                    for at in range(0, len(below) - tiles.WIDTH + 1, tiles.WIDTH)
                ]
            )

    def tile(self, tile: Tile) -> list[bytes]:
        begin = tile.number * tiles.WIDTH
        return self.levels[tile.level][begin : begin + tile.width]


LOG = Log()


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(1, 1234067), "tile/1/x001/x234/067"),
        (Tile(2, 1000, 1), "tile/2/x001/000.p/1"),
        (Tile(63, 999_999), "tile/63/x999/999"),
    ],
)
def test_a_tile_is_where_the_standard_says(tile: Tile, path: str) -> None:
    assert tile.path == path


def test_a_bundle_is_beside_its_tile() -> None:
    assert Tile(0, 1234067, 7).bundle == "tile/entries/x001/x234/067.p/7"


def test_the_tiles_of_the_example_in_the_standard() -> None:
    found = list(tiles.tiles_of(70_000))
    widths = [(tile.level, tile.width) for tile in found]
    assert widths.count((0, 256)) == 273
    assert [item for item in widths if item[1] != 256] == [(0, 112), (1, 17), (2, 1)]
    assert widths.count((1, 256)) == 1
    assert [tile.path for tile in tiles.tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert list(tiles.tiles_of(0)) == []


@settings(max_examples=200)
@given(st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_publishing_in_steps_writes_what_publishing_at_once_does(one: int, two: int) -> None:
    old, new = sorted((one, two))
    had, has = set(tiles.tiles_of(old)), set(tiles.tiles_of(new))
    assert set(tiles.tiles_between(old, new)) == has - had
    # What stays behind are partial tiles of the smaller log.
    assert all(tile.width < tiles.WIDTH for tile in had - has)


@pytest.mark.parametrize("size", EDGES)
def test_roots_and_proofs_come_from_tiles(size: int) -> None:
    read: list[Tile] = []

    def tile(asked: Tile) -> list[bytes]:
        read.append(asked)
        return LOG.tile(asked)

    hashes = TileHashes(size, tile)
    whole = merkle.tree_root(LOG.levels[0][:size])
    assert hashes.root() == whole
    for index in {0, size // 2, size - 1}:
        path = proof.inclusion(hashes, index, size)
        proof.check_inclusion(index, size, whole, LOG.levels[0][index], path)
    for old in {1, size // 3 + 1, size - 1, size} - {0}:
        before = merkle.tree_root(LOG.levels[0][:old])
        path = proof.consistency(hashes, old, size)
        proof.check_consistency(old, size, before, whole, path)
    assert set(read) <= set(tiles.tiles_of(size))
    # A log of 70,000 entries is not read as a whole for a few proofs.
    assert len(read) < 40


def test_no_entries_have_the_root_of_nothing() -> None:
    assert TileHashes(0, LOG.tile).root() == merkle.EMPTY_ROOT


def test_a_tile_that_was_cut_is_refused() -> None:
    hashes = TileHashes(257, lambda tile: LOG.tile(tile)[:-1])
    with pytest.raises(VerificationError, match="0 hashes, expected 1"):
        hashes.root()
    with pytest.raises(VerificationError, match="expected 8,192"):
        tiles.parse_tile(bytes(31), Tile(0, 0))
    assert tiles.parse_tile(b"".join(LOG.tile(Tile(0, 0))), Tile(0, 0)) == LOG.tile(Tile(0, 0))


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    data = tiles.bundle(entries)
    tile = Tile(0, 0, len(entries))
    assert tiles.parse_bundle(data, tile) == entries
    for bad in (data[:-1], data + b"\x00", data + b"\x00\x00"):
        with pytest.raises(VerificationError):
            tiles.parse_bundle(bad, tile)


def test_an_entry_has_at_most_65_535_bytes() -> None:
    longest = bytes(tiles.MAX_ENTRY)
    assert tiles.parse_bundle(tiles.bundle([longest]), Tile(0, 0, 1)) == [longest]
    with pytest.raises(InvalidInputError, match="65,536 bytes is longer than 65,535"):
        tiles.bundle([longest + b"x"])
