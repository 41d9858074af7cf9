"""The catalogue as it was: of every table only the rows that existed at a size of the log.

A row existed if a log entry before that size names it. For one session, temporary views stand
before the tables whose rows came later; so every query of that session, whoever wrote it, sees
that state and no other. What is derived beside the log, such as overlaps and the index, is seen
as far as the versions that it is about existed.

Values that were erased are not brought back. A moment in time stands for what was recorded by
then, to its last microsecond; a day ends at midnight, UTC.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.core.entry import EntryKind, parse_leaf
from registry.core.evidence import instant_range, to_micros
from registry.db.base import Base
from registry.db.models import LogEntry
from registry.db.session import Database
from registry.errors import InvalidInputError, NotFoundError

_SIZE: Final = re.compile(r"log:(\d{1,15})")
_NAMES_ROWS_AGAIN: Final = frozenset({EntryKind.ROWS_REDACTED})
"""Kinds of entries whose rows had been written before."""
_HINT: Final = "write a log size such as `log:812`, or a date or time such as `2026-11-01`"
_BESIDE: Final = {
    "version_overlaps": "version_id IN (SELECT id FROM dataset_versions) "
    "AND other_id IN (SELECT id FROM dataset_versions)",
    "sketch_tables": "location_id IN (SELECT id FROM locations)",
}
"""Tables that the log does not bind, and which of their rows are about what existed."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """A past state of the catalogue: a log size, or a time.

    Attributes:
        text: How it was written.
        size: The log size, or None.
        moment: Microseconds since 1970 UTC, or None.
    """

    text: str
    size: int | None = None
    moment: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `log:812`, or a date or time.

        Raises:
            InvalidInputError: It is neither.
        """
        match = _SIZE.fullmatch(text)
        if match is not None:
            return cls(text, size=int(match[1]))
        try:
            return cls(text, moment=instant_range(text)[1])
        except InvalidInputError as error:
            raise InvalidInputError(f"`{text}` is no state of the log", hint=_HINT) from error

    def size_in(self, session: Session) -> int:
        """Return how many entries the log had.

        Raises:
            NotFoundError: The log has fewer entries.
        """
        now = ledger.size(session)
        if self.size is not None:
            if self.size > now:
                raise NotFoundError(f"the log has {now:,} entries, not {self.size:,}", hint=_HINT)
            return self.size
        return _first_after(session, now, self.moment or 0)


def _first_after(session: Session, size: int, moment: int) -> int:
    """Return the position of the first entry after a moment; entries are in order of time."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if to_micros(_time(session, middle)) <= moment:
            low = middle + 1
        else:
            high = middle
    return low


def _time(session: Session, position: int) -> dt.datetime:
    data = session.execute(
        sa.select(LogEntry.leaf).where(LogEntry.position == position)
    ).scalar_one()
    return parse_leaf(data).time


@contextmanager
def reading(database: Database, wanted: AsOf | None) -> Iterator[Session]:
    """Give a reading session that sees the catalogue as it was, or as it is.

    Args:
        database: The catalogue.
        wanted: The state, or None for the present one.

    Raises:
        NotFoundError: The log has no such state.
        ConflictError: A log entry is damaged.
    """
    if wanted is None:
        with database.read() as session:
            yield session
        return
    with database.read_alone() as session:
        _go_back(session, wanted.size_in(session))
        yield session


def _go_back(session: Session, size: int) -> None:
    """Put temporary views before the tables whose rows came after a size of the log."""
    session.info["as_of"] = size
    later: defaultdict[str, set[int]] = defaultdict(set)
    for data in session.scalars(
        sa.select(LogEntry.leaf)
        .where(LogEntry.position >= size)
        .order_by(LogEntry.position)
        .execution_options(yield_per=1000)
    ):
        entry = parse_leaf(data)
        if entry.kind not in _NAMES_ROWS_AGAIN:
            for row in entry.rows:
                later[row.table].add(row.id)
    _view(session, "log_state", f"{size} >= 0", columns=f"id, CAST({size} AS BIGINT) AS size")
    _view(session, "log_entries", f"position < {size}")
    _view(session, "log_salts", f"position < {size}")
    _view(session, "log_checkpoints", f"size <= {size}")
    for table in sorted(later):
        _view(session, table, _without(session, table, later[table]))
    for table, condition in _BESIDE.items():
        _view(session, table, condition)


def _without(session: Session, table: str, ids: set[int]) -> str:
    """Return the condition that a row is none of some; most often they are the last ones."""
    first = min(ids)
    shape = Base.metadata.tables[table]
    after = session.scalar(sa.select(sa.func.count()).where(shape.c.id >= first))
    if after == len(ids):
        return f"id < {first}"
    return _all([f"id NOT BETWEEN {begin} AND {end}" for begin, end in _runs(ids)])


def _all(conditions: list[str]) -> str:
    """Return that all of some conditions hold, nested no deeper than databases allow."""
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return f"({_all(conditions[:half])}) AND ({_all(conditions[half:])})"


def _view(session: Session, table: str, condition: str, *, columns: str = "*") -> None:
    connection = session.connection()
    schema = connection.dialect.default_schema_name
    connection.exec_driver_sql(
        # Numbers, and names of our own tables.
        f"CREATE TEMPORARY VIEW {table} AS "  # noqa: S608
        f"SELECT {columns} FROM {schema}.{table} WHERE {condition}"
    )


def _runs(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Give runs of consecutive numbers, as first and last."""
    run: list[int] = []
    for id in sorted(ids):
        if run and id == run[1] + 1:
            run[1] = id
            continue
        if run:
            yield run[0], run[1]
        run = [id, id]
    if run:
        yield run[0], run[1]


def is_past(session: Session) -> bool:
    """Return whether a session sees the catalogue as it was, and not as it is."""
    found: Any = session.info.get("as_of")
    return found is not None
