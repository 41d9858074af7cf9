"""Compare the database's log with what was signed and published.

A log that was rewritten together with the rows it binds is consistent in itself; what was signed
before, and lies elsewhere, shows it. Where the published tiles are there, entries are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.checkpoints import files, heads
from registry.checkpoints.advancing import newest_published
from registry.checkpoints.heads import Head
from registry.checkpoints.leaves import Leaves
from registry.core.checkpoint import Checkpoint
from registry.core.merkle import tree_root
from registry.core.note import Note, NoteKey
from registry.core.tiles import WIDTH, Tile
from registry.db.models import LogCheckpoint
from registry.errors import UnavailableError, VerificationError
from registry.ledger import Discrepancy
from registry.log_files import CHECKPOINT, LogFolder


def problems(session: Session, folder: Path, *, origin: str, state: Path) -> list[str]:
    """Return what is not as it was signed and published.

    Looked at are every checkpoint of the database (its signature, and its root over the entries),
    every file of the folder, and what this machine signed last.

    Args:
        session: An open session.
        folder: Where the log's files are.
        origin: The log's name.
        state: Where this machine remembers what it signed.
    """
    leaves = Leaves(session)
    keys = heads.log_keys(session, origin)
    found = [str(item) for item in _rows(session, leaves, origin, keys)]
    published = newest_published(session)
    head = None
    for by, path in (
        (heads.FOLDER, folder / CHECKPOINT),
        (heads.HIGH_WATER, heads.high_water_file(session, origin=origin, state=state)),
    ):
        try:
            seen = heads.signed(path, origin, keys, by=by)
        except VerificationError as error:
            found.append(error.message)
            continue
        if by == heads.FOLDER:
            head = seen
        if seen is not None and not leaves.extend(seen.checkpoint):
            found.append(heads.rolled_back(leaves, seen).message)
    if head is not None:
        found += map(str, _entries(leaves, folder, head))
    if published is not None:
        found += _files(leaves, folder, published, head)
    return found


def _rows(
    session: Session, leaves: Leaves, origin: str, keys: list[NoteKey]
) -> Iterator[Discrepancy]:
    """Compare every checkpoint of the database with its signature and with the entries."""
    for row in session.scalars(sa.select(LogCheckpoint).order_by(LogCheckpoint.size)):
        try:
            note = Note.parse(row.note)
            said = heads.opened(note, origin, keys)
        except VerificationError as error:
            yield Discrepancy("log_checkpoints", row.id, error.message)
            continue
        if (said.size, said.root.hex()) != (row.size, row.root) or len(note.signatures) != 1:
            yield Discrepancy("log_checkpoints", row.id, "does not say what its note says")
        if not leaves.extend(said):
            have = leaves.root(said.size)
            now = "the log is shorter" if have is None else f"their root is {have.hex()}"
            problem = f"{said.size:,} entries with root {said.root.hex()} were signed; now {now}"
            yield Discrepancy("log_checkpoints", row.id, problem)


def _files(
    leaves: Leaves, folder: Path, published: LogCheckpoint, head: Head | None
) -> Iterator[str]:
    """Tell of files of the folder that are not what they should be."""
    if head is None or head.checkpoint.size < published.size:
        there = "no checkpoint" if head is None else f"the checkpoint of {head}"
        yield (
            f"{heads.FOLDER} has {there}, and {published.size:,} entries with root "
            f"{published.root} were published"
        )
        return
    said = Checkpoint.parse(Note.parse(published.note).text)
    if leaves.extend(said):
        for name in files.differences(leaves, folder, published.size):
            yield f"log/{name}: is missing, or not what it should be"


def _entries(leaves: Leaves, folder: Path, head: Head) -> Iterator[Discrepancy]:
    """Name the entries that are not those that were published, as far as tiles tell."""
    size = head.checkpoint.size
    if leaves.extend(head.checkpoint):
        return
    theirs: list[bytes] = []
    reader = LogFolder(folder)
    try:
        for number in range(-(-size // WIDTH)):
            theirs += reader.tile(Tile(0, number, min(WIDTH, size - number * WIDTH)))
    except (VerificationError, UnavailableError):
        return
    if tree_root(theirs) != head.checkpoint.root:
        return
    published = {hash: position for position, hash in enumerate(theirs)}
    mine = [leaves.hash(position) for position in range(leaves.size)]
    there = set(mine)
    last = max((at for at, hash in enumerate(mine) if hash in published), default=0)
    latest = -1
    for position, hash in enumerate(mine):
        at = published.get(hash)
        if at is None:
            # Behind the last published one, entries are new.
            if position < max(size, last):
                yield Discrepancy("log_entries", position, "is not in the published log")
        elif at < latest:
            yield Discrepancy("log_entries", position, f"was published as entry {at}")
        else:
            latest = at
    for position, hash in enumerate(theirs):
        if hash not in there:
            problem = "was published, and is not in the database"
            yield Discrepancy("log_entries", position, problem)
