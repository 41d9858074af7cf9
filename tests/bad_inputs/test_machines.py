"""Machines that fail and others who interfere: full disks, locks, clocks, files that change.

As with the tables of bad inputs: one clear error, and a home that is as it was before.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from registry import home as homes
from registry.settings import Settings
from tests.bad_inputs.case import lines, put, state
from tests.cli.running import Cli

NOBODY: Final = 65534
LINE: Final = b'{"text": "' + b"a person wrote this " * 50 + b'"}\n'


def noise(count: int) -> list[dict[str, str]]:
    """Return documents of a kilobyte that no compression makes smaller."""
    made = random.Random(7)
    return [{"text": made.randbytes(500).hex()} for _ in range(count)]


# Disks.


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("keep", [(), ("--keep",)], ids=["", "keep"])
def test_a_disk_that_is_full_while_documents_are_written(
    cli: Cli, home: Path, tmp_path: Path, keep: tuple[str, ...]
) -> None:
    lines("data.jsonl", *noise(60_000))(tmp_path)
    before = state(home)
    with files_at_most(1 << 20):
        ran = cli("register", "data.jsonl", "--name", "x", "--json", *keep)
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
    assert f"the storage `{home}/storage` cannot be written" in ran.error["message"]
    assert ran.error["hint"] == "make room on the disk; nothing was recorded"
    assert state(home) == before
    assert cli("register", "data.jsonl", "--name", "x").code == 0


def test_a_disk_that_is_full_when_the_database_writes(cli: Cli, home: Path, tmp_path: Path) -> None:
    lines("data.jsonl", {"text": "a"})(tmp_path)
    before = state(home)
    with files_at_most(4096):
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
    assert "registry.db` cannot be written" in ran.error["message"]
    assert ran.error["hint"] == "make room on the disk; nothing was recorded"
    assert state(home) == before
    assert cli("register", "data.jsonl", "--name", "x").code == 0


def test_a_disk_that_is_full_during_an_export(cli: Cli, home: Path, tmp_path: Path) -> None:
    lines("data.jsonl", *noise(3_000))(tmp_path)
    put("mix.yaml", "sources: [x]")(tmp_path)
    assert cli("register", "data.jsonl", "--name", "x").code == 0
    before = state(home)
    with files_at_most(1 << 20):
        ran = cli("export", "mix.yaml", "--out", "snap", "--json")
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
    assert "cannot be written" in ran.error["message"]
    assert "make room on the disk" in ran.error["hint"]
    assert state(home) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".firsthand", "data.jsonl", "mix.yaml",
    ]  # fmt: skip


# Permissions. Root may read everything, so as root the command runs as somebody else.


@contextmanager
def as_somebody(folder: Path) -> Iterator[None]:
    """Give up the rights of root for a while, if there are any."""
    if os.geteuid() != 0:
        yield
        return
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)


@pytest.fixture
def open_folder(home: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder that others may enter, with a home that belongs to them."""
    cli("db", "check")  # loads what somebody else may not be allowed to read
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(home, folder / ".firsthand")
        lines("data.jsonl", {"text": "a"})(folder)
        cli("--home", folder / ".firsthand", "register", folder / "data.jsonl", "--name", "first")
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        monkeypatch.chdir(folder)
        yield folder


def test_a_file_that_may_not_be_read(cli: Cli, open_folder: Path) -> None:
    (open_folder / "data.jsonl").chmod(0)
    before = state(open_folder / ".firsthand")
    with as_somebody(open_folder):
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["message"].endswith("data.jsonl` cannot be read: permission denied")
    assert ran.error["hint"] == "check its permissions"
    assert state(open_folder / ".firsthand") == before


def test_a_folder_that_may_not_be_read(cli: Cli, open_folder: Path) -> None:
    lines("in/a.jsonl", {"text": "a"})(open_folder)
    (open_folder / "in").chmod(0)
    before = state(open_folder / ".firsthand")
    with as_somebody(open_folder):
        ran = cli("register", "in", "--name", "x", "--json")
    (open_folder / "in").chmod(0o700)
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["message"].endswith("in` cannot be read: Permission denied")
    assert state(open_folder / ".firsthand") == before


