"""A scanner over datasets of a world, as a caller of `registry.matching` makes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from registry.core.contents import Rows
from registry.db.models import DatasetVersion, Location
from registry.index.reading import Index
from registry.matching import Kind, Matches, Scanner, Target
from registry.query import texts
from tests.world import World

Pair = tuple[int, str, str, int]


@contextmanager
def scanner(
    world: World, *names: str, options: Mapping[str, Mapping[str, Any]] | None = None, **more: Any
) -> Iterator[Scanner]:
    """Give a scanner over some datasets.

    Args:
        world: The world.
        names: The datasets.
        options: Of some of them, fields of `Target`.
        more: Arguments of `Scanner`.
    """
    targets, places = [], {}
    for name in names:
        version, place = first_place(world, name)
        places[place.id] = version, place
        targets.append(Target(place.id, version.documents, **((options or {}).get(name) or {})))

    def read(location: int, rows: Rows) -> Iterator[pa.Array]:
        return texts.again(
            world.database, world.store, world.folder / "scratch", *places[location], rows
        )

    with world.database.read() as session, Index.open(session, world.store) as index:
        yield Scanner(index, targets, **({"texts": read} | more))


def first_place(world: World, name: str) -> tuple[DatasetVersion, Location]:
    version = world.version(name)
    with world.database.read() as session:
        place = session.scalars(
            sa.select(Location).where(Location.version_id == version.id).order_by(Location.id)
        ).first()
    assert place is not None
    return version, place


def array(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.large_string())


def pairs(world: World, found: Matches, *names: str) -> list[Pair]:
    """Return what was found as (text, kind, dataset, row)."""
    known = {first_place(world, name)[1].id: name for name in names}
    return [
        (question, Kind(kind).name.lower(), known[location], row)
        for question, kind, location, row in zip(
            found.question.tolist(),
            found.kind.tolist(),
            found.location.tolist(),
            found.row.tolist(),
            strict=True,
        )
    ]


def longest_common_run(one: Sequence[str], two: Sequence[str]) -> int:
    """Return the length of the longest run of tokens that both have, by looking at all of them."""
    best = 0
    before = np.zeros(len(two) + 1, np.int64)
    other = np.array(two, object)
    for token in one:
        now = np.zeros(len(two) + 1, np.int64)
        same = np.flatnonzero(other == token)
        now[same + 1] = before[same] + 1
        best = max(best, int(now.max()))
        before = now
    return best
