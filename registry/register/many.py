"""Register one source after another: what fails is told, and the others go on."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry import places
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.db.session import Database
from registry.errors import InvalidInputError, RegistryError
from registry.intake.pool import Pool
from registry.intake.run import Progress
from registry.register.declaration import Acquired, Declaration, Registration
from registry.register.reading import Clock
from registry.register.version import version

if TYPE_CHECKING:
    # It loads a library that only such lists need.
    from registry.core.sources_file import Entry, SourcesFile


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of one source.

    Attributes:
        entry: What was asked.
        registration: What it was registered as, or None.
        error: Why it was not, or None.
    """

    entry: Entry
    registration: Registration | None
    error: RegistryError | None


def many(
    database: Database,
    store: Store,
    sources: SourcesFile,
    *,
    folder: Path,
    claimed_by: str,
    clock: Clock,
    reread: bool = False,
    jobs: int | None = None,
    dry_run: bool = False,
    allow_withdrawn: bool = False,
    on_source: Callable[[int, Entry], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Iterator[Settled]:
    """Register every source of a list, and give what came of each.

    A source that cannot be registered leaves no trace, and the next one is begun. When all of it
    is done again, sources whose files have not changed are not read again.

    Args:
        database: The catalogue.
        store: The registry's own storage.
        sources: The list.
        folder: What relative paths are relative to.
        claimed_by: Who says what the list says.
        clock: The registry's clock.
        reread: Read every file, also those that have not changed.
        jobs: How many processes may read at once; None for as many as there are cores.
        dry_run: Do everything, and record nothing.
        allow_withdrawn: As in `version`.
        on_source: Called with the number of each source, from 0, before it is begun.
        on_progress: Called after each batch.
    """
    with Pool() as pool:
        for number, entry in enumerate(sources.sources):
            if on_source:
                on_source(number, entry)
            try:
                done = version(
                    database,
                    store,
                    [_place(folder, path) for path in entry.paths],
                    _declaration(entry, claimed_by),
                    options=entry.options(),
                    clock=clock,
                    keep=entry.keep,
                    window=entry.window(),
                    reread=reread,
                    jobs=jobs,
                    dry_run=dry_run,
                    allow_withdrawn=allow_withdrawn,
                    pool=pool,
                    on_progress=on_progress,
                )
            except RegistryError as error:
                yield Settled(entry, None, error)
            else:
                yield Settled(entry, done, None)


def _place(folder: Path, path: str) -> str:
    """Return a path or URI as it is searched for."""
    if path == "-":
        raise InvalidInputError(
            "a list of sources cannot name standard input", hint="write it to a file first"
        )
    place = places.parse(path)
    if not isinstance(place, Path):
        return path
    found = folder / place
    if glob.has_magic(path) and not os.path.lexists(found):
        # The pattern is what the list says; the folder that the list is in is no part of it.
        return str(Path(glob.escape(str(folder))) / place)
    return str(found)


def _declaration(entry: Entry, claimed_by: str) -> Declaration:
    said = {
        name: value
        for name in Acquired.__dataclass_fields__
        if (value := getattr(entry, name)) is not None
    }
    return Declaration(
        ref=DatasetRef.parse(entry.name),
        claimed_by=claimed_by,
        origin=entry.origin,
        generators=tuple(entry.generators or ()),
        license=entry.license,
        language=entry.language,
        dates=entry.dates(),
        sources=tuple(entry.source or ()),
        acquired=Acquired(**said),
        visibility=entry.visibility,
        role=entry.role,
    )
