"""The certificates of exported snapshots, as they were written."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from registry.core.caller import OPERATOR, Caller
from registry.core.digest import sha256_hex
from registry.errors import NotFoundError
from registry.query import pages

LARGEST: Final = 64 * 1024 * 1024


def certificate(session: Session, root: str, caller: Caller = OPERATOR) -> tuple[str, bytes]:
    """Return the newest certificate of a snapshot that is still where it was written.

    The registry keeps the digest of each certificate; the bytes are those in the snapshot's
    folder, and are returned only if they have that digest.

    Args:
        session: A reading session.
        root: The snapshot's root.
        caller: Who asks.

    Returns:
        The SHA-256 of the bytes, and the bytes.

    Raises:
        NotFoundError: There is no such snapshot that the caller may see, or its certificates
            were moved, changed or removed.
    """
    found = pages.issues(session, root, caller)
    for item in found:
        data = _read(Path(item.path) / "certificate.json")
        if data is not None and sha256_hex(data) == item.certificate_digest:
            return item.certificate_digest, data
    raise NotFoundError(
        f"the certificate of snapshot `{root}` is no longer where it was written, or was changed "
        f"there; its SHA-256 is `{found[0].certificate_digest}`",
        hint="ask those who have the snapshot for its `certificate.json`, or export it again",
    )


def _read(path: Path) -> bytes | None:
    """Return a file of a bounded size, or None; never waits for a pipe or a device."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return None
            return file.read(LARGEST)
    except (OSError, ValueError):
        return None
