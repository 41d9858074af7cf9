"""The log of an open registry: its key, and the checkpoints that commands sign and show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.output import tell

if TYPE_CHECKING:
    from cli.context import Opened
    from registry.core.checkpoint import Checkpoint
    from registry.core.note import NoteSigner
    from registry.db.models import LogCheckpoint


def log_signer(registry: Opened) -> NoteSigner:
    """Return what signs checkpoints, under the name of the registry's log.

    Raises:
        UnavailableError: The key's file is missing or cannot be read.
        InvalidInputError: It is no such key, others may read it, or the passphrase is wrong.
        ConflictError: It is not the newest key of the log, or that one is revoked.
    """
    from registry import home

    with registry.database.read() as session:
        return home.load_log_signer(registry.settings, session)


def advance(registry: Opened) -> LogCheckpoint:
    """Return a published checkpoint of all entries, which is signed if there is news."""
    from cli.context import clock
    from registry import checkpoints
    from registry.settings import state_folder

    return checkpoints.advance(
        registry.database,
        registry.settings.log_folder,
        log_signer(registry),
        state=state_folder(),
        now=clock(),
        tell=tell,
    )


def note_of(registry: Opened, row: LogCheckpoint) -> bytes:
    """Return a checkpoint with its cosignatures, as it is published."""
    from registry.checkpoints.heads import with_cosignatures

    with registry.database.read() as session:
        return with_cosignatures(session, row)


def checkpoint_of(note: bytes) -> Checkpoint:
    """Return the checkpoint in a note of this registry."""
    from registry.core.checkpoint import Checkpoint
    from registry.core.note import Note

    return Checkpoint.parse(Note.parse(note).text)


def size_with(registry: Opened, position: int) -> int | None:
    """Return the size of the newest published checkpoint, if it has an entry."""
    from registry.checkpoints.advancing import newest_published

    with registry.database.read() as session:
        row = newest_published(session)
        return row.size if row is not None and row.size > position else None
