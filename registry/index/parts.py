"""What registration writes of each part of a location: signatures, and sorted runs of entries.

`part-NNNNN.sketch` stays: the signatures of the part's documents in row order, and the entries of
their passages. `part-NNNNN.runs` is there until segments are made of it: the entries of contents
and of bands. A run is of documents that stand in a row, few enough to be held in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.core.contents import Hashes
from registry.core.sketch import SCHEME, Sketches, SketchParams, band_keys
from registry.errors import RegistryError
from registry.index.blocks import Array, BlockFile, BlockWriter, Keys, Rows, damaged, is_number
from registry.index.entries import (
    CONTENT,
    LOCAL,
    MOST_DOCUMENTS,
    PACKED,
    of_contents,
    ordered,
)

Signatures = npt.NDArray[np.uint32]

HELD: Final = 1 << 25
"""How many bytes of entries are held before they are written as a run, with what else they take."""
_HASH: Final = 32
_ENTRY: Final = 8
EMPTY: Final = np.uint32(0xFFFFFFFF)
"""What every number of a signature is where a document has no token."""


def sketch_name(number: int) -> str:
    """Return the name of a part's sketch file."""
    return f"part-{number:05d}.sketch"


def runs_name(number: int) -> str:
    """Return the name of a part's file of runs."""
    return f"part-{number:05d}.runs"


