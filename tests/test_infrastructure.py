"""The tests' own tools do what the tests rely on, and the project's files agree."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text

from tests.conftest import REPOSITORY
from tests.postgres import PostgresServer


def tables(url: str) -> list[str]:
    engine = create_engine(url)
    try:
        return inspect(engine).get_table_names()
    finally:
        engine.dispose()


def make_note_table(url: str) -> None:
    """Something like the migrations, only shorter."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)"))
    engine.dispose()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_every_test_gets_an_empty_database(database_url: str, turn: str) -> None:
    assert tables(database_url) == []
    make_note_table(database_url)
    assert tables(database_url) == ["note"]


def test_a_prepared_database_is_copied_and_the_copies_are_independent(
    prepared_url: Callable[[Callable[[str], None]], str],
) -> None:
    calls = []

    def prepare(url: str) -> None:
        calls.append(url)
        make_note_table(url)

    one, other = prepared_url(prepare), prepared_url(prepare)
    assert len(calls) == 1
    assert tables(one) == tables(other) == ["note"]
    engine = create_engine(one)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note VALUES (1, 'only here')"))
    engine.dispose()
    engine = create_engine(other)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM note")).scalar_one() == 0
    engine.dispose()


def test_postgresql_listens_on_no_network_address(pg_server: PostgresServer) -> None:
    engine = create_engine(pg_server.url("postgres"))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == ""
        version = connection.execute(text("SHOW server_version_num")).scalar_one()
    engine.dispose()
    assert int(version) >= 180000
    assert stat.S_IMODE(pg_server.folder.stat().st_mode) == 0o700


SERVER_FOR_A_WHILE = """
from tests.postgres import postgres_server
with postgres_server() as server:
    print(server.folder, flush=True)
    input()
"""


def test_postgresql_ends_when_the_tests_are_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_FOR_A_WHILE],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        server = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        process.send_signal(signal.SIGKILL)
    server.wait(timeout=30)
    with pytest.raises(psutil.NoSuchProcess):
        server.status()


def test_the_developers_settings_do_not_reach_a_test(tmp_path: Path) -> None:
    assert Path.cwd() == tmp_path == Path.home()
    assert not [name for name in os.environ if name.startswith("FIRSTHAND_")]


@given(st.text())
def test_properties_run_in_the_clean_environment(value: str) -> None:
    assert value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == value
    assert Path.cwd() == Path.home()


def test_the_lock_pins_everything_by_hash_and_holds_no_addresses() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in lock
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
