"""What a user pays once and a suite would pay thousands of times: disks, and the same SQL again.

A test ends long before the power could, so nothing waits for a disk: `os.fsync` looks at its handle
only, and SQLite does not sync at all, as the PostgreSQL of the tests does not either. What
is run in a process of its own, among it all that is killed, is not touched: there everything is
as it is for users. A test that is about it says `@pytest.mark.synced`.

SQLAlchemy compiles a statement once per engine. A command has one engine and the suite has
thousands, so all engines of one kind share what was compiled, as within one long-lived server.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy import event, util
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import Dialect

_COMPILED: Final[Any] = util.LRUCache(20_000)


@contextmanager
def unsynced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for no disk inside the block."""

    def checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    monkeypatch.setattr(os, "fsync", _only_look)
    event.listen(sa.pool.Pool, "checkout", checkout)
    try:
        yield
    finally:
        event.remove(sa.pool.Pool, "checkout", checkout)


def _only_look(file: Any) -> None:
    """Refuse what cannot be synced because it is not open, and do nothing else."""
    os.fstat(file if isinstance(file, int) else file.fileno())


def share_compiled_statements() -> None:
    """Let all engines of this process that speak one dialect know one another's statements."""
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        # What is compiled is found by its statement and the dialect, and it depends on no more of
        # a dialect than its kind: one version of SQLite, one of PostgreSQL.
        dialect.__eq__ = _of_one_kind  # type: ignore[method-assign,assignment]
        dialect.__hash__ = _by_kind  # type: ignore[method-assign,assignment]

    @event.listens_for(sa.Engine, "engine_connect")
    def share(connection: sa.Connection) -> None:
        connection.engine._compiled_cache = _COMPILED


def _of_one_kind(one: Dialect, other: object) -> bool:
    return type(one) is type(other)


def _by_kind(one: Dialect) -> int:
    return hash(type(one))
