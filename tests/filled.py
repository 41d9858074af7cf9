"""Registries that are costly to fill: filled once per test process, and there again for each test.

A registry knows the paths of what it has read, so all of them lie in one place: filled there, put
aside, and brought back as they were. A test may do what it likes with its own.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from registry.db.session import sqlite_url
from tests.postgres import PostgresServer
from tests.world import Clock, World

Fill = Callable[[World], object]


@dataclass(frozen=True, slots=True)
class Saved:
    """A registry that was filled.

    Attributes:
        folder: Where its files are meanwhile.
        url: Its database, where that is not among them.
        now: The time its clock told last.
    """

    folder: Path
    url: str | None
    now: dt.datetime


@dataclass
class Filled:
    """The filled registries of a test process, one of which at a time is in its place.

    Attributes:
        folder: An empty folder.
        saved: What there is, by kind of database and by what filled it.
    """

    folder: Path
    saved: dict[tuple[str, str], Saved] = field(default_factory=dict)

    @contextmanager
    def again(self, fill: Fill, migrated: str, server: PostgresServer | None) -> Iterator[World]:
        """Give a registry as `fill` left it.

        Args:
            fill: Fills one; it is known by its name, so it has to be a function of a module.
            migrated: A database that has its tables, on SQLite the path of its file.
            server: Where databases are copied; None for SQLite.
        """
        key = ("postgresql" if server else "sqlite", f"{fill.__module__}.{fill.__qualname__}")
        if key not in self.saved:
            self.saved[key] = self._fill(fill, migrated, server)
        saved, place = self.saved[key], self.folder / "place"
        shutil.copytree(saved.folder, place)
        url = server.create_database(template=saved.url) if server else _inside(place)
        try:
            with World(url, place / "world", Clock(saved.now)) as world:
                yield world
        finally:
            shutil.rmtree(place)
            if server:
                server.drop_database(url)

    def _fill(self, fill: Fill, migrated: str, server: PostgresServer | None) -> Saved:
        place, aside = self.folder / "place", self.folder / str(len(self.saved))
        place.mkdir()
        if not server:
            shutil.copy(migrated, place / "registry.db")
        clock = Clock()
        with World(migrated if server else _inside(place), place / "world", clock) as world:
            fill(world)
        place.rename(aside)
        return Saved(
            aside, server.create_database(template=migrated) if server else None, clock.now
        )


def _inside(place: Path) -> str:
    return sqlite_url(place / "registry.db")
