"""What a command needs of a registry: opened at the edge, closed at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.output import tell
from registry import settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.blobs import Store
    from registry.db.session import Database


@dataclass(frozen=True, slots=True)
class Opened:
    """An open registry."""

    settings: settings.Settings
    database: Database
    store: Store


@contextmanager
def opened(home: str | None, *, any_revision: bool = False) -> Iterator[Opened]:
    """Open the registry that `--home`, FIRSTHAND_HOME or the current folder names.

    Args:
        home: The folder given with `--home`.
        any_revision: Also open a database with another schema, to upgrade it.
    """
    from registry import home as homes
    from registry.blobs import Store

    found = settings.Settings.load(settings.find_home(Path(home) if home else None))
    database = homes.open_database(found)
    try:
        if not any_revision:
            database.check_revision()
        registry = Opened(found, database, Store(found.storage))
        if not any_revision:
            finish_erasures(registry)
        yield registry
    finally:
        database.dispose()


@contextmanager
def looking(registry: Opened, as_of: str | None) -> Iterator[Session]:
    """Give a session that sees the catalogue as it is, or as it was; then that is said.

    Args:
        registry: The registry.
        as_of: What was given with `--as-of`.
    """
    from registry import ledger
    from registry.query.as_of import AsOf, reading

    with reading(registry.database, AsOf.parse(as_of) if as_of else None) as session:
        if as_of:
            tell(f"as of log {ledger.size(session):,}")
        yield session


def clock() -> dt.datetime:
    """Return the time, which only the edge knows."""
    return dt.datetime.now(dt.UTC)


def tidy(registry: Opened) -> None:
    """Finish or undo what interrupted commands left, and say so."""
    from registry import intents

    for sentence in intents.recover(registry.database, registry.store, now=clock()):
        tell(sentence)
    finish_keys(registry)


def erasure_folders(registry: Opened) -> list[Path]:
    """Return where the records of erasures lie, which no backup of the database brings back."""
    import sqlalchemy as sa

    from registry.db.models import SigningKey
    from registry.lifecycle import erasures

    first = sa.select(SigningKey.keyid).order_by(SigningKey.id).limit(1)
    with registry.database.read() as session:
        key = session.scalars(first).one()
    return erasures.folders(registry.store.root, settings.state_folder(), key)


def finish_erasures(registry: Opened) -> None:
    """Finish interrupted erasures, do those again that a backup brought back, and say so."""
    storage, state = registry.store.root / "erasures", settings.state_folder() / "erasures"
    if not storage.is_dir() and not state.is_dir():
        return
    from registry import lifecycle
    from registry.errors import RegistryError

    try:
        for sentence in lifecycle.settle(
            registry.database, registry.store, erasure_folders(registry), clock=clock
        ):
            tell(sentence)
    except RegistryError as error:
        tell(f"an erasure waits to be finished: {error.message}")


def finish_keys(registry: Opened) -> None:
    """Finish what an interrupted change of keys left, and say so."""
    from registry import keys

    for sentence in keys.settle(registry.database, registry.settings):
        tell(sentence)
