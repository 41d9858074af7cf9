"""Write what the derived version is made of: its document table, kept texts, sketches, index.

The texts are read again from wherever the inputs have them, each checked against its hash, and
kept: no document goes in favor of one whose text is not to be had any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry import documents
from registry.batch.sources import Ids
from registry.blobs import SEGMENTS, Store
from registry.core.claim import Property
from registry.core.dataset import FIELD_ORIGINS, ORIGINS_BY_CAUTION, Origin
from registry.core.evidence import DateKind
from registry.core.source import ReadOptions
from registry.db.session import Database
from registry.dedup.choosing import Outcome
from registry.dedup.inputs import Inputs
from registry.documents import Identity
from registry.index import merge
from registry.index.merge import MadeSegment
from registry.index.parts import PartSketch
from registry.intake.gathered import Gathered
from registry.intake.part import Asked, PartWriter, schema, sketched
from registry.query import texts
from registry.query.standing import EVER, NEVER
from registry.query.standing.labels import LabelColumn, Labels
from registry.query.standing.part import EVERYTHING
from registry.readers.batches import TIME, count_column
from registry.shards import RecordTree

PART_BYTES: Final = 1 << 28
PART_ROWS: Final = 1 << 20
"""How large a part of the table gets, in bytes of text and in documents."""
_NOT_SAID: Final = ("content_hash", "bytes", "words", "file", "record", "part")


@dataclass(frozen=True, slots=True)
class Derived:
    """What was written of a derived version.

    Attributes:
        identity: What makes its content this one.
        gathered: What its documents add up to.
        table_digest: The digest of its document table.
        claims_root: A commitment to what its rows say per document, or None.
        options: Which columns those are.
        params: How it was sketched.
        window: Passages are the least of so many hashes in a row; None for none.
        sketches: What its files of sketches hold, in order.
        segments: Its files of the index.
        kinds: What kinds of dates its rows have.
    """

    identity: Identity
    gathered: Gathered
    table_digest: str
    claims_root: str | None
    options: ReadOptions
    asked: Asked
    sketches: Sequence[PartSketch]
    segments: Sequence[MadeSegment]


def identity(inputs: Inputs, outcome: Outcome, scratch: Path) -> Identity:
    """Return what makes the content of the derived version this one, before it is written."""
    contents = documents.Contents(scratch)
    for begin in range(0, len(outcome.kept), 1 << 18):
        contents.add(inputs.hashes(outcome.kept[begin : begin + (1 << 18)]))
    return contents.identity()


def write(
    inputs: Inputs,
    outcome: Outcome,
    database: Database,
    store: Store,
    staging: Path,
    *,
    on_progress: Callable[[int, int], None],
) -> Derived:
    """Write the files of the derived version into a folder of the run.

    Args:
        inputs: The versions.
        outcome: Who stays.
        database: The catalogue.
        store: The registry's storage.
        staging: The folder, which has the uid of the location as its name.
        on_progress: Hears how many documents are written, of how many; what it raises ends it.

    Raises:
        SourceFailedError: A text is not to be had any more.
        ConflictError: A document table is missing or was changed.
        OSError: The disk refused.
    """
    rows = _Rows(inputs, outcome, store)
    asked = Asked(rows.options, staging, keep=True, window=_window(inputs))
    for folder in asked.folders:
        folder.mkdir(parents=True, exist_ok=True)
    fold = _Fold(asked, staging)
    done, total = 0, len(outcome.kept)
    try:
        for batch in rows.batches(database, staging):
            fold.add(batch)
            done += batch.num_rows
            on_progress(done, total)
        fold.end()
    finally:
        fold.discard()
    files = [asked.files(number) for number in range(len(fold.parts))]
    made = merge.build(
        staging / SEGMENTS,
        staging.name,
        [
            (file.sketches, file.runs, part.documents)
            for file, part in zip(files, fold.parts, strict=True)
        ],
        params=asked.params,
        window=asked.window,
        on_progress=lambda: on_progress(done, total),
    )
    for file in files:
        file.runs.unlink()
    return Derived(
        fold.contents.identity(),
        fold.gathered,
        documents.digest_files(fold.digests),
        fold.tree.root().hex() if fold.said else None,
        rows.options,
        asked,
        fold.parts,
        made,
    )


def _window(inputs: Inputs) -> int | None:
    """Return of how many hashes passages are the least: as in the inputs, none if one has none."""
    windows = [side.table.window for side in inputs.sides]
    if None in windows:
        return None
    return min(window for window in windows if window is not None)


class _Fold:
    """Writes parts one after the other, and sums up what makes the content this one."""

    def __init__(self, asked: Asked, scratch: Path) -> None:
        self._asked = asked
        self._schema = schema(asked.options)
        self._writer: PartWriter | None = None
        self._own = Gathered()
        self.said = [name for name in self._schema.names if name not in _NOT_SAID]
        self.contents = documents.Contents(scratch)
        self.tree = RecordTree()
        self.gathered = Gathered()
        self.digests: list[str] = []
        self.parts: list[PartSketch] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Append documents."""
        if self._writer is None:
            self._writer = PartWriter(self._asked, len(self.parts), self._schema)
            self._own = Gathered()
        sketches = sketched(batch, self._asked)
        rows = documents.measure(batch, counted=sketches.tokens)
        self._writer.add(rows, sketches, batch.select(["text"]))
        self._own.add(rows)
        self.contents.add(documents.hashes_of(rows.column("content_hash")))
        if self.said:
            self.tree.add(rows.select(["content_hash", *self.said]))
        totals = self._own.totals
        if totals.bytes >= PART_BYTES or totals.documents >= PART_ROWS:
            self.end()

    def end(self) -> None:
        """Finish the part, if one was begun."""
        if self._writer is None:
            return
        part = self._writer.close(self._own)
        self._writer = None
        self.gathered.merge(self._own)
        self.digests.append(part.digest)
        self.parts.append(part.sketch)

    def discard(self) -> None:
        """Let go of a part that is not finished."""
        if self._writer is not None:
            self._writer.discard()


