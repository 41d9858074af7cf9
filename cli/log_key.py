"""The log's name and key, for the commands that sign it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cli.context import Opened
    from registry.core.note import NoteSigner


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
