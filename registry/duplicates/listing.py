"""Write pairs of documents as one Parquet file: both sides by name, similarity, rule."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry.batch import Found, sql
from registry.batch.engine import Engine
from registry.batch.sources import Ids, owners, rows
from registry.blobs import make_folder, sync_file, sync_folder
from registry.core.dataset import DatasetRef
from registry.documents import HASH_TYPE
from registry.duplicates.report import Capped
from registry.errors import InvalidInputError, UnavailableError

_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_SIDES: Final = ("left", "right")
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
            )
        ),
        pa.field("kind", _NAME, nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("estimate", pa.float64(), nullable=False),
        pa.field("accepted", pa.bool_(), nullable=False),
        pa.field("rule", _NAME, nullable=False),
    ],
    metadata={b"format": b"firsthand pairs/v1"},
)
"""One row per pair. `left_row` counts from 0 in the reading order of the version's first location;
`estimate` is the similarity of the signatures, which `similarity` is too unless `--exact`."""


def check(out: Path) -> None:
    """Refuse a place for the pairs that a file cannot take, before anything is compared.

    Raises:
        InvalidInputError: It names no file, or a folder, a device or a pipe is there.
    """
    # Where nobody may look, writing fails with the reason.
    if out.name and (os.path.isfile(out) or not os.path.exists(out)):  # noqa: PTH110, PTH113
        return
    raise InvalidInputError(
        f"`{out}` is not a file that pairs can be written to",
        hint="choose another `--out`, a file of its own",
    )


def write(
    found: Found,
    engine: Engine,
    refs: Mapping[int, DatasetRef],
    out: Path,
    *,
    everything: bool,
    on_rows: Callable[[int], None] = lambda _: None,
) -> tuple[int, Capped | None]:
    """Write the pairs of a run, in the order of their left and right documents.

    Args:
        found: The run.
        engine: One that sees its files.
        refs: The names of the versions, by id.
        out: The file; what is there is replaced by the whole new one at once.
        everything: Also those that were compared and are not similar enough.
        on_rows: Hears how many rows were written.

    Returns:
        How many rows it has, and what was not listed pair by pair, if anything.

    Raises:
        UnavailableError: The disk refused; a file that was there is untouched.
    """
    asked = found.asked
    limit, between = asked.pair_limit, asked.between
    query = sql.listing(limit, between=between, everything=everything)
    partial = out.with_name(f".{out.name}.{secrets.token_hex(8)}.partial")
    written = 0
    try:
        make_folder(out.parent)
        with pq.ParquetWriter(partial, SCHEMA, compression="zstd", write_page_checksum=True) as to:
            for batch in engine.stream(query):
                to.write_batch(_named(batch, refs, asked.rule))
                written += batch.num_rows
                on_rows(written)
        sync_file(partial)
        os.replace(partial, out)  # noqa: PTH105 - it says what it does
        sync_folder(out.parent)
    except OSError as error:
        raise UnavailableError(
            f"`{out}` cannot be written: {error.strerror or error}",
            hint="make room there, or choose another `--out`",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    groups, pairs = engine.one(sql.unlisted(limit, between=between, everything=everything))
    return written, Capped(groups, pairs, limit) if groups else None


def _named(batch: pa.RecordBatch, refs: Mapping[int, DatasetRef], rule: str) -> pa.RecordBatch:
    columns: list[pa.Array] = []
    for side in _SIDES:
        ids = batch.column(f"{side}_document").to_numpy()
        columns += _side(ids, refs)
        columns.append(batch.column(f"{side}_hash").cast(HASH_TYPE))
    columns += [
        batch.column("kind").dictionary_encode().cast(_NAME),
        batch.column("similarity"),
        batch.column("estimate"),
        batch.column("accepted"),
        pa.array([rule] * batch.num_rows, pa.string()).dictionary_encode(),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _side(ids: Ids, refs: Mapping[int, DatasetRef]) -> list[pa.Array]:
    """Return the dataset, version and row of some documents."""
    numbers = sorted(refs)
    at = np.searchsorted(numbers, owners(ids)).astype(np.int32)
    names = pa.array([str(refs[number].dataset) for number in numbers], pa.string())
    versions = np.array([refs[number].version for number in numbers], np.int64)
    return [
        pa.DictionaryArray.from_arrays(pa.array(at), names),
        pa.array(versions[at]),
        pa.array(rows(ids)),
    ]
