"""Where the log has the entries that bind rows of the catalogue."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.db.models import LogSalt
from registry.errors import ConflictError

_AT_ONCE = 500


def positions(session: Session, table: str, ids: Collection[int]) -> dict[int, int]:
    """Return the position of the entry that binds each row, by the row's id.

    Args:
        session: An open session.
        table: The rows' table.
        ids: Their ids.

    Raises:
        ConflictError: The log does not know one of them.
    """
    names = {f"{table}/{id}": id for id in ids}
    found: dict[int, int] = {}
    wanted = list(names)
    for begin in range(0, len(wanted), _AT_ONCE):
        part = wanted[begin : begin + _AT_ONCE]
        rows = session.execute(
            sa.select(LogSalt.name, LogSalt.position).where(LogSalt.name.in_(part))
        )
        found |= {names[name]: position for name, position in rows}
    if missing := names.keys() - {f"{table}/{id}" for id in found}:
        raise ConflictError(
            f"the log has no entry for {min(missing)}",
            hint="the database was changed by hand; run `firsthand db check`",
        )
    return found
