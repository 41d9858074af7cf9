"""What is needed of the texts in candidates to compare them: signatures, and true shingles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry.batch import sql
from registry.batch.bench import Bench
from registry.batch.pieces import PiecesWriter
from registry.batch.sources import ROW_BITS, Ascending, Ids, Source, rows, selected
from registry.batch.stages import Stage
from registry.core.shingles import Hashes, different
from registry.documents import text_buffers
from registry.errors import ConflictError

SIGNATURES: Final = "signatures"
SHINGLES: Final = "shingles"
_WANTED: Final = "wanted.parquet"


def signatures(found: Stage, sources: Mapping[int, Source], bench: Bench) -> Mapping[str, Any]:
    """Write the signatures of all texts in candidates, reading the sketches once in their order.

    Args:
        found: The candidates.
        sources: The versions, by id.
        bench: Where the files go.

    Raises:
        ConflictError: A sketch file is damaged.
    """
    total = _wanted(found, bench)
    with PiecesWriter(bench, SIGNATURES) as out:
        done = 0
        wanted = Ascending(_ids(bench))
        for number in sorted(sources):
            for batch, block in selected(sources[number], wanted):
                many, permutations = block.shape
                counts = np.full(many, permutations, np.int64)
                out.add(batch.column("text_id").to_numpy(), block, counts)
                done += many
                bench.tell(done, total)
        out.close()
    _check(done, total)
    return {"texts": done}


def shingles(found: Stage, sources: Mapping[int, Source], bench: Bench) -> Mapping[str, Any]:
    """Write the shingles of all texts in candidates, reading the texts once in their order.

    Args:
        found: The candidates.
        sources: The versions, by id.
        bench: Where the files go.

    Raises:
        RegistryError: A text is not to be had any more.
    """
    total = _wanted(found, bench)
    with PiecesWriter(bench, SHINGLES) as out:
        done = 0
        wanted = Ascending(_ids(bench))
        for number in sorted(sources):
            for ids, hashes, counts in _shingles(sources[number], wanted):
                out.add(ids, hashes, counts)
                done += len(ids)
                bench.tell(done, total)
        out.close()
    _check(done, total)
    return {"texts": done}


def _wanted(found: Stage, bench: Bench) -> int:
    with bench.engine() as engine:
        engine.see("candidates", found.file("candidates.parquet"))
        engine.write(sql.IN_CANDIDATES, bench.file(_WANTED))
    return int(pq.read_metadata(bench.file(_WANTED)).num_rows)


def _ids(bench: Bench) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(bench.file(_WANTED), pre_buffer=False) as file:
        yield from file.iter_batches(1 << 16)


def _shingles(source: Source, wanted: Ascending) -> Iterator[tuple[Ids, Hashes, Ids]]:
    assert source.texts is not None  # noqa: S101 - whoever asks for true similarity gives texts
    batches = wanted.upto(source.first + (1 << ROW_BITS))
    ids = np.concatenate([np.empty(0, np.int64), *(it.column("text_id") for it in batches)])
    begin = 0
    for texts in source.texts(rows(ids)) if len(ids) else ():
        end = begin + len(texts)
        data, ends = text_buffers(texts)
        yield ids[begin:end], *different(np.frombuffer(data, np.uint8), ends)
        begin = end


def _check(done: int, total: int) -> None:
    if done < total:
        raise ConflictError(
            f"{total - done:,} documents to compare are missing from what was stored of them",
            hint="run `firsthand index rebuild`",
        )
