"""The files of a location are somewhere else now: texts are read from there from then on.

What was claimed when they were registered stays, as does where they were found then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from registry import documents, ledger, readers
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.core.entry import EntryKind
from registry.core.source import ReadOptions
from registry.db.models import DatasetVersion, Location, Relocation
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError, RegistryError
from registry.places import Place, parse
from registry.query import catalogue, withdrawn
from registry.query.texts import Wanted, texts_at

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Relocated:
    """A location whose files are elsewhere now.

    Attributes:
        version: The version.
        before: Where they were looked for until now.
        base: Where they are.
        files: How many.
        checked: Whether every text was read and compared.
    """

    version: DatasetVersion
    before: str
    base: str
    files: int
    checked: bool


def relocate(
    database: Database,
    store: Store,
    ref: DatasetRef,
    target: Place,
    *,
    relocated_by: str,
    scratch: Path,
    clock: Clock,
    check: bool = False,
) -> Relocated:
    """Record where the files of a version are now.

    Args:
        database: The catalogue.
        store: The registry's storage.
        ref: The version; without a number the latest.
        target: The folder or prefix that the names of the files are relative to now; of a location
            with one file it may be the file.
        relocated_by: Who says so.
        scratch: A folder for texts that are found in another order.
        clock: The registry's clock.
        check: Read every text and compare it with its hash, not only the sizes of the files.

    Raises:
        NotFoundError: There is no such version, or it was withdrawn.
        ConflictError: A file is not there, has another size, or other texts.
    """
    with database.read() as session:
        version = catalogue.version(session, ref)
        withdrawn.require(session, version)
        places = catalogue.locations(session, version)
        moved = catalogue.relocations(session, [it.id for it in places])
    name = catalogue.ref_of(version).short
    fitting: list[tuple[Location, str, list[dict[str, Any]]]] = []
    problem: RegistryError | None = None
    for place in places:
        try:
            base, files = _found(place, target, name)
        except RegistryError as error:
            problem = problem or error
        else:
            fitting.append((place, base, files))
    if not fitting:
        raise problem or ConflictError(f"`{name}` has no location")
    place, base, files = fitting[0]
    before = moved[place.id].base if place.id in moved else place.base
    if before == base:
        raise ConflictError(f"the texts of `{name}` are read from `{base}` already")
    row = Relocation(
        location_id=place.id,
        base=base,
        files=files,
        relocated_by=relocated_by,
        relocated_at=clock(),
    )
    if check:
        _compare(database, store, version, place, row, scratch)
    with database.write() as session:
        row.relocated_at = clock()
        session.add(row)
        ledger.append(session, EntryKind.RELOCATED, now=row.relocated_at, facts={}, rows=[row])
    return Relocated(version, before, base, len(files), check)


def _found(place: Location, target: Place, name: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the base and the files of a location at another place, if they are all there."""
    names = [str(file["name"]) for file in place.files]
    wanted = [target / each for each in names]
    base: Place = target
    if len(names) == 1 and isinstance(target, Path) and target.is_file():
        base, wanted, names = target.parent, [target], [target.name]
    options = ReadOptions.from_json(place.options)
    try:
        there = readers.discover(wanted, options, every=True).files
    except InvalidInputError as error:
        raise ConflictError(
            f"`{target}` does not have the files of `{name}`: {error.message}",
            hint="name the folder that the same file names are in",
        ) from error
    for before, file in zip(place.files, there, strict=True):
        if "size" in before and file.size != before["size"]:
            raise ConflictError(
                f"`{file}` has {file.size:,} bytes, and had {before['size']:,} when it was "
                f"registered as `{name}`",
                hint="it is another file; register it as a version of its own",
            )
    files = [
        {"name": each, "size": file.size}
        | ({} if file.mtime_ns is None else {"mtime_ns": str(file.mtime_ns)})
        for each, file in zip(names, there, strict=True)
    ]
    return str(base), files


def _compare(
    database: Database,
    store: Store,
    version: DatasetVersion,
    place: Location,
    row: Relocation,
    scratch: Path,
) -> None:
    """Read every text from the new place, and compare it with its hash."""
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    hashes = documents.hashes_of(table.column("content_hash"))
    with database.read() as session:
        gone = withdrawn.erased_rows(session, version, hashes, store)
    rows = np.flatnonzero(~gone)
    wanted = Wanted(catalogue.ref_of(version), version, place.order_root, hashes, rows)
    done = sum(len(batch) for batch in texts_at(database, store, wanted, place, row, scratch))
    if done != len(rows):
        raise ConflictError(f"`{parse(row.base)}` has {done:,} of {len(rows):,} documents")
