"""Proofs that travel alone, made from the tiles of the folder."""

from __future__ import annotations

from pathlib import Path

from registry import ledger
from registry.checkpoints import heads
from registry.checkpoints.advancing import newest_published
from registry.core.logproof import LogProof
from registry.core.note import Note
from registry.core.proof import inclusion
from registry.db.models import LogEntry
from registry.db.session import Database
from registry.errors import ConflictError, NotFoundError, VerificationError
from registry.log_files import LogFolder


def proof_of(database: Database, folder: Path, position: int) -> LogProof:
    """Return the proof that an entry is in the newest published checkpoint.

    It brings the entry along, and the cosignatures that the checkpoint has by now.

    Args:
        database: The catalogue.
        folder: Where the log's files are.
        position: Which entry, from 0.

    Raises:
        NotFoundError: The log has no such entry.
        ConflictError: No checkpoint has it yet.
        VerificationError: `E_INCLUSION`: the tiles, or the entry, are not what was signed.
    """
    with database.read() as session:
        entry = session.get(LogEntry, position) if position >= 0 else None
        if entry is None:
            raise NotFoundError(
                f"the log has no entry {position}",
                hint=f"it has {ledger.size(session):,} entries, counted from 0",
            )
        row = newest_published(session)
        if row is None or row.size <= position:
            raise ConflictError(
                f"entry {position} is in no checkpoint yet", hint="run `firsthand log checkpoint`"
            )
        note = Note.parse(heads.with_cosignatures(session, row))
    path = inclusion(LogFolder(folder).hashes(row.size), position, row.size)
    made = LogProof(position, tuple(path), note, entry.leaf)
    try:
        made.check()
    except VerificationError as error:
        raise VerificationError(
            f"entry {position} of the database is not in the published log: {error.message}",
            code=error.code,
            hint="run `firsthand log fsck`",
        ) from error
    return made
