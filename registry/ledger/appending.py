"""Append to the transparency log, in the same transaction as the rows it binds.

One sequencer gives positions: whoever appends holds the one row of `log_state` until the
transaction ends, so there are no gaps and no reorderings.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.entry import (
    FOLDED,
    SALT_SIZE,
    EntryKind,
    RowBinding,
    leaf,
    parse_leaf,
    row_digest,
)
from registry.core.evidence import iso_time, to_micros
from registry.db.base import Base
from registry.db.models import LogEntry, LogSalt, LogState
from registry.errors import ConflictError


def append(
    session: Session,
    kind: EntryKind,
    *,
    now: dt.datetime,
    facts: Mapping[str, Any],
    rows: list[Base],
) -> int:
    """Write an entry that binds the given rows, and return its position.

    Args:
        session: A writing session; the rows must have been added to it.
        kind: What happened.
        now: The registry's clock.
        facts: What anybody may see: digests, counts, fixed words.
        rows: Every row that was written for it.

    Raises:
        ConflictError: The clock is behind the last entry.
    """
    session.flush()
    state = session.get_one(LogState, 1, with_for_update=True)
    _check_clock(session, state.size, now)
    position = state.size
    bindings = []
    for row in rows:
        salt = secrets.token_bytes(SALT_SIZE)
        table = row.__tablename__
        values = {name: getattr(row, name) for name in FOLDED[table]}
        binding = RowBinding(table, values["id"], row_digest(table, values, salt))
        bindings.append(binding)
        session.add(LogSalt(position=position, name=binding.salt_name, salt=salt))
    session.add(LogEntry(position=position, kind=str(kind), leaf=leaf(kind, now, facts, bindings)))
    state.size = position + 1
    session.flush()
    return position


def size(session: Session) -> int:
    """Return how many entries the log has: the name of the catalogue's state."""
    return session.execute(sa.select(LogState.size).where(LogState.id == 1)).scalar_one()


def entries(session: Session, *, start: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give position and parsed leaf of each entry, in order."""
    rows = session.execute(
        sa.select(LogEntry.position, LogEntry.leaf)
        .where(LogEntry.position >= start)
        .order_by(LogEntry.position)
        .execution_options(yield_per=1000)
    )
    for position, data in rows:
        yield position, orjson.loads(data)


def position_of(session: Session, table: str, id: int) -> int | None:
    """Return the entry that binds a row, the last one if there are several, or None."""
    found = None
    for position, entry in entries(session):
        rows = entry["rows"]
        if any(row["table"] == table and row["id"] == id for row in rows):
            found = position
    return found


def redact(
    session: Session, erased: Sequence[Base], *, changed: Sequence[Base] = (), now: dt.datetime
) -> int:
    """Erase what must not be known any more, log that it was, and return the entry's position.

    Without its salt a commitment in the log says nothing about the row that it bound. The entry
    names table, id and position of each, which is all that `discrepancies` then accepts.

    Args:
        session: A writing session.
        erased: Rows to delete, with what they say.
        changed: Rows that stay because others refer to them: the caller has overwritten in them
            what is to be erased, and the entry binds what is left.
        now: The registry's clock.

    Raises:
        ConflictError: A row is in no log entry, or others refer to one that is to be deleted.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    named = []
    for row in (*erased, *changed):
        table = row.__tablename__
        (id,) = sa.inspect(row, raiseerr=True).identity or (None,)
        mine = LogSalt.name == f"{table}/{id}"
        positions = session.scalars(sa.select(LogSalt.position).where(mine)).all()
        if not positions:
            raise ConflictError(
                f"row {id} of `{table}` is in no log entry, or was erased before",
                hint="run `firsthand log fsck`",
            )
        named += [{"id": id, "position": at, "table": table} for at in sorted(positions)]
        session.execute(sa.delete(LogSalt).where(mine))
    for row in erased:
        session.delete(row)
    try:
        session.flush()
    except sa.exc.IntegrityError as error:
        raise ConflictError(
            "other rows refer to one that is to be erased",
            hint="erase those as well, or overwrite what it says",
        ) from error
    return append(
        session, EntryKind.ROWS_REDACTED, now=now, facts={"rows": named}, rows=list(changed)
    )


def _check_clock(session: Session, size: int, now: dt.datetime) -> None:
    """Refuse an entry that would be dated before the one it follows."""
    if not size:
        return
    last = session.execute(
        sa.select(LogEntry.leaf).where(LogEntry.position == size - 1)
    ).scalar_one_or_none()
    if last is None:
        raise ConflictError(
            f"log entry {size - 1} is missing",
            hint="the database was changed by hand; run `firsthand db check`",
        )
    before = parse_leaf(last).time
    if before > now + dt.timedelta(seconds=1):
        raise ConflictError(
            f"the clock says {_shown(now)}, the last log entry is of {_shown(before)}",
            hint="set the machine's clock; nothing was recorded",
        )


def _shown(moment: dt.datetime) -> str:
    return iso_time(to_micros(moment))
