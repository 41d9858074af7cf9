"""The log as the database has it, as hashes of a tree and as the files of its tiles.

All entries are read and hashed each time, because what is signed must be what the database has: a
million entries take some seconds, and a registry has one for each version, claim and export.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.checkpoint import Checkpoint
from registry.core.merkle import HASH_SIZE, leaf_hash, tree_root
from registry.core.tiles import WIDTH, Tile, TileHashes, bundle
from registry.db.models import LogEntry, LogState

_AT_ONCE = 1000


class Leaves:
    """The entries of a database, hashed when this is made.

    Attributes:
        size: How many entries there are from the first on, without a gap.
        problem: What is wrong with the rest, or None: a gap, or a number that is not so.
    """

    def __init__(self, session: Session) -> None:
        """Read and hash all entries.

        Args:
            session: An open session, in which bundles are read later on as well.
        """
        self._session = session
        self.problem: str | None = None
        hashes = bytearray()
        count = 0
        rows = session.execute(
            sa.select(LogEntry.position, LogEntry.leaf)
            .order_by(LogEntry.position)
            .execution_options(yield_per=_AT_ONCE)
        )
        for position, data in rows:
            if position != count:
                self.problem = f"log entry {count} is missing"
                break
            hashes += leaf_hash(data)
            count += 1
        rows.close()
        self.size = count
        said = session.execute(sa.select(LogState.size).where(LogState.id == 1)).scalar_one()
        if self.problem is None and said != count:
            self.problem = f"the log has {count:,} entries, its state says {said:,}"
        self._levels = [bytes(hashes)]
        step = WIDTH * HASH_SIZE
        while (full := len(self._levels[-1]) // step) > 0:
            below = self._levels[-1]
            self._levels.append(
                b"".join(tree_root(_cut(below[at * step : (at + 1) * step])) for at in range(full))
            )

    def hash(self, position: int) -> bytes:
        """Return the hash of an entry."""
        return self._levels[0][position * HASH_SIZE : (position + 1) * HASH_SIZE]

    def hashes(self, size: int) -> TileHashes:
        """Return the hashes of ranges of the first `size` entries."""
        return TileHashes(size, lambda tile: _cut(self.tile(tile)))

    def root(self, size: int) -> bytes | None:
        """Return the root over the first `size` entries, or None if there are not so many."""
        return self.hashes(size).root() if size <= self.size else None

    def extend(self, head: Checkpoint) -> bool:
        """Return whether the log goes on from a checkpoint."""
        return self.root(head.size) == head.root

    def tile(self, tile: Tile) -> bytes:
        """Return the file of a tile."""
        begin = tile.number * WIDTH * HASH_SIZE
        level = self._levels[tile.level] if tile.level < len(self._levels) else b""
        return level[begin : begin + tile.width * HASH_SIZE]

    def bundle(self, tile: Tile) -> bytes:
        """Return the file of the entries that a tile of level 0 has the hashes of."""
        begin = tile.number * WIDTH
        found = self._session.scalars(
            sa.select(LogEntry.leaf)
            .where(LogEntry.position >= begin, LogEntry.position < begin + tile.width)
            .order_by(LogEntry.position)
        )
        return bundle(found.all())


def _cut(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
