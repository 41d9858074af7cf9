"""Which documents of a version meet the items of evaluation sets: equal, near, or in a passage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.contents import Hashes, Mask, Rows, member
from registry.core.sketch import PASSAGE, SCHEME, similarity
from registry.db.models import DatasetVersion, Location, SegmentKind
from registry.errors import ConflictError
from registry.index.reading import Index
from registry.matching import Kind, Matches, Reach, Scanner, Target, reach
from registry.matching.targets import EVALUATION_RUN
from registry.query import catalogue, derived
from registry.query.again import Again

MIN_SIMILARITY: Final = 0.8
RULE: Final = f"evaluation/v1 {SCHEME} similarity >= {MIN_SIMILARITY} run >= {EVALUATION_RUN}"
_HELD: Final = 256 << 20
"""Texts of a set up to this size are held in memory; of a larger one they are read as needed."""
_KEPT: Final = "evaluations"

Progress = Callable[[int, int], None]
"""Called with documents read, and with how many there are in all."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """An evaluation set, and how far its items can be found.

    Attributes:
        version: The version.
        place: Its first location.
        reach: How far the index reaches.
        short: How many of its items have fewer than eight words: those are found only where a
            document is equal to one, or as a whole nearly so.
        digest: Names its sketches; None where it has none.
    """

    version: DatasetVersion
    place: Location
    reach: Reach
    short: int
    digest: str | None

    @property
    def target(self) -> Target:
        """Return it as what is searched."""
        return Target(self.place.id, self.version.documents, run=EVALUATION_RUN, every=True)


@dataclass(frozen=True, slots=True)
class Met:
    """Which documents of a version meet an evaluation set.

    Attributes:
        rows: Which, ascending.
        kinds: How, the closest: values of `Kind`.
        read: The texts of the version were compared; otherwise only what the index knows was.
    """

    rows: Rows
    kinds: npt.NDArray[np.int8]
    read: bool


def evaluation_sets(
    session: Session, store: Store, versions: Sequence[DatasetVersion]
) -> list[EvaluationSet]:
    """Return versions as evaluation sets.

    Raises:
        ConflictError: A document table, or a file of the index, is missing or was changed.
    """
    found = []
    with Index.open(session, store) as index:
        sketched = index.sketched()
        for version in versions:
            place = catalogue.locations(session, version)[0]
            target = Target(place.id, version.documents, run=EVALUATION_RUN, every=True)
            table = sketched.get(place.id)
            found.append(
                EvaluationSet(
                    version,
                    place,
                    reach(index, [target])[place.id],
                    _short(store, place),
                    None if table is None else table.digest,
                )
            )
    return found


def meet(
    session: Session,
    store: Store,
    source: DatasetVersion,
    sets: Sequence[EvaluationSet],
    *,
    again: Again | None,
    on_progress: Progress | None = None,
) -> list[Met]:
    """Return which documents of a version meet which of some evaluation sets.

    What was found with the texts of both sides is kept for the next time.

    Args:
        session: A reading session.
        store: The registry's storage.
        source: The version.
        sets: The evaluation sets.
        again: Reads texts; without it, and where they are gone, the index alone tells.
        on_progress: Called while texts are read.

    Raises:
        ConflictError: A document table, or a file of the index, is missing or was changed.
    """
    place = catalogue.locations(session, source)[0]
    found: dict[int, Met] = {}
    for item in sets:
        kept = derived.load(store, _KEPT, _depends(place, item))
        if kept is not None:
            found[item.version.id] = Met(
                kept.column("row").to_numpy(), kept.column("kind").to_numpy(), read=True
            )
    left = [item for item in sets if item.version.id not in found]
    if left:
        hashes = _hashes(store, place)
        with Index.open(session, store) as index:
            job = _Job(index, (source, place), hashes, left, again, on_progress)
            for item, met, complete in job.run(store):
                found[item.version.id] = met
                if complete:
                    table = pa.table({"row": met.rows, "kind": met.kinds})
                    derived.keep(store, _KEPT, _depends(place, item), table)
    return [found[item.version.id] for item in sets]


def _depends(place: Location, item: EvaluationSet) -> Mapping[str, Any]:
    """Return all that says which documents meet a set: the texts of both, its sketches, the rule.

    How far the index reaches is in it: what is found after `index rebuild` may be more.
    """
    it = item.reach
    return {
        "rule": RULE,
        "source": place.order_root,
        "set": item.place.order_root,
        "sketches": item.digest,
        "reach": [it.exact, it.near, it.window or 0],
    }


class _Job:
    """One version while it is compared with evaluation sets."""

    def __init__(
        self,
        index: Index,
        source: tuple[DatasetVersion, Location],
        hashes: Hashes,
        sets: Sequence[EvaluationSet],
        again: Again | None,
        on_progress: Progress | None,
    ) -> None:
        self._index = index
        self._source, self._place = source
        self._hashes = hashes
        self._sets = {item.place.id: item for item in sets}
        self._again = again
        self._on_progress = on_progress
        self._held: dict[int, pa.Array] = {}

    def run(self, store: Store) -> Iterator[tuple[EvaluationSet, Met, bool]]:
        """Give for each set what meets it, and whether that is all there is to find."""
        found = self._scanned()
        read = found is not None
        if found is None:
            found = self._from_index()
        for location, item in self._sets.items():
            mine = found.at(found.location == location)
            kinds = np.full(len(self._hashes), len(Kind), np.int8)
            np.minimum.at(kinds, mine.question, mine.kind)
            # By the hashes of both sides, whatever the index has of them.
            kinds[member(self._hashes, np.sort(_hashes(store, item.place)))] = Kind.EXACT
            rows = np.flatnonzero(kinds < len(Kind))
            passages = mine.kind == Kind.PASSAGE
            complete = read and bool((mine.verified | mine.cut)[passages].all())
            yield item, Met(rows, kinds[rows], read), complete

    def _scanned(self) -> Matches | None:
        """Compare all texts of the version, or return None where they are not at hand."""
        if self._again is None:
            return None
        targets = [item.target for item in self._sets.values()]
        scanner = Scanner(self._index, targets, texts=self._texts, min_similarity=MIN_SIMILARITY)
        rows = np.arange(len(self._hashes))
        parts: list[Matches] = []
        try:
            batches = self._again(self._source, self._place, rows)
            for begin, found in _ahead(scanner, batches):
                parts.append(found.moved(begin))
                if self._on_progress:
                    self._on_progress(begin, len(rows))
        except ConflictError:
            return None
        return Matches.together(parts)

    def _texts(self, location: int, rows: Rows) -> Iterator[pa.Array]:
        """Give texts of a set, from memory if it is small."""
        item, again = self._sets[location], self._again
        if again is None:
            raise ConflictError("texts are not read again here")
        if item.version.bytes > _HELD:
            yield from again(item.version, item.place, rows)
            return
        held = self._held.get(location)
        if held is None:
            everything = np.arange(item.version.documents)
            parts = [
                it.cast(pa.large_string()) for it in again(item.version, item.place, everything)
            ]
            held = pa.concat_arrays(parts) if parts else pa.array([], pa.large_string())
            self._held[location] = held
        yield held.take(pa.array(rows))

    def _from_index(self) -> Matches:
        """Return what the index knows: near documents, and those that share a stored passage.

        One shared piece of eight tokens is enough to be left out: there is none without one in
        a run of the length that both sides guarantee, and nobody can look how long it is.
        """
        parts = [Matches.none()]
        kinds = {Kind.NEAR: SegmentKind.BANDS, Kind.PASSAGE: SegmentKind.PASSAGES}
        for kind, segment in kinds.items():
            for mine, location, theirs in self._index.joined(
                segment, self._place.id, among=self._sets.keys()
            ):
                good = np.ones(len(mine), np.bool_)
                if kind is Kind.NEAR:
                    good = self._alike(mine, location, theirs)
                parts.append(Matches.of_kind(kind, mine[good], location[good], theirs[good]))
        return Matches.together(parts)

    def _alike(self, mine: Rows, location: Rows, theirs: Rows) -> Mask:
        good = np.zeros(len(mine), np.bool_)
        for place in np.unique(location).tolist():
            here = np.flatnonzero(location == place)
            one = self._index.signatures(self._place.id, mine[here])
            two = self._index.signatures(place, theirs[here])
            good[here] = similarity(one, two) >= MIN_SIMILARITY
        return good


def _ahead(scanner: Scanner, batches: Iterator[pa.Array]) -> Iterator[tuple[int, Matches]]:
    """Scan batches on all cores, and give what each matches, in order, with where it begins."""
    workers = os.cpu_count() or 1
    waiting: list[tuple[int, Future[Matches]]] = []
    begin = 0
    with ThreadPoolExecutor(workers) as pool:
        try:
            for batch in batches:
                texts = batch.cast(pa.large_string())
                waiting.append((begin, pool.submit(scanner.scan, texts)))
                begin += len(texts)
                if len(waiting) > workers:
                    at, found = waiting.pop(0)
                    yield at, found.result()
            for at, found in waiting:
                yield at, found.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _hashes(store: Store, place: Location) -> Hashes:
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    return documents.hashes_of(table.column("content_hash"))


def _short(store: Store, place: Location) -> int:
    table = documents.load(store.documents(place.uid), digest=place.table_digest, columns=["words"])
    return int(np.count_nonzero(table.column("words").to_numpy() < PASSAGE))
