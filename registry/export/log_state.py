"""The state of the log that a plan was made at, as its certificate names it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.certificate import LogState
from registry.core.merkle import leaf_hash, tree_root
from registry.core.tiles import HEIGHT, WIDTH, Tile, TileHashes
from registry.db.models import LogCheckpoint, LogEntry
from registry.errors import ConflictError, VerificationError
from registry.log_files import LogFolder


def at(session: Session, folder: Path, *, origin: str, size: int) -> LogState:
    """Return the log's root over its first entries.

    Args:
        session: A reading session.
        folder: The published log: what its tiles have need not be hashed again.
        origin: The log's name.
        size: How many entries.

    Raises:
        ConflictError: The database does not have all of them.
    """
    try:
        root = TileHashes(size, _Reader(session, folder, _published(session, folder, size))).root()
    except VerificationError:
        # Tiles can be lost; the entries are the database's.
        root = TileHashes(size, _Reader(session, folder, 0)).root()
    return LogState(origin, size, root.hex())


def _published(session: Session, folder: Path, size: int) -> int:
    """Return how many entries have tiles that give the root that was signed."""
    row = session.scalars(
        sa.select(LogCheckpoint)
        .where(LogCheckpoint.size <= size)
        .order_by(LogCheckpoint.size.desc())
        .limit(1)
    ).first()
    if row is None or LogFolder(folder).hashes(row.size).root().hex() != row.root:
        return 0
    return row.size


class _Reader:
    """Gives the hashes of tiles: from the published ones, or from the entries."""

    def __init__(self, session: Session, folder: Path, published: int) -> None:
        self._session, self._published = session, published
        self._folder = LogFolder(folder)

    def __call__(self, tile: Tile) -> Sequence[bytes]:
        if tile.first + (tile.width << HEIGHT * tile.level) <= self._published:
            return self._folder.tile(tile)
        if tile.level:
            below = (Tile(tile.level - 1, tile.number * WIDTH + at) for at in range(tile.width))
            return [tree_root(self(part)) for part in below]
        leaves = self._session.scalars(
            sa.select(LogEntry.leaf)
            .where(LogEntry.position >= tile.first, LogEntry.position < tile.first + tile.width)
            .order_by(LogEntry.position)
        ).all()
        if len(leaves) != tile.width:
            raise ConflictError(
                f"a log entry from {tile.first:,} on is missing",
                hint="the database was changed by hand; run `firsthand db check`",
            )
        return [leaf_hash(leaf) for leaf in leaves]
