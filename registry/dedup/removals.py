"""The record of what went: one row per removed document, with the one it went for and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry.batch.sources import Ids
from registry.core.dataset import ORIGINS_BY_CAUTION
from registry.core.survivor import REASONS, Merits
from registry.dedup.choosing import Outcome
from registry.dedup.inputs import Inputs
from registry.documents import HASH_TYPE, hash_column

_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_SIDES: Final = ("removed", "survivor")
SCHEMA: Final = pa.schema(
    [
        *(
            field
            for side in _SIDES
            for field in (
                pa.field(f"{side}_dataset", _NAME, nullable=False),
                pa.field(f"{side}_version", pa.int64(), nullable=False),
                pa.field(f"{side}_row", pa.int64(), nullable=False),
                pa.field(f"{side}_hash", HASH_TYPE, nullable=False),
                pa.field(f"{side}_origin", _NAME, nullable=False),
                pa.field(f"{side}_license", _NAME),
            )
        ),
        pa.field("kind", _NAME, nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("estimate", pa.float64(), nullable=False),
        pa.field("reason", _NAME, nullable=False),
        pa.field("rule", _NAME, nullable=False),
    ],
    metadata={b"format": b"firsthand removals/v1"},
)
"""Rows count from 0 in the reading order of the version's first location. `reason` is the first
thing, in the order of survivors, that the two differ in."""
_BLOCK: Final = 1 << 16
_DIGITS: Final = ("removed_hash", "survivor_hash", "similarity", "estimate")


def write(path: Path, inputs: Inputs, outcome: Outcome, merits: Merits, rule: str) -> int:
    """Write the file, and return how many rows it has.

    Args:
        path: The file, which is not there yet.
        inputs: The versions.
        outcome: Who stays, and who goes for whom.
        merits: What that was decided by.
        rule: What counted as alike, and in which order documents were kept.

    Raises:
        OSError: The disk refused.
    """
    names = [field.name for field in SCHEMA if field.name not in _DIGITS]
    tables = _Tables(inputs)
    with pq.ParquetWriter(
        path,
        SCHEMA,
        compression="zstd",
        use_dictionary=names,
        write_statistics=names,
        write_page_checksum=True,
    ) as out:
        for begin in range(0, len(outcome.removed), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            removed, survivors = outcome.removed[block], outcome.survivors[block]
            columns = [*tables.side(removed), *tables.side(survivors)]
            columns.append(_named(["exact", "near"], outcome.near[block]))
            columns += [outcome.similarity[block], outcome.estimate[block]]
            columns.append(_named(list(REASONS), merits.reasons(survivors, removed)))
            columns.append(_named([rule], np.zeros(len(removed), np.int32)))
            out.write_batch(pa.record_batch(columns, schema=SCHEMA))
    return len(outcome.removed)


class _Tables:
    """What is said of documents in a row, by their places."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._datasets = [str(side.ref.dataset) for side in inputs.sides]
        self._versions = np.array([side.version.number for side in inputs.sides], np.int64)
        known: dict[tuple[str, ...], int] = {(): -1}
        self._licenses: list[str] = []
        self._codes = []
        for stand in inputs.standings:
            codes = []
            for names in stand.licenses.names:
                if names not in known:
                    known[names] = len(self._licenses)
                    self._licenses.append(" AND ".join(names))
                codes.append(known[names])
            self._codes.append(np.array(codes, np.int32))

    def side(self, places: Ids) -> list[pa.Array]:
        """Return the columns of one side."""
        inputs = self._inputs
        whose = inputs.whose(places)
        ranks = inputs.gather(places, lambda stand: stand.view.ranks)
        return [
            _named(self._datasets, whose),
            pa.array(self._versions[whose]),
            pa.array(inputs.rows(places)),
            hash_column(inputs.hashes(places)),
            _named([str(origin) for origin in ORIGINS_BY_CAUTION], ranks),
            self._license(places, whose),
        ]

    def _license(self, places: Ids, whose: Ids) -> pa.Array:
        codes = np.empty(len(places), np.int32)
        for at, stand in enumerate(self._inputs.standings):
            here = whose == at
            local = places[here] - self._inputs.starts[at]
            codes[here] = self._codes[at][stand.licenses.codes[local]]
        indices = pa.array(codes, mask=codes < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(self._licenses, pa.string()))


def _named(names: list[Any], codes: Any) -> pa.Array:
    indices = pa.array(np.asarray(codes, np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([str(name) for name in names]))
