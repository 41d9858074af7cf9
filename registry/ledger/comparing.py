"""Compare every row that the log binds with the log: the catalogue is a fold of it."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.entry import FOLDED, Entry, RowBinding, parse_leaf, row_digest
from registry.db.base import Base
from registry.db.models import LogEntry, LogSalt
from registry.errors import ConflictError
from registry.ledger.appending import size
from registry.ledger.exceptions import Excused, exemptions

_SLACK: Final = dt.timedelta(seconds=1)
_NO_ENTRY: Final = "is in no log entry"
_NO_SALT: Final = "the salt of its log entry is missing"
_CHANGED: Final = "was changed after it was logged"
_GONE: Final = "is in the log and not in the table"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A row that is not what the log says, or not in the log at all.

    Attributes:
        table: Its table; `log_entries` for an entry of the log itself.
        id: Its id, or the entry's position.
        problem: What is wrong with it.
    """

    table: str
    id: int
    problem: str

    def __str__(self) -> str:
        """Return the row's name and what is wrong with it."""
        return f"{self.table} row {self.id}: {self.problem}"


def discrepancies(session: Session) -> Iterator[Discrepancy]:
    """Compare every row that the log binds with the log.

    Erased and lost rows are accepted where an entry of the log names them. This finds what was
    changed, added or deleted in SQL behind the registry's back. It does not find a log that was
    rewritten together with its rows: signed checkpoints do (`registry.checkpoints.problems`).
    """
    fold = _Fold(Excused.of(exemptions(session)))
    fold.salts = {
        (row.position, row.name): row.salt for row in session.execute(sa.select(LogSalt)).scalars()
    }
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
        yield from fold.add(row.position, entry)
    if expected != size(session):
        yield Discrepancy("log_state", 1, f"says {size(session)} entries, there are {expected}")
    yield from fold.never_bound()
    for table, columns in FOLDED.items():
        yield from _compare(session, table, columns, fold.bound[table])


@dataclass
class _Fold:
    """What the entries so far say that there must be."""

    excused: Excused
    salts: dict[tuple[int, str], bytes] = field(default_factory=dict)
    bound: dict[str, dict[int, tuple[int, str, bytes | None]]] = field(
        default_factory=lambda: {table: {} for table in FOLDED}
    )
    last: dt.datetime | None = None
    erased: set[tuple[int, str, int]] = field(default_factory=set)

    def add(self, position: int, entry: Entry) -> Iterator[Discrepancy]:
        """Take the next entry."""
        if self.last is not None and entry.time < self.last - _SLACK:
            yield Discrepancy("log_entries", position, "is dated before the entry it follows")
        self.last = entry.time
        is_lost = self.excused.is_lost(position)
        for item in entry.rows:
            name = (position, item.table, item.id)
            salt = self.salts.pop((position, item.salt_name), None)
            if is_lost:
                if salt is not None:
                    problem = f"a recovery lost entry {position}, and the row's salt is here"
                    yield Discrepancy(item.table, item.id, problem)
                continue
            if name in self.excused.bindings:
                self.erased.add(name)
                if salt is not None:
                    problem = f"entry {self.excused.bindings[name]} erased it, and its salt is here"
                    yield Discrepancy(item.table, item.id, problem)
                continue
            before = self.bound[item.table].get(item.id)
            if before is not None:
                problem = f"is bound by entry {before[0]}, and by entry {position} again"
                yield Discrepancy(item.table, item.id, problem)
            self.bound[item.table][item.id] = (position, item.digest, salt)

    def never_bound(self) -> Iterator[Discrepancy]:
        """Tell of what entries say was erased and no entry ever bound, and of salts of nothing."""
        for row in sorted(self.excused.bindings.keys() - self.erased):
            problem = f"erases row {row[2]} of `{row[1]}`, which entry {row[0]} did not bind"
            yield Discrepancy("log_entries", self.excused.bindings[row], problem)
        for position, name in sorted(self.salts):
            yield Discrepancy("log_salts", position, f"is for `{name}`, which no entry binds")


def _compare(
    session: Session,
    table: str,
    columns: tuple[str, ...],
    bound: dict[int, tuple[int, str, bytes | None]],
) -> Iterator[Discrepancy]:
    for id, row in _rows(session, table, columns):
        found = bound.pop(id, None)
        problem = _NO_ENTRY if found is None else _difference(table, row, *found[1:])
        if problem is not None:
            yield Discrepancy(table, id, problem)
    for missing in sorted(bound):
        yield Discrepancy(table, missing, _GONE)


def _difference(
    table: str, row: dict[str, Any] | None, digest: str, salt: bytes | None
) -> str | None:
    if salt is None:
        return _NO_SALT
    return None if row is not None and row_digest(table, row, salt) == digest else _CHANGED


@dataclass(frozen=True, slots=True)
class Bound:
    """A row that an entry binds, and how it is now.

    Attributes:
        binding: The row.
        problem: Why it is not what was logged, or None.
        excused: Whether an entry of the log says why.
    """

    binding: RowBinding
    problem: str | None
    excused: bool = False


def bound_by(session: Session, position: int, entry: Entry) -> list[Bound]:
    """Return the rows that an entry binds, each compared with what it is now."""
    excused = Excused.of(exemptions(session))
    found = []
    for item in entry.rows:
        if excused.is_lost(position):
            found.append(Bound(item, "was lost, and a recovery logged it", excused=True))
            continue
        if (by := excused.bindings.get((position, item.table, item.id))) is not None:
            found.append(Bound(item, f"was erased, by entry {by}", excused=True))
            continue
        salt = session.scalar(
            sa.select(LogSalt.salt).where(
                LogSalt.position == position, LogSalt.name == item.salt_name
            )
        )
        rows = dict(_rows(session, item.table, FOLDED[item.table], only=item.id))
        problem = (
            _difference(item.table, rows[item.id], item.digest, salt) if item.id in rows else _GONE
        )
        found.append(Bound(item, problem))
    return found


def _rows(
    session: Session, table: str, columns: tuple[str, ...], *, only: int | None = None
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Give each row of a table, or one, with its id, ascending; None for what cannot be read."""
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
    last = sa.true() if only is None else shape.c.id == only
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
        if only is not None:
            return
        last = shape.c.id > ids[-1]


def _read(session: Session, picked: sa.Select[Any]) -> dict[int, dict[str, Any]]:
    return {row["id"]: dict(row) for row in session.execute(picked).mappings().all()}
