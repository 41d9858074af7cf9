"""Document batches: their columns, and how a stream of them is kept within bounds.

What the columns mean is decided in `registry.readers.fields`; this module only knows their names,
their types and their sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.core.dataset import FIELD_ORIGINS, Origin
from registry.core.source import ReadOptions

MAX_ROWS: Final = 8192
"""The most documents of a batch."""
MAX_BYTES: Final = 8_000_000
"""The most UTF-8 bytes of text of a batch, unless a single document is larger."""
TIME: Final = pa.timestamp("us", tz="UTC")

Integers = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def schema(options: ReadOptions) -> pa.Schema:
    """Return the columns of the batches that a reader yields with these options.

    `text`, `file`, `record` and `part` are always there. `origin`, `generator`, `language`,
    `not_before` and `not_after` exist only if the options say where to find them, and the byte
    and word counts per origin only with `origin_by_field`.
    """
    fields = [
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("file", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("part", pa.int16(), nullable=False),
    ]
    if options.says_origin:
        fields.append(pa.field("origin", pa.string()))
    if options.generator_field is not None:
        fields.append(pa.field("generator", pa.string()))
    if options.language_field is not None:
        fields.append(pa.field("language", pa.string()))
    if options.date_fields:
        fields += [pa.field("not_before", TIME), pa.field("not_after", TIME)]
    if options.origin_by_field:
        fields += [
            pa.field(count_column(origin, unit), pa.int64(), nullable=False)
            for unit in ("bytes", "words")
            for origin in FIELD_ORIGINS
        ]
    return pa.schema(fields)


def count_column(origin: Origin, unit: str) -> str:
    """Return the name of a count per origin, such as `human_bytes`; `unit` is bytes or words."""
    return f"{origin}_{unit}"


def text_buffers(texts: pa.Array) -> tuple[Bytes, Integers]:
    """Return the UTF-8 bytes of a text column and where each text begins and ends in them.

    Nothing is copied. Text `i` is `data[offsets[i]:offsets[i + 1]]`; the first offset is not zero
    when the column is a slice of a longer one.

    Args:
        texts: A `large_string` array; a null counts as an empty text.
    """
    _, offsets, data = texts.buffers()
    if offsets is None:
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if len(ends) == 0:
        ends = np.zeros(1, np.int64)
    return (np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)), ends


def bounded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut and join batches so that each is as full as the bounds allow.

    A batch has at most `MAX_ROWS` documents and `MAX_BYTES` of text; a document that is larger
    than that has a batch of its own. Order is kept, empty batches disappear, and where the cuts
    fall depends on the documents alone, not on how they arrived.
    """
    pending: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        _, offsets = text_buffers(batch.column("text"))
        start = 0
        while start < batch.num_rows:
            end = _reach(offsets, start, MAX_ROWS - rows, MAX_BYTES - size)
            if end == start and not pending:
                end = start + 1
            if end > start:
                pending.append(batch.slice(start, end - start))
                rows += end - start
                size += int(offsets[end] - offsets[start])
                start = end
            if start < batch.num_rows:
                yield _joined(pending)
                pending, rows, size = [], 0, 0
    if pending:
        yield _joined(pending)


def _reach(offsets: Integers, start: int, rows: int, size: int) -> int:
    """Return the end of the longest run of documents from `start` that still fits."""
    fitting = int(np.searchsorted(offsets, offsets[start] + size, side="right")) - 1
    return min(max(fitting, start), start + rows, len(offsets) - 1)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
