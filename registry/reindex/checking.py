"""Check the whole index: every block of every file, and that the entries are those they should be.

What a segment should hold is computed again from document tables and sketches, as a sum over the
entries of each of its spans that no wrong entry leaves as it is: each is mixed with numbers that
are drawn anew for each check. Nothing has to be sorted or written for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from registry import documents
from registry.blobs import SEGMENTS, Store
from registry.core.contents import Hashes
from registry.core.sketch import band_keys
from registry.db.models import SegmentKind
from registry.db.session import Database
from registry.errors import ConflictError
from registry.index.blocks import REMEDY, Keys, Rows
from registry.index.entries import LOCAL, keys_of, locals_of
from registry.index.parts import EMPTY, SketchFile
from registry.index.reading import Sketched
from registry.index.segment import SegmentFile, Span
from registry.reindex import held
from registry.reindex.held import Held, Opened, Place

_ENTRIES: Final = 1 << 19
_SKETCHES: Final = 1 << 13


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    Attributes:
        name: The file, below the storage folder, or the version.
        message: What is wrong.
        hint: What to do about it.
    """

    name: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was checked.

    Attributes:
        files: How many files.
        bytes: Their size.
        entries: How many entries were compared with what they should be.
        not_indexed: How many documents have never been indexed.
        problems: What is wrong.
    """

    files: int
    bytes: int
    entries: int
    not_indexed: int
    problems: tuple[Problem, ...]


def check(
    database: Database,
    store: Store,
    *,
    rng: np.random.Generator,
    on_progress: Callable[[int, int], None] | None = None,
) -> Checked:
    """Read the whole index, and compare it with the catalogue, document tables and sketches.

    Args:
        database: The catalogue.
        store: The registry's storage.
        rng: Draws the numbers that entries are mixed with.
        on_progress: Called often with how many bytes were read, of how many.
    """
    with held.held(database, store) as now:
        return _Check(store, now, rng, on_progress).run()


class _Check:
    def __init__(
        self,
        store: Store,
        now: Held,
        rng: np.random.Generator,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._store = store
        self._now = now
        self._places = {place.location.uid: place for place in now.places}
        self._found = now.segments
        self._mix = _Mix(rng)
        self._tell = on_progress
        self._problems: list[Problem] = []
        self._sketched: dict[str, Sketched | None] = {}
        self._files = self._read = self._entries = self._not_indexed = 0
        self._total = sum(one.row.bytes for one in now.segments)

    def run(self) -> Checked:
        for place in self._places.values():
            if place.table is not None:
                self._sketched[place.location.uid] = self._check_sketches(place)
        for one in self._found:
            name = f"{SEGMENTS}/{one.row.name}"
            self._files += 1
            if one.segment is None:
                self._add(name, one.problem)
                continue
            try:
                self._check_segment(name, one, one.segment)
            except ConflictError as error:
                self._add(name, error)
        self._check_coverage()
        return Checked(
            self._files, self._read, self._entries, self._not_indexed, tuple(self._problems)
        )

    def _add(self, name: str, error: ConflictError | None) -> None:
        if error is not None:
            self._problems.append(Problem(name, error.message, error.hint or REMEDY))

    def _say(self, name: str, message: str, hint: str = REMEDY) -> None:
        self._problems.append(Problem(name, message, hint))

    def _progress(self, size: int) -> None:
        self._read += size
        if self._tell is not None:
            self._tell(self._read, max(self._total, self._read))

    def _check_sketches(self, place: Place) -> Sketched | None:
        """Check all sketch files of a location; return them if they are whole."""
        assert place.table is not None  # noqa: S101 - that is when this is called
        uid = place.location.uid
        try:
            found = Sketched(self._store.sketches(uid), place.table)
            for file in found.files:
                self._files += 1
                file.file.check_all()
                self._progress(file.file.size)
        except ConflictError as error:
            self._add(f"sketches/{uid}", error)
            return None
        return found

    def _check_segment(self, name: str, one: Opened, segment: SegmentFile) -> None:
        row = one.row
        said = (segment.kind, segment.documents, segment.entries, segment.file.size)
        if said != (row.kind, row.documents, row.entries, row.bytes):
            self._say(name, "it is not what the catalogue says of it")
            return
        sums, fences = np.zeros(len(segment.spans), np.uint64), []
        last = np.uint64(0)
        for at in range(0, segment.entries, _ENTRIES):
            entries = segment.read(at, min(_ENTRIES, segment.entries - at))
            self._progress(entries.nbytes)
            keys = keys_of(entries)
            if keys[0] < last or (keys[1:] < keys[:-1]).any():
                self._say(name, "its entries are not in order")
                return
            last = keys[-1]
            # Pieces begin where a step of the fences does.
            fences.append(keys[:: segment.step])
            span, place = segment.resolve(locals_of(entries))
            if segment.kind is SegmentKind.CONTENT:
                mixed = self._mix.contents(entries["hash"], place)
            else:
                mixed = self._mix.keys(keys & ~LOCAL, place)
            _add_to(sums, span, mixed)
        if not np.array_equal(np.concatenate([np.empty(0, np.uint64), *fences]), segment.fences()):
            self._say(name, "its fences are not those of its entries")
        segment.file.check_all()
        self._entries += segment.entries
        for number, each in enumerate(segment.spans):
            self._check_span(name, segment, each, sums[number])

    def _check_span(self, name: str, segment: SegmentFile, span: Span, found: np.uint64) -> None:
        place = self._places.get(span.uid)
        if place is None:
            self._say(
                name, f"it holds documents of `{span.uid}`, which the catalogue does not know"
            )
            return
        if segment.kind is not SegmentKind.CONTENT and self._sketched.get(span.uid) is None:
            # That the sketches are missing or damaged was said already.
            return
        expected = np.zeros(1, np.uint64)
        try:
            for mixed in self._expected(segment, place, span):
                _add_to(expected, np.zeros(len(mixed), np.int64), mixed)
        except ConflictError as error:
            self._add(name, error)
            return
        if expected[0] != found:
            self._say(name, f"its entries are not those of `{place.ref.short}`")

    def _expected(self, segment: SegmentFile, place: Place, span: Span) -> Iterator[Keys]:
        """Give the mixed entries that a span should have."""
        end = span.first + span.rows
        if segment.kind is SegmentKind.CONTENT:
            location, at = place.location, 0
            for batch in documents.read(
                self._store.documents(location.uid),
                digest=location.table_digest,
                columns=["content_hash"],
            ):
                low, high = max(span.first - at, 0), min(end - at, batch.num_rows)
                if low < high:
                    hashes = documents.hashes_of(batch.column("content_hash"))[low:high]
                    yield self._mix.contents(hashes, np.arange(at + low, at + high))
                at += batch.num_rows
            return
        sketched = self._sketched[span.uid]
        first = 0
        for file in sketched.files if sketched is not None else ():
            if segment.kind is SegmentKind.PASSAGES:
                pieces = self._passages(file, first)
            else:
                pieces = self._bands(file, first, segment)
            for keys, rows in pieces if first < end and first + file.documents > span.first else ():
                inside = (rows >= span.first) & (rows < end)
                yield self._mix.keys(keys[inside], rows[inside])
            first += file.documents

    @staticmethod
    def _bands(file: SketchFile, first: int, segment: SegmentFile) -> Iterator[tuple[Keys, Rows]]:
        assert segment.params is not None  # noqa: S101 - segments of bands have them
        for at, signatures in file.stream(_SKETCHES):
            rows = np.flatnonzero((signatures != EMPTY).any(axis=1))
            keys = band_keys(signatures[rows], segment.params) & ~LOCAL
            yield keys.reshape(-1), np.repeat(rows + at + first, keys.shape[1])

    @staticmethod
    def _passages(file: SketchFile, first: int) -> Iterator[tuple[Keys, Rows]]:
        for run in file.passages:
            for at in range(0, run.count, _ENTRIES):
                entries = run.read(at, min(_ENTRIES, run.count - at))
                yield entries & ~LOCAL, locals_of(entries) + run.first + first

    def _check_coverage(self) -> None:
        """Say which documents should be found by something and are not, or are found twice."""
        counts = {kind: self._now.covered(kind) for kind in SegmentKind}
        unknown = {one.row.kind for one in self._found if one.segment is None}
        for uid, place in self._places.items():
            if place.table is None and not counts[SegmentKind.CONTENT].get(uid):
                self._not_indexed += place.documents if place.first else 0
                continue
            for kind in set(SegmentKind) - unknown:
                wanted = place.documents if kind in place.kinds() else 0
                found = counts[kind].get(uid, 0)
                if found != wanted:
                    how = "more than once" if found > wanted else "not or not wholly"
                    self._say(place.ref.short, f"its documents are {how} in the index by {kind}")


class _Mix:
    """Mixes entries so that their sum tells sets of them apart."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._odd = rng.integers(0, 1 << 63, 8, np.uint64) * np.uint64(2) + np.uint64(1)

    def keys(self, keys: Keys, rows: Rows) -> Keys:
        """Return a number for each key and its document."""
        return self._mixed(keys * self._odd[0] + (rows.astype(np.uint64) + 1) * self._odd[1])

    def contents(self, hashes: Hashes, rows: Rows) -> Keys:
        """Return a number for each content and its document."""
        words = np.ascontiguousarray(hashes).view("<u8").reshape(-1, 4)
        mixed = (rows.astype(np.uint64) + np.uint64(1)) * self._odd[1]
        for column in range(4):
            mixed += self._mixed(words[:, column]) * self._odd[column + 4]
        return self._mixed(mixed)

    def _mixed(self, numbers: Keys) -> Keys:
        mixed = (numbers ^ numbers >> np.uint64(31)) * self._odd[2]
        mixed = (mixed ^ mixed >> np.uint64(29)) * self._odd[3]
        result: Keys = mixed ^ mixed >> np.uint64(32)
        return result


def _add_to(sums: Keys, span: Rows, numbers: Keys) -> None:
    """Add numbers to the sums of their spans, modulo 2^64."""
    # Halves of up to 2^20 numbers add up exactly in the 53 bits that `bincount` has.
    low = np.bincount(span, (numbers & np.uint64(0xFFFFFFFF)).astype(np.float64), len(sums))
    high = np.bincount(span, (numbers >> np.uint64(32)).astype(np.float64), len(sums))
    sums += low.astype(np.uint64) + (high.astype(np.uint64) << np.uint64(32))