@pytest.mark.parametrize("part", ["registry.db", "storage"])
def test_a_home_that_may_not_be_written(cli: Cli, open_folder: Path, part: str) -> None:
    home = open_folder / ".firsthand"
    locked = [home, *home.glob("registry.db*")] if part == "registry.db" else [home / part]
    locked += [path for path in (home / part).glob("*") if path.is_dir()]
    for path in locked:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = state(home)
    with as_somebody(open_folder):
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
    assert f"{home}/{part}" in ran.error["message"]
    assert "you may" in ran.error["hint"]
    for path in locked:
        path.chmod(0o755)
    assert state(home) == before


def test_a_new_home_where_one_may_not_write(cli: Cli, open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_somebody(open_folder):
        ran = cli("--home", open_folder / "new", "init", "--json")
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
    assert ran.error["message"] == f"`{open_folder}/new` cannot be written: Permission denied"
    assert "--home" in ran.error["hint"]


# Others at work.


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Do something every millisecond or so until the block ends."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(0.001):
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_file_that_grows_while_it_is_read(cli: Cli, home: Path, tmp_path: Path) -> None:
    put("data.jsonl", LINE * 9_000)(tmp_path)
    before = state(home)
    with (tmp_path / "data.jsonl").open("ab", 0) as more, meanwhile(lambda: more.write(LINE)):
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["message"].endswith("data.jsonl` changed while it was read")
    assert "wait until nothing writes to it" in ran.error["hint"]
    assert state(home) == before
    assert cli("register", "data.jsonl", "--name", "x").code == 0


def test_a_file_that_is_replaced_while_it_is_read(cli: Cli, home: Path, tmp_path: Path) -> None:
    put("data.jsonl", LINE * 9_000)(tmp_path)
    before = state(home)

    def replace() -> None:
        put("new", LINE * 9_000)(tmp_path)
        (tmp_path / "new").replace(tmp_path / "data.jsonl")

    with meanwhile(replace):
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["message"].endswith("data.jsonl` changed while it was read")
    assert state(home) == before


def test_a_database_that_another_program_locks(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines("data.jsonl", {"text": "a"})(tmp_path)
    before = state(home)
    monkeypatch.setenv("FIRSTHAND_BUSY_SECONDS", "0.1")
    with closing(sqlite3.connect(home / "registry.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
        assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
        assert "registry.db` is locked by another process" in ran.error["message"]
        assert "wait for the other command" in ran.error["hint"]
        assert cli("show", "essays").code == 0, "reading waits for nobody"
        other.execute("ROLLBACK")
    assert state(home) == before
    assert cli("register", "data.jsonl", "--name", "x").code == 0


def test_a_database_server_that_is_not_there(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines("data.jsonl", {"text": "a"})(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it does not listen
        port = taken.getsockname()[1]
        url = f"postgresql+psycopg://me:secret@127.0.0.1:{port}/none"
        monkeypatch.setenv("FIRSTHAND_DATABASE", url)
        ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
    assert "did not answer" in ran.error["message"]
    assert "secret" not in ran.out + ran.err


def test_a_clock_that_went_back(cli: Cli, tmp_path: Path) -> None:
    home = tmp_path / ".firsthand"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=400)
    homes.create(Settings(home, "Later"), now=later)
    lines("data.jsonl", {"text": "a"})(tmp_path)
    before = state(home)
    ran = cli("register", "data.jsonl", "--name", "x", "--json")
    assert (ran.code, ran.error["type"]) == (1, "ConflictError")
    assert "clock" in ran.error["message"]
    assert "clock" in ran.error["hint"]
    assert state(home) == before


def test_two_registrations_at_once_are_both_recorded(cli: Cli, home: Path, tmp_path: Path) -> None:
    lines("a.jsonl", *({"text": f"a {n}"} for n in range(5_000)))(tmp_path)
    lines("b.jsonl", *({"text": f"b {n}"} for n in range(5_000)))(tmp_path)
    command = [sys.executable, "-m", "cli.main", "--home", str(home), "register", "--json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(
            [*command, f"{name}.jsonl", "--name", "both"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
        )
        for name in "ab"
    ]  # fmt: skip
    printed = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    versions = sorted(json.loads(out)["version"] for out, _ in printed)
    assert versions == [1, 2]
    assert cli("db", "check").code == 0
