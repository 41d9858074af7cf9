"""Keep the index's files few: merge segments of similar size, and replace them in one transaction.

Segments are sorted into tiers by size, each four times the one before. Once a tier has four, they
become one segment of a tier above; so what is in the index is written again about as often as its
size can be divided by four, whatever comes in what order. Readers go on with the files they hold.
"""

from __future__ import annotations

import datetime as dt
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import intents
from registry.blobs import SEGMENTS, Store
from registry.db.models import IntentKind, Segment, SegmentKind
from registry.db.session import Database
from registry.errors import ConflictError, RegistryError, UnavailableError
from registry.index import merge
from registry.index.blocks import BlockFile
from registry.index.entries import MOST_DOCUMENTS
from registry.index.merge import MadeSegment
from registry.index.segment import SegmentFile

Clock = Callable[[], dt.datetime]

FEWEST: Final = 4
"""How many segments of a tier are merged."""
MOST: Final = 8
MOST_BYTES: Final = 1 << 35
"""No segment larger than this is made by merging."""
_SMALLEST: Final = 1 << 20
"""Segments up to this size are of the first tier."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What merging did.

    Attributes:
        merged: How many segments were replaced.
        made: By how many.
        busy: Whether another command was at it, so that it was left to that one.
        problem: Why it ended early; the index is as it was before the merge that came to nothing.
    """

    merged: int = 0
    made: int = 0
    busy: bool = False
    problem: RegistryError | None = None


def compact(
    database: Database,
    store: Store,
    *,
    clock: Clock,
    everything: bool = False,
    on_progress: Callable[[], None] | None = None,
) -> Compacted:
    """Merge segments of which there are many of similar size, until there are none.

    Costs one question to the catalogue when there is nothing to do. Each merge is recorded on its
    own: what is done stays done when a later one is interrupted.

    Args:
        database: The catalogue.
        store: The registry's storage.
        clock: The registry's clock.
        everything: Merge all that fits together, whatever its size.
        on_progress: Called often; what it raises ends everything.

    Returns:
        What was done. A segment that is damaged, or a disk that is full, ends it and is told: what
        called this has done its own work by then.
    """
    merged = made = 0
    while True:
        with database.read() as session:
            group = next_group(_rows(session), everything=everything)
        if not group:
            break
        try:
            writer = intents.open_intent(database, IntentKind.INDEX, now=clock(), alone=True)
        except ConflictError:
            return Compacted(merged, made, busy=True)
        try:
            # Somebody may have merged them meanwhile; from here on nobody does.
            with database.read() as session:
                group = next_group(_rows(session), everything=everything)
            if group:
                _merge(database, store, writer, group, clock=clock, on_progress=on_progress)
                merged, made = merged + len(group), made + 1
            else:
                intents.abandon(database, store, writer)
        except RegistryError as error:
            intents.abandon(database, store, writer)
            return Compacted(merged, made, problem=error)
        except BaseException:
            intents.abandon(database, store, writer)
            raise
    if merged:
        intents.drop_index_files(database, store)
    return Compacted(merged, made)


def next_group(rows: Sequence[Segment], *, everything: bool = False) -> list[Segment]:
    """Return segments that should become one, the smallest first, or none."""
    for kind in SegmentKind:
        mine = sorted(
            (row for row in rows if row.kind is kind), key=lambda row: (row.bytes, row.id)
        )
        tiers: dict[int, list[Segment]] = {}
        for row in mine:
            tiers.setdefault(0 if everything else tier(row.bytes), []).append(row)
        for _, group in sorted(tiers.items()):
            chosen = _fitting(group)
            if len(chosen) >= (2 if everything else FEWEST):
                return chosen
    return []


def tier(size: int) -> int:
    """Return the tier of a segment of that many bytes."""
    number = 0
    while size > _SMALLEST:
        size, number = size // FEWEST, number + 1
    return number


def _fitting(group: Sequence[Segment]) -> list[Segment]:
    """Return the smallest of some segments, as many as may be one."""
    chosen: list[Segment] = []
    documents = size = 0
    for row in group:
        documents, size = documents + row.documents, size + row.bytes
        if len(chosen) == MOST or documents > MOST_DOCUMENTS or size > MOST_BYTES:
            break
        chosen.append(row)
    return chosen


def opened(store: Store, row: Segment) -> SegmentFile:
    """Open a segment to read all of it.

    Raises:
        ConflictError: It is missing or damaged, or is another one.
    """
    path = store.root / SEGMENTS / row.name
    return SegmentFile(BlockFile(path, digest=row.digest))


def replace(
    database: Database,
    store: Store,
    writer: intents.Writer,
    old: Sequence[int],
    new: Sequence[MadeSegment],
    *,
    clock: Clock,
) -> None:
    """Put new segments into the place of old ones: all at once, and nobody waits.

    Args:
        database: The catalogue.
        store: The registry's storage, with the new ones in the writer's folder.
        writer: The writer, whose intent ends.
        old: The ids of the segments that go.
        new: The segments that come.
        clock: The registry's clock.

    Raises:
        ConflictError: Others replaced one of the old ones meanwhile.
        UnavailableError: The disk or the database refused.
    """
    if new:
        store.publish(writer.uid, SEGMENTS)
    store.end_staging(writer.uid)
    with database.write() as session:
        gone = 0
        for begin in range(0, len(old), 500):
            chosen = Segment.id.in_(old[begin : begin + 500])
            gone += len(
                session.scalars(sa.delete(Segment).where(chosen).returning(Segment.id)).all()
            )
        if gone != len(old):
            raise ConflictError(
                "segments of the index were replaced by another command",
                hint="run this one again",
            )
        session.add_all(rows_of(writer.uid, new, now=clock()))
        intents.close(session, writer)


def rows_of(uid: str, made: Sequence[MadeSegment], *, now: dt.datetime) -> list[Segment]:
    """Return what the catalogue says of segments that were made under a uid."""
    return [
        Segment(
            name=f"{uid}/{one.name}",
            kind=one.kind,
            scheme=one.scheme,
            documents=one.documents,
            entries=one.entries,
            bytes=one.bytes,
            digest=one.digest,
            made_at=now,
        )
        for one in made
    ]


def _merge(
    database: Database,
    store: Store,
    writer: intents.Writer,
    group: Sequence[Segment],
    *,
    clock: Clock,
    on_progress: Callable[[], None] | None,
) -> None:
    segments = [opened(store, row) for row in group]
    if len({one.params for one in segments}) > 1:
        raise ConflictError(
            "the index has sketches that were made in different ways",
            hint="run `firsthand index rebuild --sketches`",
        )

    def progress() -> None:
        intents.renew(database, writer, now=clock())
        if on_progress is not None:
            on_progress()

    first = segments[0]
    folder = store.staging(writer.uid) / SEGMENTS
    try:
        folder.mkdir()
        made = merge.write(
            folder / f"{first.kind}-00.segment",
            first.kind,
            [merge.piece_of(one) for one in segments],
            params=first.params,
            # As in `merge.build_all`.
            window=max((one.window or 0 for one in segments), default=0) or None,
            on_progress=progress,
        )
    except OSError as error:
        raise no_room(error) from error
    replace(database, store, writer, [row.id for row in group], [made], clock=clock)


def no_room(error: OSError) -> UnavailableError:
    """Return the error that says why a file of the index could not be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return UnavailableError(
        f"the index cannot be written: {error.strerror or error}",
        hint="make room on the disk; the index is as it was"
        if full
        else "check the disk; the index is as it was",
    )


def _rows(session: Session) -> Sequence[Segment]:
    return session.scalars(sa.select(Segment)).all()