def digest_of(digests: Iterable[str]) -> str:
    """Return the digest of a location's sketches, from those of its files in order."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()


@dataclass(frozen=True, slots=True)
class PartSketch:
    """What was written of a part.

    Attributes:
        digest: SHA-256 of the footer of the sketch file, which holds the check sums of all else;
            empty where there is none.
        runs_digest: The same of the file of runs.
        documents: How many documents the part has.
        sketched: How many of them have a token.
        passages: How many entries their passages have.
    """

    digest: str
    runs_digest: str
    documents: int
    sketched: int
    passages: int


@dataclass(frozen=True, slots=True)
class Run:
    """Sorted entries of documents that stand in a row.

    Attributes:
        file: Where they are.
        first: The first of the documents, counted from the part's first.
        rows: How many documents.
        begin: Where the entries begin in the file.
        count: How many entries.
        dtype: What an entry is.
    """

    file: BlockFile
    first: int
    rows: int
    begin: int
    count: int
    dtype: np.dtype[Any]

    def read(self, at: int, count: int) -> Array:
        """Return some of the entries.

        Raises:
            ConflictError: They are damaged.
        """
        return self.file.read(self.begin + at * self.dtype.itemsize, count, self.dtype)


@dataclass(frozen=True, slots=True)
class Selected:
    """Sketches of some documents, as `core.sketch.Sketches` without what nobody stores.

    The number of tokens is not kept: it is 0 where a document has none, and otherwise 1.
    """

    signatures: Signatures
    tokens: Rows
    bands: Keys
    passages: Keys
    passage_rows: npt.NDArray[np.int32]


class PartWriter:
    """Writes the files of a part, in bounded memory. They have their names when they are whole."""

    def __init__(
        self, sketches: Path | None, runs: Path, *, params: SketchParams, window: int | None
    ) -> None:
        """Write files that do not exist yet.

        Args:
            sketches: The sketch file; None to write runs only.
            runs: The file of runs.
            params: What the sketches are.
            window: What the passages are the least of; None where there are none.

        Raises:
            OSError: The disk refused.
        """
        self._params = params
        self._window = window
        self._runs = BlockWriter(runs)
        self._sketches = None if sketches is None else BlockWriter(sketches, cold=True)
        self._documents = self._first = self._sketched = 0
        self._hashes: list[Hashes] = []
        self._bands: list[Keys] = []
        self._passages: list[Keys] = []
        self._held = 0
        self._signatures = 0
        self._chunks: list[dict[str, Any]] = []
        self._content_runs: list[dict[str, int]] = []
        self._band_runs: list[dict[str, int]] = []

    def add(self, hashes: Hashes, sketches: Sketches | Selected | None) -> None:
        """Append the next documents of the part.

        Args:
            hashes: Their contents.
            sketches: Their sketches; None where the part has none, and so no runs of bands.

        Raises:
            OSError: The disk refused.
        """
        if sketches is None and self._sketches is not None:
            raise ValueError("a part has sketches of all documents or of none")
        passages = np.zeros(len(hashes), np.int64)
        if sketches is not None and self._sketches is not None:
            passages = np.bincount(sketches.passage_rows, minlength=len(hashes))
        # Where a run ends depends on the documents alone, not on how many come at a time: files
        # that are made again of the same texts are the same.
        ends = np.cumsum(_HASH + _ENTRY * (passages + (self._params.bands if sketches else 0)))
        at = 0
        while at < len(hashes):
            before = int(ends[at - 1]) if at else 0
            end = int(np.searchsorted(ends, before + HELD - self._held)) + 1
            most = self._first + MOST_DOCUMENTS - self._documents
            end = min(end, at + most, len(hashes))
            self._take(hashes[at:end], None if sketches is None else _slice(sketches, at, end))
            self._held += int(ends[end - 1]) - before
            if self._held >= HELD or self._documents - self._first == MOST_DOCUMENTS:
                self._flush()
            at = end

    def close(self) -> PartSketch:
        """Finish the files.

        Raises:
            OSError: The disk refused.
        """
        self._flush()
        passages = sum(chunk["passages"][1] for chunk in self._chunks)
        counts = {"documents": self._documents, "sketched": self._sketched}
        digest = ""
        if self._sketches is not None:
            digest = self._sketches.close(
                {
                    "kind": "sketches",
                    "scheme": SCHEME,
                    "params": _to_json(self._params),
                    "window": self._window,
                    **counts,
                    "chunks": self._chunks,
                }
            )
        runs_digest = self._runs.close(
            {
                "kind": "runs",
                "scheme": SCHEME,
                "params": _to_json(self._params),
                **counts,
                "content": self._content_runs,
                "bands": self._band_runs,
            }
        )
        return PartSketch(digest, runs_digest, self._documents, self._sketched, passages)

    def discard(self) -> None:
        """Remove what is not finished; doing so twice is fine."""
        self._runs.discard()
        if self._sketches is not None:
            self._sketches.discard()

    def _take(self, hashes: Hashes, sketches: Sketches | Selected | None) -> None:
        local = self._documents - self._first
        self._hashes.append(np.array(hashes))
        self._documents += len(hashes)
        if sketches is None:
            return
        rows = np.flatnonzero(sketches.tokens)
        self._sketched += len(rows)
        bands = sketches.bands if len(rows) == len(hashes) else sketches.bands[rows]
        self._bands.append((bands | (rows + local).astype(np.uint64)[:, None]).reshape(-1))
        if self._sketches is None:
            return
        if local == 0:
            self._signatures = self._sketches.align()
        self._sketches.write(np.asarray(sketches.signatures, "<u4"))
        owners = sketches.passage_rows.astype(np.uint64) + np.uint64(local)
        self._passages.append(sketches.passages | owners)

    def _flush(self) -> None:
        """Write a run of each kind."""
        rows = self._documents - self._first
        if not rows:
            return
        here = {"first": self._first, "rows": rows}
        self._content_runs.append(
            here | self._append(self._runs, of_contents(np.concatenate(self._hashes)))
        )
        if self._bands:
            self._band_runs.append(here | self._append(self._runs, ordered(self._bands)))
        if self._sketches is not None:
            passages = self._append(self._sketches, ordered(self._passages))
            self._chunks.append(
                here
                | {
                    "signatures": self._signatures,
                    "passages": [passages["begin"], passages["count"]],
                }
            )
        self._hashes, self._bands, self._passages, self._held = [], [], [], 0
        self._first = self._documents

    @staticmethod
    def _append(writer: BlockWriter, entries: Array) -> dict[str, int]:
        return {"begin": writer.append(entries), "count": len(entries)}


def _slice(sketches: Sketches | Selected, begin: int, end: int) -> Sketches | Selected:
    """Return the sketches of some of the documents."""
    if begin == 0 and end == len(sketches.tokens):
        return sketches
    low, high = np.searchsorted(sketches.passage_rows, [begin, end])
    return Selected(
        sketches.signatures[begin:end],
        sketches.tokens[begin:end],
        sketches.bands[begin:end],
        sketches.passages[low:high],
        sketches.passage_rows[low:high] - np.int32(begin),
    )


def _to_json(params: SketchParams) -> dict[str, int]:
    return {"permutations": params.permutations, "bands": params.bands, "rows": params.rows}


class RunsFile:
    """The runs of a part."""

    def __init__(self, path: Path, *, digest: str | None = None) -> None:
        """Open it.

        Raises:
            ConflictError: It is missing or damaged.
        """
        self.file = BlockFile(path, digest=digest)
        footer = self.file.footer
        if footer.get("kind") != "runs" or not is_number(footer.get("documents")):
            raise damaged(path, "holds no runs")
        self.documents: int = footer["documents"]
        self.content = self._runs(footer.get("content"), CONTENT)
        self.bands = self._runs(footer.get("bands"), PACKED)

    def _runs(self, said: Any, dtype: np.dtype[Any]) -> list[Run]:
        if not isinstance(said, list):
            raise damaged(self.file.path, "is damaged in its footer")
        runs = []
        for item in said:
            run = _run(self.file, item, dtype)
            runs.append(run)
        _in_a_row(self.file, [(run.first, run.rows) for run in runs], self.documents if runs else 0)
        return runs


def _run(file: BlockFile, said: Any, dtype: np.dtype[Any]) -> Run:
    names = ("first", "rows", "begin", "count")
    if not isinstance(said, dict) or not all(is_number(said.get(name)) for name in names):
        raise damaged(file.path, "is damaged in its footer")
    if not file.fits(said["begin"], said["count"], dtype.itemsize):
        raise damaged(file.path, "is damaged in its footer")
    return Run(file, said["first"], said["rows"], said["begin"], said["count"], dtype)


def _in_a_row(file: BlockFile, ranges: list[tuple[int, int]], documents: int) -> None:
    """Refuse ranges that do not follow one another from the first document to the last."""
    at = 0
    for first, rows in ranges:
        if first != at or not 0 < rows <= MOST_DOCUMENTS:
            raise damaged(file.path, "is damaged in its footer")
        at += rows
    if at != documents:
        raise damaged(file.path, "is damaged in its footer")


@dataclass(slots=True)
class SketchFile:
    """The sketches of a part.

    Attributes:
        file: The file.
        documents: How many documents the part has.
        sketched: How many of them have a token.
        params: What the sketches are.
        window: What the passages are the least of, or None where there are none.
    """

    file: BlockFile
    documents: int
    sketched: int
    params: SketchParams
    window: int | None
    _chunks: list[tuple[int, Run]]
    _firsts: Rows = field(init=False)
    _begins: Rows = field(init=False)

    def __post_init__(self) -> None:
        """Know where each chunk begins."""
        self._firsts = np.array([run.first for _, run in self._chunks], np.int64)
        self._begins = np.array([begin for begin, _ in self._chunks], np.int64)

    @classmethod
    def open(cls, path: Path, *, digest: str | None = None) -> SketchFile:
        """Open a sketch file.

        Args:
            path: The file.
            digest: The digest its part was closed with.

        Raises:
            ConflictError: It is missing or damaged, or of another scheme.
        """
        file = BlockFile(path, digest=digest)
        said = file.footer
        if said.get("kind") != "sketches":
            raise damaged(path, "holds no sketches")
        if said.get("scheme") != SCHEME:
            raise damaged(path, f"is of the scheme `{said.get('scheme')}`, not of `{SCHEME}`")
        params, window = params_of(path, said.get("params")), said.get("window")
        chunks = said.get("chunks")
        if not (
            isinstance(chunks, list)
            and is_number(said.get("documents"))
            and is_number(said.get("sketched"))
            and (window is None or (is_number(window) and window))
        ):
            raise damaged(path, "is damaged in its footer")
        found = [_chunk(file, item, params) for item in chunks]
        _in_a_row(file, [(run.first, run.rows) for _, run in found], said["documents"])
        return cls(file, said["documents"], said["sketched"], params, window, found)

    @property
    def passages(self) -> list[Run]:
        """Return the runs of passages."""
        return [run for _, run in self._chunks]

    def signatures(self, rows: Rows) -> Signatures:
        """Return the signatures of some documents, in the order asked for.

        Raises:
            ConflictError: A block of them is damaged.
        """
        if not len(rows):
            return np.empty((0, self.params.permutations), np.uint32)
        if rows.min() < 0 or rows.max() >= self.documents:
            raise IndexError("a row is not in the part")
        width = 4 * self.params.permutations
        chunk = np.searchsorted(self._firsts, rows, side="right") - 1
        begins = self._begins[chunk] + (rows - self._firsts[chunk]) * width
        # Not mapped: a location may have thousands of parts, and each would keep a file open.
        return np.asarray(self.file.gather(begins, width).view("<u4"), np.uint32)

    def stream(self, size: int) -> Iterator[tuple[int, Signatures]]:
        """Give all signatures with the first row of each piece, read from the disk.

        Raises:
            ConflictError: A block of them is damaged.
        """
        count = self.params.permutations
        for begin, run in self._chunks:
            for at in range(0, run.rows, size):
                rows = min(size, run.rows - at)
                raw = self.file.read(begin + at * 4 * count, rows * count, "<u4")
                yield run.first + at, np.asarray(raw, np.uint32).reshape(rows, count)

    def select(self, rows: Rows) -> Selected:
        """Return the sketches of some documents, each asked for once, in that order.

        Raises:
            ConflictError: A block of them is damaged.
        """
        signatures = self.signatures(rows)
        keys, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        for run in self.passages if len(rows) else ():
            low = int(np.searchsorted(ordered, run.first))
            high = int(np.searchsorted(ordered, run.first + run.rows))
            if low == high:
                continue
            wanted = np.full(run.rows, -1, np.int64)
            wanted[ordered[low:high] - run.first] = np.arange(low, high)
            for at in range(0, run.count, 1 << 20):
                entries = run.read(at, min(1 << 20, run.count - at))
                places = (entries & LOCAL).astype(np.int64)
                if len(places) and places.max() >= run.rows:
                    raise damaged(self.file.path, "speaks of documents that it does not have")
                hit = wanted[places]
                keys.append(entries[hit >= 0] & ~LOCAL)
                owners.append(order[hit[hit >= 0]])
        owner = np.concatenate(owners)
        sorting = np.argsort(owner, kind="stable")
        return Selected(
            signatures,
            (signatures != EMPTY).any(axis=1).astype(np.int64),
            band_keys(signatures, self.params),
            np.concatenate(keys)[sorting],
            owner[sorting].astype(np.int32),
        )


def params_of(path: Path, said: Any) -> SketchParams:
    """Read back the parameters that a file of the index names.

    Raises:
        ConflictError: They are none.
    """
    names = ("permutations", "bands", "rows")
    if not isinstance(said, dict) or not all(is_number(said.get(name)) for name in names):
        raise damaged(path, "is damaged in its footer")
    try:
        return SketchParams(**{name: said[name] for name in names})
    except (RegistryError, ValueError) as error:
        raise damaged(path, "is damaged in its footer") from error


def _chunk(file: BlockFile, said: Any, params: SketchParams) -> tuple[int, Run]:
    passages = said.get("passages") if isinstance(said, dict) else None
    if not isinstance(passages, list) or len(passages) != 2:
        raise damaged(file.path, "is damaged in its footer")
    run = _run(file, {**said, "begin": passages[0], "count": passages[1]}, PACKED)
    begin = said.get("signatures")
    if not file.fits(begin, run.rows, 4 * params.permutations) or begin % 4:
        raise damaged(file.path, "is damaged in its footer")
    return begin, run
