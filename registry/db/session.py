"""Engines and sessions: one way to read, one way to write, on SQLite and PostgreSQL.

A reading session sees one state of the catalogue. A writing session is alone: on SQLite through
`BEGIN IMMEDIATE`, on PostgreSQL through the log's row, which everybody who appends must lock.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool, Pool

from registry.errors import ConflictError, InvalidInputError, UnavailableError

HEAD: Final = "20261130_lifecycle"
"""The revision that this code works with; a test compares it with `migrations/`."""

BUSY_SECONDS: Final = 30.0
_WRITES: Final = "firsthand_writes"


class Database:
    """A catalogue's database.

    Args:
        url: A SQLAlchemy URL, `sqlite:///…` or `postgresql+psycopg://…`.
        busy_seconds: How long to wait for another writer.

    Raises:
        InvalidInputError: The URL is not one of these two, or its driver is not installed.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url = _parse(url)
        self._busy_seconds = busy_seconds
        self.engine = _engine(self.url, busy_seconds)
        writing = self.engine.execution_options(**{_WRITES: True})
        self._readers = sessionmaker(self.engine, autoflush=False, expire_on_commit=False)
        self._writers = sessionmaker(writing, autoflush=False, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Return whether this is a local file."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state and changes nothing; its rows outlive it."""
        with _translated(self.url), self._readers() as session, session.begin():
            yield session
            session.expunge_all()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session that commits at the end, or leaves no trace when something is raised.

        It is alone from its first line on: a clock that is read inside is not behind the entries
        of those it had to wait for.
        """
        with _translated(self.url), self._writers() as session, session.begin():
            session.connection()  # sessions begin when they first need to; this one begins now
            yield session

    @contextmanager
    def read_alone(self) -> Iterator[Session]:
        """Give a reading session whose connection nobody else has had or will have.

        It may make temporary views that stand before tables: with a connection of the pool, what
        it prepared before would still read the tables, and others would find the views.
        """
        engine = _engine(self.url, self._busy_seconds, poolclass=NullPool)
        try:
            with _translated(self.url), Session(engine, autoflush=False) as session:
                yield session
                session.expunge_all()
        finally:
            engine.dispose()

    def pack(self) -> None:
        """Overwrite what was deleted: free pages and the write-ahead log, where there are any.

        Whoever reads at that moment keeps the log of writes from being cut; then the next
        checkpoint does it.
        """
        statements = ["VACUUM"]
        if self.is_sqlite:
            checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
            statements = ["PRAGMA secure_delete=ON", checkpoint, "VACUUM", checkpoint]
        # What packs runs in no transaction, and every connection of the engine begins one.
        with _translated(self.url), contextlib.closing(self.engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            if not self.is_sqlite:
                driver.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            cursor.close()
            if not self.is_sqlite:
                driver.autocommit = False

    def revision(self) -> str | None:
        """Return the schema revision of the database, or None when it has no schema."""
        with _translated(self.url), self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(
                sa.text("SELECT version_num FROM alembic_version")
            ).scalar_one_or_none()

    def check_revision(self) -> None:
        """Refuse a database that this code would misread.

        Raises:
            ConflictError: It has no schema, an older one, or one from a newer release.
        """
        found = self.revision()
        if found == HEAD:
            return
        if found is None:
            raise ConflictError("the database has no tables yet", hint="run `firsthand db upgrade`")
        known = found in KNOWN
        raise ConflictError(
            f"the database has schema `{found}`, this version of Firsthand works with `{HEAD}`",
            hint="run `firsthand db upgrade`" if known else "install a newer version of Firsthand",
        )

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


KNOWN: Final = (
    "20261122_first",
    "20261122_index",
    "20261123_vault",
    "20261124_exclusions",
    "20261125_dedup",
    "20261129_trust",
    HEAD,
)
"""Every released revision, oldest first."""


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except SQLAlchemyError as error:
        raise InvalidInputError(
            "the database URL cannot be read",
            hint="it looks like `sqlite:////path/registry.db` or `postgresql+psycopg://host/name`",
        ) from error
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise InvalidInputError(
            f"`{url.drivername}` is not a database Firsthand can use",
            hint="use `sqlite:///…` or `postgresql+psycopg://…`",
        )
    return url


def _engine(url: URL, busy_seconds: float, *, poolclass: type[Pool] | None = None) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": busy_seconds}, poolclass=poolclass)
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    try:
        engine = sa.create_engine(url, isolation_level="REPEATABLE READ", poolclass=poolclass)
    except ImportError as error:
        raise InvalidInputError(
            "PostgreSQL needs a driver that is not installed",
            hint="pip install 'firsthand[postgres]'",
        ) from error
    event.listen(engine, "begin", partial(_postgres_begin, busy_seconds))
    return engine


def _sqlite_connect(connection: sqlite3.Connection, _record: Any) -> None:
    """Set up a connection; from here on transactions are begun by `_sqlite_begin` alone."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_begin(busy_seconds: float, connection: Connection) -> None:
    """Let writers in one at a time, before their snapshot of the database is taken."""
    if connection.get_execution_options().get(_WRITES):
        # To PostgreSQL, zero is for ever.
        waits = max(1, math.ceil(busy_seconds * 1000))
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {waits}")
        connection.exec_driver_sql("LOCK TABLE log_state IN EXCLUSIVE MODE")


_NO_DATABASE: Final = ("file is not a database", "disk image is malformed")
"""What SQLite says of a file that lost its content."""


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turn what a database driver raises into errors that say what to do."""
    shown = url.render_as_string(hide_password=True)
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig)
        if "locked" in reason or "lock timeout" in reason:
            raise UnavailableError(
                f"the database `{shown}` is locked by another process",
                hint="wait for the other command to end, then run this one again",
            ) from error
        if "disk is full" in reason or "disk I/O" in reason:
            raise UnavailableError(
                f"the database `{shown}` cannot be written: {reason}",
                hint="make room on the disk; nothing was recorded",
            ) from error
        raise UnavailableError(
            f"the database `{shown}` did not answer: {reason.strip().splitlines()[0]}",
            hint="check that it exists and that you may read and write it",
        ) from error
    except PoolTimeoutError as error:
        raise UnavailableError(
            f"too many at once read the database `{shown}`: no connection became free",
            hint="try again later",
        ) from error
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        if any(sign in reason for sign in _NO_DATABASE):
            raise UnavailableError(
                f"the database `{shown}` is damaged or none: {reason}",
                hint="restore it from a backup",
            ) from error
        raise UnavailableError(
            f"the database `{shown}` refused: {reason}",
            hint="run `firsthand db check`",
        ) from error


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)
