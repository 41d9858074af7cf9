"""Which pairs of texts share a band: documents, their texts, band keys, pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry.batch import sql
from registry.batch.bench import Bench
from registry.batch.sources import Ascending, Ids, Source, selected
from registry.batch.stages import Stage
from registry.core.sketch import SketchParams, band_keys

KEY_SHIFT: Final = 24
"""Band keys have their low 24 bits zero; what is left is positive in every engine."""
_DOCUMENTS: Final = pa.schema(
    [
        ("document", pa.int64()),
        ("side", pa.int8()),
        ("content_hash", pa.binary(32)),
        ("sketched", pa.int8()),
    ]
)
_BAND: Final = pa.schema(
    [
        ("band_key", pa.int64()),
        ("text_id", pa.int64()),
        ("in_mine", pa.int8()),
        ("in_theirs", pa.int8()),
    ]
)


def writer(path: Path, schema: pa.Schema, *, repeated: Sequence[str] = ()) -> pq.ParquetWriter:
    """Return a writer of a stage's file: fixed widths, no compression."""
    return pq.ParquetWriter(
        path, schema, compression="none", use_dictionary=list(repeated), write_statistics=True
    )


def documents(sides: Sequence[Sequence[Source]], bench: Bench) -> Mapping[str, Any]:
    """Write one row per document of all versions, from their document tables."""
    total = sum(source.documents for side in sides for source in side)
    done = 0
    with writer(bench.file("documents.parquet"), _DOCUMENTS, repeated=["side", "sketched"]) as out:
        for side, sources in enumerate(sides):
            for source in sources:
                begin = source.first
                for batch in source.rows():
                    size = batch.num_rows
                    words = batch.column("words").to_numpy()
                    columns = [
                        pa.array(np.arange(begin, begin + size, dtype=np.int64)),
                        pa.array(np.full(size, side, np.int8)),
                        batch.column("content_hash"),
                        pa.array((words > 0).astype(np.int8)),
                    ]
                    out.write_batch(pa.record_batch(columns, schema=_DOCUMENTS))
                    begin, done = begin + size, done + size
                    bench.tell(done, total)
    return {"documents": done}


def texts(made: Stage, bench: Bench) -> Mapping[str, Any]:
    """Write the different texts, and the documents of those that several have."""
    with bench.engine() as engine:
        engine.see("documents", made.file("documents.parquet"))
        engine.write(sql.TEXTS, bench.file("texts.parquet"))
        bench.tell(1, 2)
        engine.see("texts", bench.file("texts.parquet"))
        engine.write(sql.COPIES, bench.file("copies.parquet"))
        bench.tell(2, 2)
        mine, theirs, unsketched, different = engine.one(sql.TOTALS)
    return {"mine": mine, "theirs": theirs, "unsketched": unsketched, "texts": different}


def band_name(band: int) -> str:
    """Return the name of a band's file."""
    return f"band-{band:03d}.parquet"


def bands(
    made: Stage,
    sources: Mapping[int, Source],
    params: SketchParams,
    bench: Bench,
    *,
    between: bool,
) -> Mapping[str, Any]:
    """Write the band keys of every different text, a file for each band."""
    done, total = 0, int(made.facts["texts"])
    with bench.engine() as engine, ExitStack() as stack:
        writers = [
            stack.enter_context(writer(bench.file(band_name(band)), _BAND))
            for band in range(params.bands)
        ]
        engine.see("texts", made.file("texts.parquet"))
        wanted = Ascending(engine.stream(sql.to_sketch(between=between)))
        for number in sorted(sources):
            for batch, signatures in selected(sources[number], wanted):
                keys = band_keys(signatures, params) >> np.uint64(KEY_SHIFT)
                sides = [batch.column(name).cast(pa.int8()) for name in ("in_mine", "in_theirs")]
                for band, out in enumerate(writers):
                    column = pa.array(keys[:, band].astype(np.int64))
                    rows = [column, batch.column("text_id"), *sides]
                    out.write_batch(pa.record_batch(rows, schema=_BAND))
                done += batch.num_rows
                bench.tell(done, total)
    return {"sketched": done}


def candidates(
    made: Stage,
    number: int,
    limit: int,
    bench: Bench,
    *,
    between: bool,
    ranks: Path | None = None,
) -> Mapping[str, Any]:
    """Write the pairs of texts that share a band, each once, in order.

    Bands are joined one after the other, which bounds the memory and tells how far it is.

    Args:
        made: The bands.
        number: How many.
        limit: From how many pairs on a band key becomes a star.
        bench: Where the file goes.
        between: Whether there are two sides.
        ranks: The rank of each text, for stars around the text of the lowest rank; None for stars
            around the smallest text.
    """
    capped = np.zeros(3, np.int64)
    parts = []
    for band in range(number):
        shared = bench.file(f"buckets-{band:03d}.parquet")
        parts.append(bench.file(f"found-{band:03d}.parquet"))
        with bench.engine() as engine:
            engine.see("band", made.file(band_name(band)))
            # A file, so that it is made once and not with every look at it.
            engine.write(sql.buckets(between=between), shared)
            engine.see("buckets", shared)
            cut = np.array(engine.one(sql.capped(limit)), np.int64)
            hubs = bench.file("hubs.parquet")
            ranked = ranks is not None and bool(cut[0])
            if ranks is not None and ranked:
                engine.see("ranks", ranks)
                engine.write(sql.hubs(limit), hubs)
                engine.see("hubs", hubs)
            engine.write(sql.found(limit, ranked=ranked), parts[-1])
            capped += cut
        shared.unlink()
        hubs.unlink(missing_ok=True)
        bench.tell(band + 1, number + 1)
    with bench.engine() as engine:
        engine.see("found", parts)
        engine.write(sql.CANDIDATES, bench.file("candidates.parquet"))
    for part in parts:
        part.unlink()
    bench.tell(number + 1, number + 1)
    buckets, members, pairs = capped.tolist()
    return {
        "candidates": pq.read_metadata(bench.file("candidates.parquet")).num_rows,
        "capped": {"buckets": buckets, "texts": members, "pairs": pairs},
    }


def pairs_of(path: Path, rows: int) -> Iterator[tuple[Ids, Ids]]:
    """Give the candidates of a file in order."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(rows, columns=["left_text", "right_text"]):
            yield batch.column(0).to_numpy(), batch.column(1).to_numpy()
