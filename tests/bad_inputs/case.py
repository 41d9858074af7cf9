"""One line of the tables of bad inputs: how it is made, what is run, and what must be said.

Case("a line that is no JSON", put("a.jsonl", '{"text": "a"}\\n{"text"\\n'),
     "register a.jsonl --name x", r"`\\S+a\\.jsonl:2` is not valid JSON", r"one JSON object")
"""

from __future__ import annotations

import hashlib
import io
import shlex
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

Make = Callable[[Path], object]
"""Makes the bad input in a folder, which is also the current one; `.firsthand` is the home."""

UNSPOKEN: Final = "unspoken"
"""Stands for the hint of an error that has none, because its message says it all."""


@dataclass(frozen=True, slots=True)
class Case:
    """A bad input.

    Attributes:
        name: What is bad, in words.
        make: Makes it.
        command: The command line behind `firsthand`.
        message: What the message matches: file, line or field, and what is wrong with it.
        hint: What the hint matches: the remedy.
        code: The exit code.
        type: The class of the error.
    """

    name: str
    make: Make
    command: str
    message: str
    hint: str
    code: int = 1
    type: str = "InvalidInputError"

    def __str__(self) -> str:
        """Return the name, as the test is called."""
        return self.name

    @property
    def words(self) -> list[str]:
        """The command line, split as a shell would."""
        return shlex.split(self.command)


@dataclass(frozen=True, slots=True)
class Fine:
    """An input that looks bad and is not.

    Attributes:
        name: What is odd about it, in words.
        make: Makes it.
        command: The command line behind `firsthand`.
        texts: The documents that are registered.
    """

    name: str
    make: Make
    command: str
    texts: tuple[str, ...]

    def __str__(self) -> str:
        """Return the name, as the test is called."""
        return self.name

    @property
    def words(self) -> list[str]:
        """The command line, split as a shell would."""
        return shlex.split(self.command)


def nothing(folder: Path) -> None:
    """Make nothing: the command line is what is bad."""


def put(name: str, content: str | bytes) -> Make:
    """Write a file."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def lines(name: str, *records: object) -> Make:
    """Write a file of JSON lines."""
    return put(name, b"".join(orjson.dumps(record) + b"\n" for record in records))


def both(*makes: Make) -> Make:
    """Make several things, in order."""

    def make(folder: Path) -> None:
        for one in makes:
            one(folder)

    return make


def tar_of(*members: tuple[str, bytes], mode: Any = "w") -> bytes:
    """Return an archive with these members, whatever their names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def state(home: Path) -> dict[str, Any]:
    """Return all that a home holds: each file but the database by its digest, and every row.

    Two equal states differ in nothing that a later command could notice: the log has the same
    size, no intent is left open, no file is left over.
    """
    found: dict[str, Any] = {}
    if not home.is_dir():
        return found
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.is_file() and not name.startswith("registry.db"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_dir() and path.parent.name != "storage":
            found[name] = "folder"
    database = home / "registry.db"
    if database.is_file():
        try:
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                found["rows"] = list(connection.iterdump())
        except sqlite3.DatabaseError:
            found["rows"] = hashlib.sha256(database.read_bytes()).hexdigest()
    return found
