"""Make segments of sorted runs, or of smaller segments, in bounded memory.

Of each run a block is held, and filled up when it is half empty. Nothing that has not been read yet
comes before the last entry of a block that is held, so each round takes what is up to the lowest
such entry, sorts it and writes it: keys are spread evenly, so that is about half of what is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from registry.core.sketch import SketchParams
from registry.db.models import SegmentKind
from registry.errors import ConflictError
from registry.index.blocks import REMEDY, Array, BlockFile, BlockWriter, Keys, damaged
from registry.index.entries import MOST_DOCUMENTS, keys_of, merged, moved
from registry.index.parts import Run, RunsFile, SketchFile
from registry.index.segment import SegmentFile, Span, entry_type, fence_step, scheme_of

HELD: Final = 1 << 24
"""How many bytes of entries are held while runs are merged, about."""
_LEAST: Final = 1 << 15
_MOST_OPEN: Final = 256
"""How many files are kept open; beyond that, each is opened whenever it is read."""


class Entries(Protocol):
    """Sorted entries that can be read piece by piece."""

    @property
    def file(self) -> BlockFile:
        """Return the file that they are in."""

    def read(self, at: int, count: int) -> Array:
        """Return some of them."""


@dataclass(frozen=True, slots=True)
class MadeSegment:
    """A segment that was written.

    Attributes:
        name: The name of its file.
        kind: What it finds documents by.
        documents: How many documents it holds.
        entries: How many entries.
        bytes: The size of its file.
        digest: SHA-256 of its footer.
        spans: Which documents those are.
    """

    name: str
    kind: SegmentKind
    documents: int
    entries: int
    bytes: int
    digest: str
    spans: tuple[Span, ...]

    @property
    def scheme(self) -> str:
        """Return what its keys are."""
        return scheme_of(self.kind)


@dataclass(frozen=True, slots=True)
class Source:
    """Sorted entries, and where the documents they are of come to stand.

    Attributes:
        entries: The entries.
        count: How many.
        shift: How many documents stand before theirs.
    """

    entries: Entries
    count: int
    shift: int


@dataclass(slots=True)
class Piece:
    """Documents that go into a segment together.

    Attributes:
        spans: Which documents, with places that count from the piece's first.
        documents: How many.
        entries: Their entries.
        count: How many.
    """

    spans: list[Span]
    documents: int
    entries: Entries
    count: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What was written of the parts of a location.

    Attributes:
        uid: The location.
        files: For each part in order its sketch file, if it has one, its file of runs, and how
            many documents it has.
        window: What the passages are the least of; None where there are none.
    """

    uid: str
    files: Sequence[tuple[Path | None, Path, int]]
    window: int | None


def build(
    folder: Path,
    location_uid: str,
    parts: Sequence[tuple[Path | None, Path, int]],
    *,
    params: SketchParams,
    window: int | None,
    on_progress: Callable[[], None] | None = None,
) -> list[MadeSegment]:
    """Make the segments of a location; see `Parts` and `build_all`."""
    one = Parts(location_uid, parts, window)
    return build_all(folder, [one], params=params, on_progress=on_progress)


def build_all(
    folder: Path,
    locations: Sequence[Parts],
    *,
    params: SketchParams,
    on_progress: Callable[[], None] | None = None,
) -> list[MadeSegment]:
    """Make the segments of some locations from what was written of their parts.

    Args:
        folder: Where the segments go; it is made if need be.
        locations: What was written.
        params: What the sketches are.
        on_progress: Called often; what it raises ends everything.

    Raises:
        ConflictError: A file is missing or damaged, or is not of that many documents.
        OSError: The disk refused.
    """
    kinds: dict[SegmentKind, list[Piece]] = {kind: [] for kind in SegmentKind}
    for location in locations:
        first = 0
        for sketches, runs, documents in location.files:
            for kind, found in _runs_of(sketches, runs, documents, location.window).items():
                kinds[kind] += _pieces(location.uid, first, found)
            first += documents
    windows = [location.window for location in locations if location.window is not None]
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write(
            folder / f"{kind}-{number:02d}.segment",
            kind,
            group,
            params=params,
            # What is promised of all of them is what is promised of the least.
            window=max(windows, default=None),
            on_progress=on_progress,
        )
        for kind, pieces in kinds.items()
        for number, group in enumerate(grouped(pieces))
    ]


def _runs_of(
    sketches: Path | None, runs: Path, documents: int, window: int | None
) -> dict[SegmentKind, Sequence[Run]]:
    opened = RunsFile(runs)
    if opened.documents != documents:
        raise damaged(runs, f"is of {opened.documents} documents, not of {documents}")
    found: dict[SegmentKind, Sequence[Run]] = {SegmentKind.CONTENT: opened.content}
    if sketches is None:
        return found
    found[SegmentKind.BANDS] = opened.bands
    if window is not None:
        file = SketchFile.open(sketches)
        if file.documents != documents:
            raise damaged(sketches, f"is of {file.documents} documents, not of {documents}")
        found[SegmentKind.PASSAGES] = file.passages
    return found


def _pieces(uid: str, first: int, runs: Sequence[Run]) -> list[Piece]:
    return [
        Piece([Span(uid, 0, first + run.first, run.rows)], run.rows, run, run.count) for run in runs
    ]


