"""Read a published log from a folder: its checkpoint, its tiles, its entries.

Whoever published it is not believed: what is read here is checked against a root by the caller
(`TileHashes.root`), and every entry against the hash that its tile has of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from registry.core.merkle import HASH_SIZE, leaf_hash
from registry.core.note import MAX_NOTE, Note
from registry.core.tiles import (
    MAX_ENTRY,
    WIDTH,
    Tile,
    TileHashes,
    parse_bundle,
    parse_tile,
)
from registry.errors import VerificationError
from registry.plain_files import read_small

CHECKPOINT: Final = "checkpoint"
_LARGEST_BUNDLE: Final = WIDTH * (MAX_ENTRY + 2)


class LogFolder:
    """A log as static files in a folder.

    Args:
        path: The folder that has `checkpoint` and `tile/`.
    """

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self.path = path

    def note(self) -> Note:
        """Return the checkpoint; who signed it is not looked at.

        Raises:
            VerificationError: `E_INCLUSION` (there is none), `E_LIMIT`, `E_ENVELOPE` or
                `E_NONCANONICAL`.
            UnavailableError: It cannot be read.
        """
        return Note.parse(
            read_small(self.path / CHECKPOINT, CHECKPOINT, limit=MAX_NOTE, missing="E_INCLUSION")
        )

    def hashes(self, size: int) -> TileHashes:
        """Return the hashes of the first `size` entries; nothing is read yet.

        What they give raises the errors of `tile`.
        """
        return TileHashes(size, self.tile)

    def tile(self, tile: Tile) -> list[bytes]:
        """Return the hashes of a tile; a full one may have taken the place of a partial one.

        Raises:
            VerificationError: `E_INCLUSION`: it is missing or does not have its size.
            UnavailableError: It cannot be read.
        """
        data, found = self._part(tile.path, tile, tile.whole.path, WIDTH * HASH_SIZE)
        return parse_tile(data, found)[: tile.width]

    def entries(self, begin: int, end: int, size: int) -> Iterator[tuple[int, bytes]]:
        """Give position and bytes of entries, each checked against its tile's hash.

        Args:
            begin: The first one.
            end: Where they end.
            size: How many entries the log has.

        Raises:
            VerificationError: `E_INCLUSION`: one is missing, or is not the one that was hashed.
            UnavailableError: Something cannot be read.
        """
        for number in range(begin // WIDTH, -(-end // WIDTH)):
            first = number * WIDTH
            tile = Tile(0, number, min(WIDTH, size - first))
            data, found = self._part(tile.bundle, tile, tile.whole.bundle, _LARGEST_BUNDLE)
            entries, hashes = parse_bundle(data, found), self.tile(tile)
            for at in range(max(begin - first, 0), min(end - first, tile.width)):
                if leaf_hash(entries[at]) != hashes[at]:
                    raise VerificationError(
                        f"entry {first + at} is not the one that the log has the hash of",
                        code="E_INCLUSION",
                    )
                yield first + at, entries[at]

    def _part(self, name: str, tile: Tile, whole: str, limit: int) -> tuple[bytes, Tile]:
        """Return the bytes of a file and which tile it is about: the one asked for, or the full."""
        try:
            return self._read(name, limit), tile
        except VerificationError as missing:
            if tile == tile.whole or missing.code != "E_INCLUSION":
                raise
            try:
                return self._read(whole, limit), tile.whole
            except VerificationError as error:
                raise missing from error

    def _read(self, name: str, limit: int) -> bytes:
        data = read_small(self.path / name, name, limit=limit, missing="E_INCLUSION")
        if len(data) > limit:
            raise VerificationError(f"`{name}` is larger than {limit:,} bytes", code="E_LIMIT")
        return data
