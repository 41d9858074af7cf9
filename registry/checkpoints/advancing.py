"""Sign the next checkpoint, or notice that the log is not what was signed before.

In this order, so that a kill between any two steps loses nothing and forks nothing: finish what was
left · compare · tiles · sign · high-water file · row, not yet published · commit · the file
`checkpoint` · the row is published.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.checkpoints import files, heads
from registry.checkpoints.heads import Head, Heads, Tell, silent
from registry.checkpoints.leaves import Leaves
from registry.core.checkpoint import Checkpoint
from registry.core.note import Note, NoteSigner
from registry.db.models import LogCheckpoint
from registry.db.session import Database
from registry.errors import VerificationError
from registry.log_files import CHECKPOINT, LogFolder


def advance(
    database: Database,
    folder: Path,
    signer: NoteSigner,
    *,
    state: Path,
    now: dt.datetime,
    tell: Tell = silent,
) -> LogCheckpoint:
    """Return a published checkpoint over all entries, which is signed if there is news.

    Args:
        database: The catalogue; nobody may be writing to it in this thread.
        folder: Where the log's files are.
        signer: The log's key; its name is the log's origin.
        state: Where this machine remembers what it signed.
        now: The registry's clock.
        tell: Takes what whoever runs this should know.

    Raises:
        VerificationError: `E_ROLLBACK`: the log does not go on from what was signed.
        ConflictError: The database has gaps in its log.
        UnavailableError: The disk refused, or another command is publishing.
    """
    with files.locked(folder):
        _finish_pending(database, folder, origin=signer.name, state=state)
        with database.write() as session:
            leaves = Leaves(session)
            found = heads.read(session, folder, origin=signer.name, state=state)
            heads.require(found, leaves)
            made = sign_next(
                session, leaves, found, folder, signer, state=state, now=now, tell=tell
            )
        return finish(database, folder, made)


def _finish_pending(database: Database, folder: Path, *, origin: str, state: Path) -> None:
    """Publish the checkpoint that somebody signed who did not come to its end."""
    with database.read() as session:
        found = heads.read(session, folder, origin=origin, state=state)
        if found.row is None or found.row.published:
            return
        heads.require(found, Leaves(session))
    finish(database, folder, found.row.id)


def sign_next(
    session: Session,
    leaves: Leaves,
    found: Heads,
    folder: Path,
    signer: NoteSigner,
    *,
    state: Path,
    now: dt.datetime,
    tell: Tell = silent,
) -> int:
    """Return the id of a checkpoint over all entries, in a session that is to be committed.

    Args:
        session: A writing session.
        leaves: The log, which goes on from all heads.
        found: The heads.
        folder: Where the log's files are, locked.
        signer: The log's key.
        state: Where this machine remembers what it signed.
        now: The registry's clock.
        tell: Takes what whoever runs this should know.
    """
    row = found.row
    old = row.size if row is not None else 0
    if row is not None and not _edge_holds(row, folder):
        # Tiles can be made again; that they were those that were published is what roots say.
        sizes = session.scalars(sa.select(LogCheckpoint.size)).all()
        files.rebuild(leaves, folder, sizes)
    files.grow(leaves, folder, old, leaves.size)
    high_water = heads.high_water_file(session, origin=signer.name, state=state)
    if row is not None and row.size == leaves.size:
        if found.high_water is None or found.high_water.checkpoint.size < row.size:
            heads.write_high_water(high_water, row.note)
        made = row
    else:
        root = leaves.root(leaves.size)
        assert root is not None  # noqa: S101 - it is the log's own size
        text = Checkpoint(signer.name, leaves.size, root).to_bytes()
        note = Note(text, (signer.sign(text),)).to_bytes()
        heads.write_high_water(high_water, note)
        made = LogCheckpoint(
            size=leaves.size, root=root.hex(), note=note, published=False, signed_at=now
        )
        session.add(made)
        session.flush()
    if found.high_water is None and (row is not None or found.file is not None):
        tell(
            f"what was signed is remembered in `{high_water}` from now on; "
            "that the registry was restored before cannot be noticed on this machine"
        )
    return made.id


def _edge_holds(row: LogCheckpoint, folder: Path) -> bool:
    """Return whether the tiles that a checkpoint's root is computed from are there."""
    try:
        root = LogFolder(folder).hashes(row.size).root()
    except VerificationError:
        return False
    return root.hex() == row.root


def finish(database: Database, folder: Path, id: int) -> LogCheckpoint:
    """Write the file of a checkpoint whose row is committed, and say that it is published."""
    with database.read() as session:
        row = session.get_one(LogCheckpoint, id)
        write_file(session, folder, row)
        if row.published:
            return row
        older = session.scalar(
            sa.select(sa.func.max(LogCheckpoint.size)).where(LogCheckpoint.size < row.size)
        )
    files.drop_parts(folder, older or 0, row.size)
    with database.write() as session:
        row = session.get_one(LogCheckpoint, id)
        row.published = True
        session.flush()
        session.expunge(row)
    return row


def write_file(session: Session, folder: Path, row: LogCheckpoint) -> None:
    """Write a checkpoint with its cosignatures, unless this is what is there."""
    data = heads.with_cosignatures(session, row)
    target = files.FolderTarget(folder)
    if target.read(CHECKPOINT) != data:
        target.write(CHECKPOINT, data)
        target.sync()


def refresh(database: Database, folder: Path) -> None:
    """Let the file of the newest published checkpoint carry the cosignatures that came since."""
    with files.locked(folder), database.read() as session:
        row = newest_published(session)
        if row is not None:
            write_file(session, folder, row)


def newest_published(session: Session) -> LogCheckpoint | None:
    """Return the newest checkpoint that is published, or None."""
    return session.scalars(
        sa.select(LogCheckpoint)
        .where(LogCheckpoint.published)
        .order_by(LogCheckpoint.size.desc())
        .limit(1)
    ).first()


def refuse_rollback(database: Database, folder: Path, *, origin: str, state: Path) -> None:
    """Refuse, before long work, a registry whose signer would refuse in the end.

    Cheap unless something is wrong or was interrupted: states are compared by size and root with
    what the database signed. That its entries have these roots, `advance` and `fsck` look at.

    Args:
        database: The catalogue.
        folder: Where the log's files are.
        origin: The log's name.
        state: Where this machine remembers what it signed.

    Raises:
        VerificationError: `E_ROLLBACK`.
        ConflictError: The database has gaps in its log.
    """
    with database.read() as session:
        found = heads.read(session, folder, origin=origin, state=state)
        if not all(_is_known(session, head) for head in found.all()) or _lacks_file(found):
            heads.require(found, Leaves(session))


def _is_known(session: Session, head: Head) -> bool:
    root = head.checkpoint.root.hex()
    last = sa.select(sa.func.max(LogCheckpoint.size))
    same = sa.select(LogCheckpoint.id).where(
        LogCheckpoint.size == head.checkpoint.size, LogCheckpoint.root == root
    )
    return session.execute(same).first() is not None and (session.scalar(last) or 0) <= ledger.size(
        session
    )


def _lacks_file(found: Heads) -> bool:
    return found.published is not None and (
        found.file is None or found.file.checkpoint.size < found.published.size
    )
