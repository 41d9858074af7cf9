"""What somebody does with the log of a world's registry, and how somebody else bends it."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from registry import checkpoints, ledger
from registry.checkpoints import Published, Recovery
from registry.core.checkpoint import Checkpoint
from registry.core.entry import EntryKind, leaf
from registry.core.note import Note, NoteSigner
from registry.core.proof import check_consistency, consistency
from registry.db.base import Base
from registry.db.models import LogCheckpoint, LogEntry, LogState
from registry.db.session import Database
from registry.log_files import LogFolder
from registry.places import Place
from tests.world import World

ORIGIN: Final = "test.example/log"


@dataclass
class Story:
    """A world with a log that is signed and published.

    Attributes:
        world: The registry.
        told: What was told to whoever runs the commands.
    """

    world: World
    told: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.world.settings.log_folder

    @property
    def state(self) -> Path:
        return self.world.folder / "state"

    @property
    def signer(self) -> NoteSigner:
        return NoteSigner(ORIGIN, self.world.signer.key)

    def advance(self) -> LogCheckpoint:
        return checkpoints.advance(
            self.world.database,
            self.folder,
            self.signer,
            state=self.state,
            now=self.world.clock(),
            tell=self.told.append,
        )

    def recover(self, **more: Any) -> Recovery:
        return checkpoints.recover(
            self.world.database,
            self.folder,
            self.signer,
            state=self.state,
            now=self.world.clock(),
            tell=self.told.append,
            **more,
        )

    def publish(self, to: Place, **more: Any) -> Published:
        return checkpoints.publish(self.world.database, self.folder, to, **more)

    def refuse(self) -> None:
        checkpoints.refuse_rollback(
            self.world.database, self.folder, origin=ORIGIN, state=self.state
        )

    def fsck(self) -> list[str]:
        with self.world.database.read() as session:
            rows = [str(item) for item in ledger.discrepancies(session)]
            return rows + checkpoints.problems(
                session, self.folder, origin=ORIGIN, state=self.state
            )

    def head(self) -> Checkpoint:
        """What the folder says."""
        return Checkpoint.parse(LogFolder(self.folder).note().text)

    def extends(self, old: Checkpoint) -> None:
        """Check, from the published files alone, that the log goes on from an older checkpoint."""
        new = self.head()
        hashes = LogFolder(self.folder).hashes(new.size)
        assert hashes.root() == new.root
        path = consistency(hashes, old.size, new.size)
        check_consistency(old.size, new.size, old.root, new.root, path)

    def files(self) -> dict[str, bytes]:
        return contents(self.folder)

    def register(self, *names: str) -> None:
        for name in names:
            self.world.register(name, [f"A text of {name}."])


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a published log."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


Tables = dict[str, list[dict[str, Any]]]


def dump(database: Database) -> Tables:
    """Back a database up."""
    with database.engine.connect() as connection:
        return {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in Base.metadata.sorted_tables
        }


def restore(database: Database, saved: Tables) -> None:
    """Bring a backup back, whatever was recorded since."""
    with database.engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        for table in Base.metadata.sorted_tables:
            if saved[table.name]:
                connection.execute(sa.insert(table), saved[table.name])


def restore_folder(folder: Path, saved: Path) -> None:
    """Bring the backup of a folder back."""
    shutil.rmtree(folder)
    shutil.copytree(saved, folder)


def append_many(database: Database, count: int, *, start: int = 0) -> None:
    """Put entries into the log that bind nothing, fast."""
    moment = dt.datetime(2025, 3, 1, 13, tzinfo=dt.UTC)
    with database.write() as session:
        state = session.get_one(LogState, 1)
        rows = [
            {
                "position": state.size + number,
                "kind": str(EntryKind.LINEAGE_ADDED),
                "leaf": leaf(EntryKind.LINEAGE_ADDED, moment, {"n": start + number}, []),
            }
            for number in range(count)
        ]
        if rows:
            session.execute(sa.insert(LogEntry), rows)
        state.size += count


def note_of(row: LogCheckpoint) -> Note:
    return Note.parse(row.note)


def names(items: Sequence[Any]) -> list[str]:
    return [str(item) for item in items]
