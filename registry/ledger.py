"""Append to the transparency log, in the same transaction as the rows it binds.

One sequencer gives positions: whoever appends holds the one row of `log_state` until the
transaction ends, so there are no gaps and no reorderings. Entries are not signed yet.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A row that is not what the log says, or not in the log at all."""

    table: str
    id: int
    problem: str

    def __str__(self) -> str:
        """Return the row's name and what is wrong with it."""
        return f"{self.table} row {self.id}: {self.problem}"


def discrepancies(session: Session) -> Iterator[Discrepancy]:
    """Compare every row that the log binds with the log.

    This finds what was changed, added or deleted in SQL behind the registry's back. It does not
    find a log that was rewritten together with its rows: only signed checkpoints kept elsewhere
    will.
    """
    salts = {
        (row.position, row.name): row.salt for row in session.execute(sa.select(LogSalt)).scalars()
    }
    bound: dict[str, dict[int, tuple[str, bytes | None]]] = {table: {} for table in FOLDED}
    expected = 0
    for row in session.execute(
        sa.select(LogEntry).order_by(LogEntry.position).execution_options(yield_per=1000)
    ).scalars():
        if row.position != expected:
            yield Discrepancy("log_entries", row.position, f"position {expected} is missing")
        expected = row.position + 1
        try:
            entry = parse_leaf(row.leaf)
        except ConflictError as error:
            yield Discrepancy("log_entries", row.position, error.message)
            continue
        if entry.kind != row.kind:
            problem = f"says `{row.kind}`, its leaf `{entry.kind}`"
            yield Discrepancy("log_entries", row.position, problem)
        for item in entry.rows:
            salt = salts.get((row.position, item.salt_name))
            bound[item.table][item.id] = (item.digest, salt)
    if expected != size(session):
        yield Discrepancy("log_state", 1, f"says {size(session)} entries, there are {expected}")
    for table, columns in FOLDED.items():
        yield from _compare(session, table, columns, bound[table])


def _compare(
    session: Session,
    table: str,
    columns: tuple[str, ...],
    bound: dict[int, tuple[str, bytes | None]],
) -> Iterator[Discrepancy]:
    for id, row in _rows(session, table, columns):
        digest, salt = bound.pop(id, (None, None))
        if digest is None:
            yield Discrepancy(table, id, "is in no log entry")
        elif salt is None:
            yield Discrepancy(table, id, "the salt of its log entry is missing")
        elif row is None or row_digest(table, row, salt) != digest:
            yield Discrepancy(table, id, "was changed after it was logged")
    for missing in sorted(bound):
        yield Discrepancy(table, missing, "is in the log and not in the table")


def _rows(
    session: Session, table: str, columns: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Give each row of a table with its id, ascending; None for one that cannot be read."""
    shape = Base.metadata.tables[table]
    # As text: an enumeration would refuse a value that is not one of its own.
    picked = sa.select(
        *(
            sa.type_coerce(shape.c[name], sa.String()).label(name)
            if isinstance(shape.c[name].type, sa.Enum)
            else shape.c[name]
            for name in columns
        )
    )
    last = sa.true()
    while ids := session.scalars(
        sa.select(shape.c.id).where(last).order_by(shape.c.id).limit(500)
    ).all():
        try:
            found = _read(session, picked.where(shape.c.id.in_(ids)))
        except (TypeError, ValueError):
            found = {}
            for id in ids:
                with contextlib.suppress(TypeError, ValueError):
                    found |= _read(session, picked.where(shape.c.id == id))
        for id in ids:
            yield id, found.get(id)
        last = shape.c.id > ids[-1]


def _read(session: Session, picked: sa.Select[Any]) -> dict[int, dict[str, Any]]:
    return {row["id"]: dict(row) for row in session.execute(picked).mappings().all()}


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
