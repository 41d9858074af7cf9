"""A log as static files: tiles of hashes and bundles of entries (C2SP tlog-tiles).

A tile has up to 256 hashes that stand side by side at a level; each hash of level L + 1 is the root
of a full tile of level L. Which files a log of some size has follows from the size alone, and what
is in them from the entries alone, so that publishing twice writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from registry.core.merkle import HASH_SIZE, node_hash, tree_root
from registry.core.proof import split
from registry.errors import InvalidInputError, VerificationError

WIDTH: Final = 256
"""How many hashes a full tile has, and how many entries a full bundle."""
HEIGHT: Final = 8
MAX_ENTRY: Final = (1 << 16) - 1
"""The length of an entry stands in 16 bits."""
_LENGTH: Final = 2


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """Hashes side by side.

    Attributes:
        level: Each hash is over 256 to the power of this many entries.
        number: Which tile of its level.
        width: How many hashes it has, from 1 to 256.
    """

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Return where the tile is, below the log."""
        return f"tile/{self.level}/{_numbered(self.number, self.width)}"

    @property
    def bundle(self) -> str:
        """Return where the entries are that this tile of level 0 has the hashes of."""
        return f"tile/entries/{_numbered(self.number, self.width)}"

    @property
    def first(self) -> int:
        """Return the first entry it is about."""
        return self.number * WIDTH << HEIGHT * self.level

    @property
    def whole(self) -> Tile:
        """Return the full tile at its place."""
        return Tile(self.level, self.number)


def _numbered(number: int, width: int) -> str:
    path = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        path = f"x{number % 1000:03d}/{path}"
    return path if width == WIDTH else f"{path}.p/{width}"


def tiles_of(size: int) -> Iterator[Tile]:
    """Give the tiles of a log of so many entries, level by level."""
    return tiles_between(0, size)


def tiles_between(old: int, new: int) -> Iterator[Tile]:
    """Give the tiles that a log of `new` entries has, and one of `old` entries did not have."""
    level = 0
    while new:
        full, rest = divmod(new, WIDTH)
        for number in range(old // WIDTH, full):
            yield Tile(level, number)
        if rest and new > old:
            yield Tile(level, full, rest)
        old, new, level = old // WIDTH, full, level + 1


ReadTile = Callable[[Tile], Sequence[bytes]]
"""Gives the hashes of a tile."""


class TileHashes:
    """The hashes of ranges of entries, from the tiles of a log of some size.

    Args:
        size: How many entries the log has.
        read: Gives the hashes of a tile that such a log has.
    """

    def __init__(self, size: int, read: ReadTile) -> None:
        """Read nothing yet."""
        self._size = size
        self._read = cache(read)

    def root(self) -> bytes:
        """Return the root over all entries."""
        return self(0, self._size) if self._size else tree_root([])

    def __call__(self, begin: int, end: int) -> bytes:
        """Return the root over the entries from one up to another.

        Args:
            begin: The first entry; a place where a tree over such a range can begin.
            end: Where it ends.
        """
        if not 0 <= begin < end <= self._size:
            raise ValueError(f"the log has no entries {begin} to {end}")
        # A complete part that is aligned lies in one tile; any other is cut as the tree is.
        count = end - begin
        if count & (count - 1) == 0 and begin % count == 0:
            level, inside = divmod(count.bit_length() - 1, HEIGHT)
            at = begin >> HEIGHT * level
            hashes = self._tile(level, at // WIDTH)
            return tree_root(hashes[at % WIDTH : at % WIDTH + (1 << inside)])
        middle = begin + split(count)
        return node_hash(self(begin, middle), self(middle, end))

    def _tile(self, level: int, number: int) -> Sequence[bytes]:
        width = min(WIDTH, (self._size >> HEIGHT * level) - number * WIDTH)
        hashes = self._read(Tile(level, number, width))
        if len(hashes) != width:
            raise VerificationError(
                f"tile {level}/{number} has {len(hashes)} hashes, expected {width}",
                code="E_INCLUSION",
            )
        return hashes


def parse_tile(data: bytes, tile: Tile) -> list[bytes]:
    """Read the file of a tile.

    Raises:
        VerificationError: `E_INCLUSION`: it does not have the size of its tile.
    """
    if len(data) != tile.width * HASH_SIZE:
        raise VerificationError(
            f"`{tile.path}` has {len(data):,} bytes, expected {tile.width * HASH_SIZE:,}",
            code="E_INCLUSION",
        )
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return the file of a bundle.

    Raises:
        InvalidInputError: An entry is longer than 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise InvalidInputError(
                f"a log entry of {len(entry):,} bytes is longer than {MAX_ENTRY:,}"
            )
        parts += [len(entry).to_bytes(_LENGTH, "big"), entry]
    return b"".join(parts)


def parse_bundle(data: bytes, tile: Tile) -> list[bytes]:
    """Read the file of a bundle.

    Raises:
        VerificationError: `E_INCLUSION`: it is not as many whole entries.
    """
    entries, at = list[bytes](), 0
    while at + _LENGTH <= len(data) and len(entries) < tile.width:
        end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "big")
        if end > len(data):
            break
        entries.append(data[at + _LENGTH : end])
        at = end
    if at != len(data) or len(entries) != tile.width:
        raise VerificationError(
            f"`{tile.bundle}` does not have {tile.width} whole entries", code="E_INCLUSION"
        )
    return entries