def grouped(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Give pieces in groups that each fit into a segment."""
    group: list[Piece] = []
    documents = 0
    for piece in pieces:
        if group and documents + piece.documents > MOST_DOCUMENTS:
            yield group
            group, documents = [], 0
        group.append(piece)
        documents += piece.documents
    if group:
        yield group


def write(
    path: Path,
    kind: SegmentKind,
    pieces: Sequence[Piece],
    *,
    params: SketchParams | None,
    window: int | None,
    on_progress: Callable[[], None] | None = None,
) -> MadeSegment:
    """Write one segment of some pieces, which together fit into it.

    Raises:
        ConflictError: An entry cannot be read.
        OSError: The disk refused.
    """
    sources, spans, documents = [], list[Span](), 0
    for piece in pieces:
        sources.append(Source(piece.entries, piece.count, documents))
        for span in piece.spans:
            _append(spans, Span(span.uid, span.local + documents, span.first, span.rows))
        documents += piece.documents
    fences = _Fences(fence_step(kind))
    writer = BlockWriter(path)
    try:
        with _held(pieces):
            for entries in ordered(sources, entry_type(kind)):
                writer.write(entries)
                fences.add(entries)
                if on_progress is not None:
                    on_progress()
        footer: dict[str, Any] = {
            "kind": str(kind),
            "scheme": scheme_of(kind),
            "documents": documents,
            "entries": fences.entries,
            "fences": writer.append(fences.keys()),
            "spans": [[span.uid, span.local, span.first, span.rows] for span in spans],
        }
        if kind is not SegmentKind.CONTENT and params is not None:
            footer["params"] = {
                "permutations": params.permutations,
                "bands": params.bands,
                "rows": params.rows,
            }
        if kind is SegmentKind.PASSAGES:
            footer["window"] = window
        digest = writer.close(footer)
    finally:
        writer.discard()
    return MadeSegment(
        path.name,
        kind,
        documents,
        fences.entries,
        path.stat().st_size,
        digest,
        tuple(spans),
    )


@contextmanager
def _held(pieces: Sequence[Piece]) -> Iterator[None]:
    """Keep the files of some pieces open meanwhile, unless they are very many."""
    files = {id(piece.entries.file): piece.entries.file for piece in pieces}
    with ExitStack() as stack:
        for file in files.values() if len(files) <= _MOST_OPEN else ():
            stack.enter_context(file.held())
        yield


def piece_of(segment: SegmentFile) -> Piece:
    """Return a segment as something to be merged with others."""
    return Piece(list(segment.spans), segment.documents, segment, segment.entries)


def ordered(sources: Sequence[Source], dtype: np.dtype[Any]) -> Iterator[Array]:
    """Give the entries of some sources in order, in pieces that are not empty."""
    held = max(HELD // max(len(sources), 1), _LEAST) // dtype.itemsize
    readers = [_Reader(source, held) for source in sources]
    while readers := [reader for reader in readers if reader.fill()]:
        limits = [reader.last for reader in readers if reader.more]
        upto = min(limits) if limits else None
        parts = [part for reader in readers if len(part := reader.take(upto))]
        yield merged(parts)


class _Reader:
    """A source, of which one block is held."""

    def __init__(self, source: Source, held: int) -> None:
        self._source = source
        self._most = held
        self._at = 0
        self._entries: Array = np.empty(0)
        self._keys: Keys = np.empty(0, np.uint64)

    @property
    def more(self) -> bool:
        """Return whether there is more than what is held."""
        return self._at < self._source.count

    @property
    def last(self) -> np.uint64:
        """Return what the last entry that is held is sorted by."""
        last: np.uint64 = self._keys[-1]
        return last

    def fill(self) -> bool:
        """Read on if little is held; return whether something is."""
        if 2 * len(self._entries) < self._most and self.more:
            count = min(self._most - len(self._entries), self._source.count - self._at)
            entries = self._source.entries.read(self._at, count)
            more = moved(entries, self._source.shift)
            self._entries = np.concatenate([self._entries, more]) if len(self._entries) else more
            self._keys = keys_of(self._entries)
            self._at += count
            if (self._keys[1:] < self._keys[:-1]).any():
                raise ConflictError("entries of the index are not in order", hint=REMEDY)
        return len(self._entries) > 0

    def take(self, upto: np.uint64 | None) -> Array:
        """Return what is held up to some key, or all of it, and let go of it."""
        count = len(self._keys)
        if upto is not None:
            count = int(np.searchsorted(self._keys, upto, side="right"))
        taken = self._entries[:count]
        self._entries, self._keys = self._entries[count:], self._keys[count:]
        return taken


@dataclass(slots=True)
class _Fences:
    """Gathers what every so-manieth entry is sorted by."""

    step: int
    entries: int = 0
    _parts: list[Keys] = field(default_factory=list)

    def add(self, entries: Array) -> None:
        """Count entries, and note those at which a step begins."""
        chosen = entries[-self.entries % self.step :: self.step]
        self._parts.append(keys_of(np.ascontiguousarray(chosen)))
        self.entries += len(entries)

    def keys(self) -> Keys:
        """Return them all."""
        return np.asarray(np.concatenate([np.empty(0, np.uint64), *self._parts]), "<u8")


def _append(spans: list[Span], span: Span) -> None:
    """Append a span, or lengthen the last one when it goes on with it."""
    if spans:
        last = spans[-1]
        if last.uid == span.uid and last.first + last.rows == span.first:
            spans[-1] = Span(last.uid, last.local, last.first, last.rows + span.rows)
            return
    spans.append(span)
