"""Versions as the batch plane takes them: what was stored of each, and how its texts are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.batch import Source, sketched
from registry.batch.sources import Ids
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.core.sketch import require_scheme
from registry.db.models import DatasetVersion, Location, SketchTable
from registry.db.session import Database
from registry.errors import ConflictError
from registry.query import catalogue, texts, withdrawn

FOLDER: Final = "batch"
"""Where stages are kept below the storage, unless another folder is given."""


@dataclass(frozen=True, slots=True)
class Side:
    """A version that was found, and what was stored of it.

    Attributes:
        ref: Its name.
        version: The version.
        place: Its first location, whose rows are meant.
        table: The sketches of that location.
    """

    ref: DatasetRef
    version: DatasetVersion
    place: Location
    table: SketchTable


def side(session: Session, version: DatasetVersion) -> Side:
    """Return what was stored of a version.

    Raises:
        ConflictError: It has no sketches, or they are of another scheme.
        NotFoundError: It, or a part of it, is withdrawn.
    """
    withdrawn.require(session, version, partly=True)
    place = catalogue.locations(session, version)[0]
    name = catalogue.ref_of(version)
    table = session.execute(
        sa.select(SketchTable).where(SketchTable.location_id == place.id)
    ).scalar_one_or_none()
    if table is None:
        raise ConflictError(
            f"`{name.short}` has no sketches",
            hint="run `firsthand index rebuild`, which makes them from the texts",
        )
    require_scheme(table.scheme)
    return Side(name, version, place, table)


def check_alike(sides: Sequence[Side]) -> None:
    """Refuse versions whose sketches do not compare.

    Raises:
        ConflictError: They have different numbers of permutations.
    """
    mine = sides[0]
    one = mine.table.permutations
    for theirs in sides[1:]:
        two = theirs.table.permutations
        if one != two:
            raise ConflictError(
                f"the sketches of `{mine.ref.short}` have {one} permutations, "
                f"those of `{theirs.ref.short}` {two}: they do not compare",
                hint="make both anew with `firsthand index rebuild`",
            )


def source(database: Database, store: Store, side: Side, scratch: Path) -> Source:
    """Return a version as the batch plane takes it.

    Args:
        database: The catalogue.
        store: The registry's storage.
        side: The version.
        scratch: A folder for texts that are found in another order.

    Raises:
        ConflictError: Its sketches are missing or damaged.
    """

    def read(rows: Ids) -> Iterator[pa.Array]:
        return texts.again(database, store, scratch, side.version, side.place, rows)

    return sketched.source(side.version, side.place, side.table, store, texts=read)
