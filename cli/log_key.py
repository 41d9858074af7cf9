"""The log's name and key, for the commands that sign it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.context import Opened
    from registry.core.note import NoteSigner


def log_origin(registry: Opened, session: Session) -> str:
    """Return the name of the registry's log: what its configuration says, or of its first key."""
    from registry.checkpoints.heads import first_keyid

    return registry.settings.log_origin or f"firsthand/{first_keyid(session)[:16]}"


def log_signer(registry: Opened) -> NoteSigner:
    """Return what signs checkpoints.

    Raises:
        UnavailableError: The key's file is missing or cannot be read.
        InvalidInputError: It is no such key, or others may read it.
    """
    from registry import home
    from registry.core.note import NoteSigner

    with registry.database.read() as session:
        origin = log_origin(registry, session)
    return NoteSigner(origin, home.load_signer(registry.settings).key)
