"""Make what was read searchable: the index files of a location, and the rows that name them.

The sketches of a version are those of the place it was first found at; a further place of the same
content adds its content hashes alone. All of it is derived, so the log does not bind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy.orm import Session

from registry.blobs import SEGMENTS, SKETCHES, Store
from registry.core.sketch import SCHEME, SketchParams
from registry.db.models import Location, Segment, SegmentKind, SketchTable
from registry.index import merge, parts
from registry.index.merge import MadeSegment
from registry.intake.run import Draft
from registry.register.reading import Asked


class Wanted(StrEnum):
    """What a registration adds to the index."""

    NOTHING = "nothing"
    CONTENTS = "contents"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Made:
    """Index files of a location that has no rows yet.

    Attributes:
        wanted: What was to be made.
        segments: The files.
    """

    wanted: Wanted
    segments: Sequence[MadeSegment] = ()


def make(
    asked: Asked,
    draft: Draft,
    staging: Path,
    wanted: Wanted,
    *,
    on_progress: Callable[[], None] | None = None,
) -> Made:
    """Merge what was written beside the parts into segments, in the folder of the run.

    Args:
        asked: How the parts were read.
        draft: What reading gave.
        staging: The folder of the run, which has the uid of the location as its name.
        wanted: What is to be made.
        on_progress: Called often; what it raises ends everything.

    Raises:
        ConflictError: What was written of a part is damaged.
        OSError: The disk refused.
    """
    if wanted is Wanted.NOTHING:
        return Made(wanted)
    how = asked.intake(staging)
    sources: list[tuple[Path | None, Path, int]] = []
    for number, part in enumerate(draft.parts):
        files = how.files(number)
        sketches = files.sketches if wanted is Wanted.ALL else None
        sources.append((sketches, files.runs, part.documents))
    made = merge.build(
        staging / SEGMENTS,
        staging.name,
        sources,
        params=how.params,
        window=asked.window,
        on_progress=on_progress,
    )
    return Made(wanted, made)


def publish(store: Store, uid: str, made: Made) -> None:
    """Move the files to their places.

    Raises:
        UnavailableError: The disk refused.
    """
    if made.wanted is Wanted.ALL:
        store.publish(uid, SKETCHES)
    if made.wanted is not Wanted.NOTHING:
        store.publish(uid, SEGMENTS)


def add(
    session: Session,
    place: Location,
    asked: Asked,
    draft: Draft,
    made: Made,
    *,
    first: bool,
    now: dt.datetime,
) -> None:
    """Write the rows of a location's index files.

    Args:
        session: The transaction that the location is written in.
        place: The location, which has its id.
        asked: How its documents were read.
        draft: What reading gave.
        made: The files.
        first: Whether it is the first place of its version.
        now: The time.
    """
    whole = first and made.wanted is Wanted.ALL
    if whole:
        session.add(
            SketchTable(
                location_id=place.id,
                scheme=SCHEME,
                permutations=SketchParams().permutations,
                window=asked.window,
                documents=draft.gathered.totals.documents,
                sketched=sum(part.sketched for part in draft.parts),
                digest=parts.digest_of(part.digest for part in draft.parts),
                made_at=now,
            )
        )
    session.add_all(
        Segment(
            name=f"{place.uid}/{segment.name}",
            kind=segment.kind,
            scheme=segment.scheme,
            documents=segment.documents,
            entries=segment.entries,
            bytes=segment.bytes,
            digest=segment.digest,
            made_at=now,
        )
        for segment in made.segments
        if whole or segment.kind is SegmentKind.CONTENT
    )
    session.flush()
