"""One way to read and one way to write, on both databases."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.db.models import LogState
from registry.db.session import Database, sqlite_url
from registry.errors import InvalidInputError, UnavailableError
from tests.world import World, migrate


def log_size(database: Database) -> int:
    with database.read() as session:
        return session.get_one(LogState, 1).size


def test_a_session_that_raises_leaves_no_trace(world: World) -> None:
    def change_ones_mind() -> None:
        with world.database.write() as session:
            session.get_one(LogState, 1).size = 9
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_ones_mind()
    assert log_size(world.database) == 1


def test_a_reader_sees_one_state_while_others_write(world: World) -> None:
    with world.database.read() as session:
        before = session.execute(sa.select(LogState.size)).scalar_one()
        world.register("essays", ["By a person."])
        assert session.execute(sa.select(LogState.size)).scalar_one() == before
    assert log_size(world.database) == before + 1


def test_rows_outlive_their_reading_session(world: World) -> None:
    world.register("essays", ["By a person."])
    version = world.version("essays")
    assert version.dataset.name == "essays"


def test_writers_come_one_after_the_other(world: World) -> None:
    """A writer is alone from its first line on, before it has asked the database anything."""
    inside, left = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with world.database.write() as session:
            inside.set()
            left.wait(10)
            session.get_one(LogState, 1).size += 1
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    threading.Timer(0.2, left.set).start()
    with world.database.write() as session:
        order.append("second")
        # It sees what the first wrote: its own view began after that was committed.
        assert session.get_one(LogState, 1).size == 2
    thread.join()
    assert order == ["first", "second"]


def test_a_reader_does_not_wait_for_a_writer(world: World) -> None:
    with world.database.write() as session:
        session.get_one(LogState, 1).size = 9
        session.flush()
        assert log_size(world.database) == 1
        session.rollback()


def test_waiting_too_long_is_an_error_that_says_what_to_do(world: World) -> None:
    impatient = Database(world.url, busy_seconds=0.05)
    try:
        with (
            world.database.write(),
            pytest.raises(UnavailableError, match="locked by another") as caught,
            impatient.write(),
        ):
            pass
        assert "wait for the other command" in str(caught.value.hint)
    finally:
        impatient.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/db", "is not a database"),
        ("no url", "cannot be read"),
        ("sqlite+aiosqlite:///x.db", "is not a database"),
    ],
)
def test_another_database_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as caught:
        Database(url)
    assert "sqlite:///" in str(caught.value.hint)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    database = Database("postgresql://me:secret@/nowhere?host=/no/such/folder")
    with pytest.raises(UnavailableError, match="did not answer") as caught:
        database.revision()
    assert "secret" not in caught.value.message
    database.dispose()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    path.write_text("this is no database " * 100, "utf-8")
    database = Database(sqlite_url(path))
    with pytest.raises(UnavailableError) as caught:
        database.revision()
    assert str(path) in caught.value.message
    database.dispose()


@pytest.mark.parametrize(
    "name", ["with space", "100%", "what?", "a#b", "ümläut", "semi;colon", "q=1&r=2", "at@host"]
)
def test_any_path_is_a_good_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    url = sqlite_url(folder / "registry.db")
    migrate(url)
    assert [path.name for path in folder.iterdir()] == ["registry.db"]
    database = Database(url)
    database.check_revision()
    database.dispose()


@pytest.mark.synced
def test_sqlite_is_set_up_to_keep_what_it_says(sqlite_world: World) -> None:
    with sqlite_world.database.engine.connect() as connection:

        def pragma(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert pragma("foreign_keys") == 1
        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2  # FULL: a commit survives a power cut


def test_sqlite_ddl_rolls_back(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        connection.rollback()
    database.dispose()
    raw = sqlite3.connect(tmp_path / "x.db")
    assert raw.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    raw.close()
