"""The text of one document, where it is at hand and reading it does not take too much.

It is in the vault, or still in the file it was registered from. A text is given only if it hashes
to what was registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry import documents, readers
from registry.blobs import Store
from registry.core.digest import sha256_hex
from registry.core.source import Format, ReadOptions
from registry.db.models import Location
from registry.errors import RegistryError
from registry.places import Remote, parse
from registry.query.rows import RowReader
from registry.query.whereis.seen import Known

QUICK: Final = 1 << 20
"""Bytes that may be read for a text while somebody waits for milliseconds."""
THOROUGH: Final = 256 << 20
"""Bytes that may be read for a text while a person waits."""
_BATCH: Final = 256


@dataclass(slots=True)
class Effort:
    """How much may still be read for the texts of one question.

    Attributes:
        texts: How many texts.
        bytes: How many bytes for each.
    """

    texts: int
    bytes: int


def text_of(
    store: Store, reader: RowReader, known: Known, row: int, content_hash: bytes, effort: Effort
) -> bytes | None:
    """Return the text of a document, or None where it is not at hand or costs too much.

    Args:
        store: The registry's storage.
        reader: Of document tables.
        known: The version.
        row: The row in its first location.
        content_hash: What the text must hash to.
        effort: What may be spent, and is.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    if effort.texts <= 0:
        return None
    first = known.about.locations[0]
    # Places with the same order have the same documents in the same rows.
    alike = [it for it in known.about.locations if it.order_root == first.order_root]
    for place in sorted(alike, key=lambda it: it.id not in known.kept):
        try:
            if place.id in known.kept:
                found = _kept(store, known.kept[place.id], row, effort)
            else:
                found = _in_source(reader, place, row, effort)
        except (RegistryError, OSError, pa.ArrowException, KeyError, ValueError):
            # It was moved, changed or damaged since: then it is not at hand.
            continue
        if found is not None:
            effort.texts -= 1
            if sha256_hex(found) == content_hash.hex():
                return found
    return None


def _kept(store: Store, uid: str, row: int, effort: Effort) -> bytes | None:
    for path in documents.files_of(store.vault(uid)):
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
            if row >= file.metadata.num_rows:
                row -= file.metadata.num_rows
                continue
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                if row >= group.num_rows:
                    row -= group.num_rows
                    continue
                if group.total_byte_size > effort.bytes:
                    return None
                batches = file.iter_batches(_BATCH, [number], ["text"], use_threads=False)
                return _at(batches, row)
    return None


def _at(batches: Iterator[pa.RecordBatch], row: int) -> bytes | None:
    for batch in batches:
        if row < batch.num_rows:
            return str(batch.column("text")[row].as_py()).encode("utf-8")
        row -= batch.num_rows
    return None


def _in_source(reader: RowReader, place: Location, row: int, effort: Effort) -> bytes | None:
    source = reader.take(place, np.array([row]), ("file", "record", "part"))
    file, record, part = (int(source.column(name)[0].as_py()) for name in source.schema.names)
    options = ReadOptions.from_json(place.options)
    base = parse(place.base)
    if isinstance(base, Remote) or not base.is_absolute():
        return None
    (found,) = readers.discover([base / place.files[file]["name"]], options, every=True).files
    groups = None
    if found.format is Format.PARQUET:
        sizes = readers.row_groups(found)
        groups = _group_of(found.path, record)
        if groups is None or sizes[groups.start] > effort.bytes:
            return None
    elif found.size > effort.bytes:
        return None
    stream = readers.documents([found], options, groups=groups)
    size = 0
    try:
        for batch in stream:
            size += batch.nbytes
            if size > effort.bytes:
                return None
            records = batch.column("record").to_numpy()
            parts = batch.column("part").to_numpy()
            rows = np.flatnonzero((records == record) & (parts == part))
            if len(rows):
                return str(batch.column("text")[int(rows[0])].as_py()).encode("utf-8")
            if len(records) and records[0] > record:
                return None
    finally:
        stream.close()
    return None


def _group_of(path: object, record: int) -> range | None:
    meta = pq.read_metadata(str(path))
    ends = np.cumsum([0, *(meta.row_group(it).num_rows for it in range(meta.num_row_groups))])
    for number, (begin, end) in enumerate(pairwise(ends.tolist())):
        if begin <= record < end:
            return range(number, number + 1)
    return None
