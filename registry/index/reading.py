"""Look documents up: by content, by band keys, by passages. Answers are (location, row).

An index that is open sees the segments that were in use when it was opened, each of them held with
a lease, so that whoever merges segments meanwhile removes none of its files.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.contents import Hashes, Mask
from registry.db.models import Location, Segment, SegmentKind, SketchTable
from registry.index.asking import Spans
from registry.index.blocks import OPEN, BlockFile, Keys, Rows, damaged
from registry.index.joining import Asked, Hubs, Joined, Side, joined
from registry.index.parts import Signatures, SketchFile, digest_of
from registry.index.segment import SegmentFile

_TRIES: Final = 5
_MOST_SKETCHES: Final = 256
_ASKED: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """Documents that were found.

    Attributes:
        question: For which of the questions.
        location: The id of the location it is in.
        row: Its row there, in reading order.
    """

    question: Rows
    location: Rows
    row: Rows

    def __len__(self) -> int:
        return len(self.question)


class Lease:
    """A segment's file that is open and may not be removed, shared by those who read it.

    Attributes:
        segment: The segment.
        ids: The locations that its spans are of, once they are known.
    """

    def __init__(self, path: Path, digest: str) -> None:
        """Open a segment, for one reader.

        Raises:
            FileNotFoundError: It was removed.
            ConflictError: It is damaged, or is another one.
        """
        self._handle = os.open(path, OPEN)
        self._readers = 1
        self.ids: Rows | None = None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH)
            if not os.fstat(self._handle).st_nlink:
                raise FileNotFoundError(path)
            self.segment = SegmentFile(BlockFile(path, digest=digest, handle=self._handle))
            self.segment.file.map()
        except BaseException:
            os.close(self._handle)
            raise

    def share(self) -> Self:
        """Count one more reader."""
        self._readers += 1
        return self

    def release(self) -> None:
        """Count one reader less; without any, the file is closed."""
        self._readers -= 1
        if not self._readers:
            os.close(self._handle)


@dataclass(frozen=True, slots=True)
class _Held:
    """A segment as an open index sees it."""

    lease: Lease
    ids: Rows

    @property
    def segment(self) -> SegmentFile:
        """Return the segment."""
        return self.lease.segment


class Cache:
    """Open segments and sketches, kept from one index to the next by a process that lives long.

    Threads may share one.
    """

    def __init__(self) -> None:
        """Start with nothing open."""
        self.lock = threading.Lock()
        self.leases: dict[str, Lease] = {}
        self.tables: dict[int, SketchTable] = {}
        self.tables_as_of: Any = None
        self.sketches: dict[tuple[str, str], Sketched] = {}

    def close(self) -> None:
        """Let go of everything that no open index uses."""
        with self.lock:
            for lease in self.leases.values():
                lease.release()
            self.leases, self.tables, self.sketches = {}, {}, {}
            self.tables_as_of = None


class Sketched:
    """The sketches of a location."""

    def __init__(self, folder: Path, row: SketchTable) -> None:
        """Open all files, which must be those that the catalogue names.

        Raises:
            ConflictError: One is missing or damaged, or they are others.
        """
        paths = sorted(folder.glob("part-*.sketch"))
        self._files = [SketchFile.open(path) for path in paths]
        if digest_of(file.file.digest for file in self._files) != row.digest:
            raise damaged(folder, "is not the one that the catalogue names")
        sizes = [file.documents for file in self._files]
        self._starts = np.cumsum([0, *sizes])
        self.permutations = row.permutations
        if self._starts[-1] != row.documents or any(
            file.params.permutations != row.permutations for file in self._files
        ):
            raise damaged(folder, "is not the one that the catalogue describes")

    @property
    def files(self) -> Sequence[SketchFile]:
        """Return the files in order."""
        return self._files

    def signatures(self, rows: Rows) -> Signatures:
        """Return the signatures of some documents, in the order asked for."""
        if len(rows) and (rows.min() < 0 or rows.max() >= self._starts[-1]):
            raise IndexError("a row is not in the location")
        part = np.searchsorted(self._starts, rows, side="right") - 1
        found = np.empty((len(rows), self.permutations), np.uint32)
        for number in np.unique(part).tolist():
            mine = part == number
            found[mine] = self._files[number].signatures(rows[mine] - self._starts[number])
        return found


class Index:
    """What the catalogue's documents are found by, as it was at one moment. Close it when done."""

    def __init__(
        self, store: Store, cache: Cache, held: Sequence[_Held], rows: Mapping[int, SketchTable]
    ) -> None:
        """Use `open`."""
        self._store = store
        self._cache = cache
        self._held = held
        self._kinds = {
            kind: [one for one in held if one.segment.kind is kind] for kind in SegmentKind
        }
        self._sketched = rows
        self._hidden: Mapping[int, Rows] = {}

    def without(self, hidden: Mapping[int, Rows]) -> Index:
        """Return the same index without some documents: ascending rows of some locations.

        It is closed with this one.
        """
        made = Index(self._store, self._cache, self._held, self._sketched)
        made._hidden = hidden
        return made

    def _shown(self, location: Rows, row: Rows) -> Mask:
        """Return which documents are not among those that are left out."""
        shown = np.ones(len(row), np.bool_)
        for place, rows in self._hidden.items():
            here = np.flatnonzero(location == place)
            shown[here] = ~np.isin(row[here], rows)
        return shown

    @classmethod
    def open(cls, session: Session, store: Store, *, cache: Cache | None = None) -> Index:
        """Open the index as the session's catalogue has it.

        Args:
            session: A session; nothing is written, and it is not needed afterwards.
            store: The registry's storage.
            cache: What is kept open from one index to the next.

        Raises:
            ConflictError: A file of it is missing or damaged.
        """
        kept = Cache() if cache is None else cache
        try:
            with kept.lock:
                held = _hold(session, store, kept)
                return cls(store, kept, held, _sketch_tables(session, kept))
        finally:
            # An open index has its own share of each lease.
            if cache is None:
                kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the leases up, unless a cache keeps them; doing so twice is fine."""
        with self._cache.lock:
            for held in self._held:
                held.lease.release()
        self._held, self._kinds = [], {kind: [] for kind in SegmentKind}

    def sketched(self) -> Mapping[int, SketchTable]:
        """Return the locations whose documents are found by their sketches, and what those are."""
        found = [held.ids for held in self._kinds[SegmentKind.BANDS]]
        there = set(np.concatenate(found).tolist() if found else [])
        return {
            number: row
            for number, row in self._sketched.items()
            if number in there or not row.documents
        }

    def covered(self, kind: SegmentKind) -> dict[int, int]:
        """Return how many rows of each location can be found by a kind of segment."""
        rows: dict[int, int] = {}
        for held in self._kinds[kind]:
            for location, span in zip(held.ids.tolist(), held.segment.spans, strict=True):
                if location >= 0:
                    rows[location] = rows.get(location, 0) + span.rows
        return rows

    def content(self, hashes: Hashes, *, among: Collection[int] | None = None) -> Found:
        """Find the documents that have some contents.

        Args:
            hashes: The contents.
            among: The locations that may answer; None for all.

        Raises:
            ConflictError: What is needed of the index is damaged.
        """
        return _all_of(
            self._found(held, *held.segment.find_contents(hashes), among)
            for held in self._answering(SegmentKind.CONTENT, among)
        )

    def bands(self, keys: Keys, *, among: Collection[int] | None = None) -> Found:
        """Find the documents that have one of the band keys of a question, each once.

        Args:
            keys: A row of keys for each question.
            among: The locations that may answer; None for all.

        Raises:
            ConflictError: What is needed of the index is damaged.
        """
        wide = keys.shape[1] if keys.ndim > 1 else 1
        parts = []
        for held in self._answering(SegmentKind.BANDS, among):
            key, entries = held.segment.find(keys.reshape(-1))
            # A document takes 24 bits, so that question and document fit into one number.
            once = np.unique(key // wide << 24 | (entries & np.uint64(0xFFFFFF)).astype(np.int64))
            parts.append(self._found(held, once >> 24, once & 0xFFFFFF, among))
        return _all_of(parts)

    def passages(self, keys: Keys, *, among: Collection[int] | None = None) -> Found:
        """Find the documents that have some passages.

        Args:
            keys: The passages' keys.
            among: The locations that may answer; None for all.

        Raises:
            ConflictError: What is needed of the index is damaged.
        """
        parts = []
        for held in self._answering(SegmentKind.PASSAGES, among):
            question, entries = held.segment.find(keys)
            once = np.unique(question << 24 | (entries & np.uint64(0xFFFFFF)).astype(np.int64))
            parts.append(self._found(held, once >> 24, once & 0xFFFFFF, among))
        return _all_of(parts)

    def entries(self, kind: SegmentKind, *, among: Collection[int]) -> int:
        """Return at most how many entries some locations have: all of the segments they are in."""
        return sum(held.segment.entries for held in self._answering(kind, among))

    def keys(self, kind: SegmentKind, *, among: Collection[int]) -> Iterator[Keys]:
        """Give what the entries of some locations are found by: keys, or the first 64 bits.

        Raises:
            ConflictError: A file of the index is damaged.
        """
        wanted = np.fromiter(among, np.int64)
        for held in self._answering(kind, among):
            yield from Spans(held.segment, held.ids, np.isin(held.ids, wanted)).keys()

    def some(
        self, kind: SegmentKind, keys: Keys, *, among: Collection[int], most: int
    ) -> tuple[Found, Rows]:
        """Find the documents that have some keys, of each location only the first few for each.

        Memory stays bounded where very many documents have a key.

        Args:
            kind: Bands or passages.
            keys: The keys, each once.
            among: The locations that may answer.
            most: How many documents of a location are given for a key.

        Returns:
            The documents, and which of the keys have more.

        Raises:
            ConflictError: What is needed of the index is damaged.
        """
        wanted = np.fromiter(among, np.int64)
        parts: list[Found] = []
        cut: list[Rows] = []
        for held in self._answering(kind, among):
            spans = Spans(held.segment, held.ids, np.isin(held.ids, wanted))
            for found in spans.firsts(keys, most):
                shown = self._shown(found.location, found.row)
                parts.append(Found(found.question[shown], found.location[shown], found.row[shown]))
                cut.append(found.more)
        none = np.empty(0, np.int64)
        return _all_of(parts), np.unique(np.concatenate([none, *cut]))

    def joined(
        self,
        kind: SegmentKind,
        mine: int,
        *,
        among: Collection[int] | None = None,
        within: bool = False,
        hubs: Hubs | None = None,
        rows: Mask | None = None,
        without: Mapping[int, Rows] | None = None,
    ) -> Iterator[Joined]:
        """Join documents of a location with those of the others that share a key with them.

        A pair is given once for each key that both have. The location itself takes part only if
        asked for; then each two of its documents make one pair, the earlier row first.

        Args:
            kind: Which keys.
            mine: The location.
            among: The other locations that take part; None for all.
            within: Also join the location with itself.
            hubs: Of very many documents that share a key only so many of a location are joined
                with all others: each document still has a pair with each location that it has one
                with, but not every pair is given. None to give them all.
            rows: Which of my documents take part; None for all. Not together with `within`.
            without: Rows of mine, each once, that make no pair with a location. Where most of them
                make none, they are left out before anything is joined.

        Yields:
            Rows of the location; ids of other locations; rows there. Not more than some 2^20.

        Raises:
            ConflictError: What is needed of the index is damaged.
        """
        allowed = None if among is None else np.fromiter(among, np.int64)
        asked = Asked(rows, without or {})
        sides, others = [], []
        for held in self._kinds[kind]:
            own = held.ids == mine
            if own.any():
                sides.append(Side(held.segment, held.ids, own, asked.rows))
            chosen = (held.ids >= 0) & ~own
            if allowed is not None:
                chosen &= np.isin(held.ids, allowed)
            if within:
                chosen |= own
            for some in asked.alike(held.ids, chosen):
                others.append(Side(held.segment, held.ids, some, asked.of(held.ids[some])))
        pairs = asked.kept(joined(sides, others, hubs=hubs))
        return self._of_shown(mine, pairs) if self._hidden else pairs

    def _of_shown(self, mine: int, pairs: Iterator[Joined]) -> Iterator[Joined]:
        """Give the pairs of which neither document is left out."""
        for rows, others, there in pairs:
            shown = self._shown(others, there) & self._shown(np.full(len(rows), mine), rows)
            yield rows[shown], others[shown], there[shown]

    def signatures(self, location_id: int, rows: Rows) -> Signatures:
        """Return the signatures of documents of a location, in the order asked for.

        Raises:
            ConflictError: They are missing or damaged.
            KeyError: The location has no sketches.
        """
        return self._sketches(location_id).signatures(np.asarray(rows, np.int64))

    def _answering(self, kind: SegmentKind, among: Collection[int] | None) -> list[_Held]:
        """Return the segments that hold documents of locations that may answer."""
        if among is None:
            return self._kinds[kind]
        wanted = np.fromiter(among, np.int64)
        return [held for held in self._kinds[kind] if np.isin(held.ids, wanted).any()]

    def _sketches(self, location_id: int) -> Sketched:
        row = self._sketched[location_id]
        key = (row.location.uid, row.digest)
        with self._cache.lock:
            found = self._cache.sketches.get(key)
        if found is None:
            found = Sketched(self._store.sketches(row.location.uid), row)
            with self._cache.lock:
                while len(self._cache.sketches) >= _MOST_SKETCHES:
                    self._cache.sketches.pop(next(iter(self._cache.sketches)))
                self._cache.sketches[key] = found
        return found

    def _found(
        self, held: _Held, question: Rows, local: Rows, among: Collection[int] | None
    ) -> Found:
        span, row = held.segment.resolve(local)
        location = held.ids[span]
        answers = location >= 0
        if among is not None:
            answers &= np.isin(held.ids, np.fromiter(among, np.int64))[span]
        if self._hidden:
            answers &= self._shown(location, row)
        return Found(question[answers], location[answers], row[answers])


def _all_of(parts: Iterable[Found]) -> Found:
    """Return what several segments found, by question."""
    none = np.empty(0, np.int64)
    found = [Found(none, none, none), *parts]
    question = np.concatenate([one.question for one in found])
    location = np.concatenate([one.location for one in found])
    row = np.concatenate([one.row for one in found])
    order = np.lexsort((row, location, question))
    return Found(question[order], location[order], row[order])


def _sketch_tables(session: Session, cache: Cache) -> dict[int, SketchTable]:
    """Return all rows; they are read again when there is one more, or one was made anew."""
    latest = sa.select(sa.func.count(), sa.func.max(SketchTable.made_at))
    as_of = tuple(session.execute(latest.select_from(SketchTable)).one())
    if cache.tables_as_of != as_of:
        rows = session.scalars(sa.select(SketchTable))
        cache.tables = {row.location_id: row for row in rows}
        cache.tables_as_of = as_of
    return cache.tables


def _hold(session: Session, store: Store, cache: Cache) -> list[_Held]:
    """Return the segments in use, and open those that are not open yet.

    Somebody may replace segments between the question which are in use and the opening of the
    files, and remove those. Then the question is asked again, of the present state; what the
    session does not know is not answered from.
    """
    rows = session.execute(sa.select(Segment.name, Segment.digest)).all()
    for last in (False,) * (_TRIES - 1) + (True,):
        gone = None
        for name, digest in rows:
            if name in cache.leases:
                continue
            uid, _, file = name.partition("/")
            path = store.segments(uid) / file
            try:
                cache.leases[name] = Lease(path, digest)
            except FileNotFoundError:
                gone = damaged(path, "is missing")
                break
            except OSError as error:
                raise damaged(path, f"cannot be read: {error.strerror}") from error
        if gone is None:
            break
        if last:
            raise gone
        with Session(session.get_bind()) as now:
            rows = now.execute(sa.select(Segment.name, Segment.digest)).all()
    used = {name for name, _ in rows}
    for name in set(cache.leases) - used:
        cache.leases.pop(name).release()
    return [_Held(lease.share(), _ids(session, lease)) for lease in cache.leases.values()]


def _ids(session: Session, lease: Lease) -> Rows:
    """Return the ids of the locations that a segment's spans are of; -1 for unknown ones."""
    if lease.ids is not None:
        return lease.ids
    uids = [span.uid for span in lease.segment.spans]
    wanted, known = list(dict.fromkeys(uids)), dict[str, int]()
    for begin in range(0, len(wanted), _ASKED):
        chosen = Location.uid.in_(wanted[begin : begin + _ASKED])
        found = session.execute(sa.select(Location.uid, Location.id).where(chosen))
        known.update((uid, number) for uid, number in found)
    ids = np.array([known.get(uid, -1) for uid in uids], np.int64)
    if len(known) == len(wanted):
        lease.ids = ids
    return ids
