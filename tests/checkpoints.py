"""Sign checkpoints of a test's registry, and publish its log as files, as `firsthand log` would."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from registry import home, ledger
from registry.core.checkpoint import Checkpoint
from registry.core.merkle import leaf_hash, tree_root
from registry.core.note import Note, NoteSigner
from registry.core.tiles import WIDTH, Tile, TileHashes, bundle, tiles_of
from registry.db.models import LogCheckpoint, LogEntry
from registry.db.session import Database
from registry.settings import Settings


def sign(database: Database, settings: Settings, *, now: dt.datetime) -> Note:
    """Sign the log as it is, and record that."""
    with database.write() as session:
        signer = home.load_log_signer(settings, session)
        leaves = session.scalars(sa.select(LogEntry.leaf).order_by(LogEntry.position)).all()
        assert len(leaves) == ledger.size(session)
        root = tree_root(map(leaf_hash, leaves))
        note = signed(signer, len(leaves), root)
        session.add(
            LogCheckpoint(
                size=len(leaves),
                root=root.hex(),
                note=note.to_bytes(),
                published=True,
                signed_at=now,
            )
        )
    return note


def signed(signer: NoteSigner, size: int, root: bytes) -> Note:
    """Return a signed checkpoint."""
    text = Checkpoint(signer.name, size, root).to_bytes()
    return Note(text, (signer.sign(text),))


def publish(folder: Path, entries: list[bytes], signer: NoteSigner) -> Note:
    """Write a log of these entries as files: its tiles, its bundles, its checkpoint."""
    leaves = [leaf_hash(entry) for entry in entries]

    def hashes(tile: Tile) -> list[bytes]:
        if tile.level == 0:
            return leaves[tile.first : tile.first + tile.width]
        below = [Tile(tile.level - 1, tile.number * WIDTH + at) for at in range(tile.width)]
        return [tree_root(hashes(item)) for item in below]

    for tile in tiles_of(len(leaves)):
        write(folder / tile.path, b"".join(hashes(tile)))
        if tile.level == 0:
            write(folder / tile.bundle, bundle(entries[tile.first : tile.first + tile.width]))
    note = signed(signer, len(leaves), TileHashes(len(leaves), hashes).root())
    write(folder / "checkpoint", note.to_bytes())
    return note


def write(path: Path, data: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