class _Rows:
    """The documents that stay, with what their own version says of each.

    Where some version says the origin per document, all rows have one: what counts for each under
    all live claims. Dates are always those that count for the surviving document itself.
    """

    def __init__(self, inputs: Inputs, outcome: Outcome, store: Store) -> None:
        self._inputs = inputs
        self._outcome = outcome
        self._store = store
        spoken = [
            claim for said in inputs.said for claim in said.claims if claim.location_id is not None
        ]
        origins = [claim for claim in spoken if claim.property is Property.ORIGIN]
        self._by_field = any(map(self._has_counts, range(len(inputs.sides))))
        self._generators = self._column(Property.ORIGIN, "generators", "generator")
        self._languages = self._column(Property.LANGUAGE, "language", "language")
        per_document = bool(origins) or any(said.by_model for said in inputs.said)
        self.options = ReadOptions(
            origin_by_field=(("text", Origin.UNKNOWN),) if self._by_field else (),
            origin_field="origin" if per_document and not self._by_field else None,
            generator_field="generator" if self._generators else None,
            language_field="language" if self._languages else None,
            date_fields=tuple((kind, str(kind)) for kind in self._kinds()),
        )

    def batches(self, database: Database, scratch: Path) -> Iterator[pa.RecordBatch]:
        """Give the documents in order, with their texts."""
        inputs, kept = self._inputs, self._outcome.kept
        columns = pa.schema(
            [pa.field("text", pa.large_string(), nullable=False)]
            + [field for field in schema(self.options) if field.name not in _MEASURED]
        )
        for at, side in enumerate(inputs.sides):
            begin, end = np.searchsorted(kept, inputs.starts[at : at + 2])
            own = kept[begin:end] - inputs.starts[at]
            counts = self._counts(at, own)
            wanted = texts.Wanted(
                side.ref, side.version, side.place.order_root, inputs.standings[at].hashes, own
            )
            done = 0
            for block in texts.from_any_place(database, self._store, wanted, scratch):
                rows = own[done : done + len(block)]
                made = self._columns(at, rows, counts, done)
                made["text"] = block.cast(pa.large_string())
                done += len(block)
                yield pa.RecordBatch.from_arrays(
                    [made[name] for name in columns.names], schema=columns
                )

    def _columns(
        self, at: int, rows: Ids, counts: pa.Table | None, done: int
    ) -> dict[str, pa.Array]:
        stand = self._inputs.standings[at]
        made: dict[str, pa.Array] = {
            "file": pa.array(np.full(len(rows), at, np.int32)),
            "record": pa.array(rows),
            "part": pa.array(np.zeros(len(rows), np.int16)),
            "origin": _ORIGINS.take(pa.array(stand.view.ranks[rows].astype(np.int64))),
            "not_before": _times(stand.not_before[rows], EVER),
            "not_after": _times(stand.not_after[rows], NEVER),
        }
        if self._generators:
            made["generator"] = _labels(self._generators[at], rows)
        if self._languages:
            made["language"] = _labels(self._languages[at], rows)
        if self._by_field:
            nothing = pa.array(np.zeros(len(rows), np.int64))
            for name in _COUNTS:
                made[name] = (
                    nothing
                    if counts is None
                    else pa.array(counts.column(name)[done : done + len(rows)].to_numpy())
                )
            human = count_column(Origin.HUMAN, "bytes")
            granted = stand.view.human_bytes[rows].astype(np.int64)
            made[human] = pa.array(np.minimum(made[human].to_numpy(), granted))
        return made

    def _column(self, property: Property, key: str, name: str) -> list[Labels]:
        """Return what the data says per document of each version; nothing if none says it."""
        found = []
        any_said = False
        for said in self._inputs.said:
            claims = [
                claim
                for claim in said.claims
                if claim.property is property and claim.location_id is not None
            ]
            column = LabelColumn(said, claims, key, name)
            for part in said.parts(EVERYTHING):
                column.add(part)
            labels = column.labels()
            any_said |= any(labels.names)
            found.append(labels)
        return found if any_said else []

    def _kinds(self) -> list[DateKind]:
        kinds: set[str] = set()
        for said in self._inputs.said:
            for claim in said.of(Property.DATE):
                kinds |= set(claim.value.get("kinds", [])) | {claim.value.get("kind", "")}
        return [kind for kind in DateKind if str(kind) in kinds]

    def _has_counts(self, at: int) -> bool:
        files = documents.files_of(self._store.documents(self._inputs.sides[at].place.uid))
        return bool(files) and _COUNTS[0] in pq.read_schema(files[0]).names

    def _counts(self, at: int, rows: Ids) -> pa.Table | None:
        """Return the counts by origin of some rows, where their version has any."""
        if not self._by_field or not self._has_counts(at):
            return None
        place = self._inputs.sides[at].place
        table = documents.load(
            self._store.documents(place.uid), digest=place.table_digest, columns=_COUNTS
        )
        return table.take(pa.array(rows))


_MEASURED: Final = ("content_hash", "bytes", "words")
_COUNTS: Final = [
    count_column(origin, unit) for unit in ("bytes", "words") for origin in FIELD_ORIGINS
]
_ORIGINS: Final = pa.array([str(origin) for origin in ORIGINS_BY_CAUTION], pa.string())


def _times(values: Any, missing: int) -> pa.Array:
    wide = np.asarray(values, np.int64)
    return pa.array(wide, mask=wide == missing).cast(TIME)


def _labels(labels: Labels, rows: Ids) -> pa.Array:
    names = pa.array([names[0] if names else None for names in labels.names], pa.string())
    return names.take(pa.array(labels.codes[rows].astype(np.int64)))
