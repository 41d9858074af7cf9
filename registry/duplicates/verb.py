"""Find the versions, open what was stored of them, compare, list and count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from registry.batch import Asked, Found
from registry.batch import find as compare
from registry.batch.engine import Engine, Limits
from registry.batch.run import PAIR_LIMIT, Progress
from registry.batch.stages import Workspace
from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.dataset import DatasetRef
from registry.core.sketch import SketchParams
from registry.db.session import Database
from registry.duplicates import listing
from registry.duplicates.report import Capped, Report, summarize
from registry.errors import InvalidInputError
from registry.query import catalogue, compared
from registry.query.compared import FOLDER, Side


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        ref: The version.
        other: The version to compare it with; None to compare it with itself.
        exact: Compare by true Jaccard similarity, which reads the texts again.
        threshold: The smallest similarity that counts as near.
        out: The file for the pairs.
        everything: Also list pairs that were compared and rejected.
        pair_limit: How many pairs a group of alike texts may make.
        limits: Memory and threads.
        temp: Where stages are kept; by default in the registry's storage.
    """

    ref: DatasetRef
    other: DatasetRef | None = None
    exact: bool = False
    threshold: float = 0.8
    out: Path | None = None
    everything: bool = False
    pair_limit: int = PAIR_LIMIT
    limits: Limits = field(default_factory=Limits)
    temp: Path | None = None


def find(
    database: Database,
    store: Store,
    wanted: Wanted,
    *,
    caller: Caller = OPERATOR,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Find the documents of a version that repeat one another, or those of another version.

    Candidates share a band of their sketches, so a pair is found with the probability
    `SketchParams.recall` gives for its similarity; equal texts are always found.

    Args:
        database: The catalogue; nothing is written to it.
        store: The registry's storage.
        wanted: What is asked for.
        caller: Who asks.
        on_progress: Hears how far it is.

    Raises:
        NotFoundError: There is no such version that the caller may see.
        ConflictError: A version has no sketches, or they are damaged or of different kinds.
        InvalidInputError: An option is out of its range, both versions are the same, or there is
            something else than a file where the pairs are to be written.
        UnavailableError: The disk is full, or the memory does not suffice.
    """
    if wanted.out is not None:
        listing.check(wanted.out)
    with database.read() as session:
        mine = compared.side(session, catalogue.version(session, wanted.ref, caller))
        theirs = None
        if wanted.other is not None:
            theirs = compared.side(session, catalogue.version(session, wanted.other, caller))
    if theirs is not None:
        _check_pair(mine, theirs)
    sides = [mine] if theirs is None else [mine, theirs]
    refs = {side.version.id: side.ref for side in sides}
    with Workspace(wanted.temp or store.root / FOLDER) as space, space.scratch() as scratch:
        one, *two = (compared.source(database, store, side, scratch) for side in sides)
        asked = Asked(
            mine=[one],
            theirs=two,
            params=SketchParams(permutations=mine.table.permutations),
            threshold=wanted.threshold,
            exact=wanted.exact,
            pair_limit=wanted.pair_limit,
            limits=wanted.limits,
        )
        found = compare(asked, space, on_progress)
        with Engine(space.root, scratch, wanted.limits) as engine:
            found.see(engine)
            rows, capped = _list(found, engine, refs, wanted, on_progress)
            return Report(
                mine=mine.ref,
                theirs=None if theirs is None else theirs.ref,
                out=None if wanted.out is None else str(wanted.out),
                rows=rows,
                **summarize(found, engine, refs, capped_list=capped),
            )


def _list(
    found: Found,
    engine: Engine,
    refs: dict[int, DatasetRef],
    wanted: Wanted,
    on_progress: Callable[[Progress], None],
) -> tuple[int | None, Capped | None]:
    if wanted.out is None:
        return None, None
    return listing.write(
        found,
        engine,
        refs,
        wanted.out,
        everything=wanted.everything,
        on_rows=lambda done: on_progress(Progress("listing", done, 0)),
    )


def _check_pair(mine: Side, theirs: Side) -> None:
    if mine.version.id == theirs.version.id:
        raise InvalidInputError(
            f"`{mine.ref.short}` would be compared with itself",
            hint="leave out `--with` to find what repeats within a version",
        )
    compared.check_alike([mine, theirs])
