from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa

from registry.batch.bench import Bench
from registry.batch.compare import jaccard
from registry.batch.engine import Limits
from registry.batch.pieces import Pieces, PiecesWriter
from registry.batch.sources import Ascending
from registry.core.shingles import different
from tests.batch.made import story


def bench(folder: Path) -> Bench:
    return Bench(folder, folder, folder / "spill", Limits(), lambda done, of: None)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    texts = [rng.integers(0, 99, rng.integers(0, 5)).astype(np.uint64) for _ in range(200)]
    ids = np.arange(200, dtype=np.int64) * 7 + 3
    with PiecesWriter(bench(tmp_path), "x") as out:
        for begin in range(0, 200, 13):
            some = texts[begin : begin + 13]
            counts = np.array([len(one) for one in some], np.int64)
            out.add(ids[begin : begin + 13], np.concatenate(some), counts)
        out.close()
    with Pieces(tmp_path, "x", np.uint64) as pieces:
        for _ in range(50):
            chosen = np.unique(rng.integers(0, 200, rng.integers(0, 60)))
            places = pieces.places(ids[chosen])
            values, begins = pieces.read(places)
            sizes = pieces.sizes(places)
            for text, begin, size in zip(chosen, begins, sizes, strict=True):
                assert values[begin : begin + size].tolist() == texts[text].tolist()


def test_a_file_without_texts(tmp_path: Path) -> None:
    with PiecesWriter(bench(tmp_path), "x") as out:
        out.close()
    none = np.empty(0, np.int64)
    with Pieces(tmp_path, "x", np.uint32) as pieces:
        values, begins = pieces.read(pieces.places(none))
        assert (len(values), len(begins)) == (0, 0)


def test_long_texts_are_compared_a_few_at_a_time(tmp_path: Path) -> None:
    texts = [text for text in story(random.Random(1), 60) if text.strip()]
    raw = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, raw)]).astype(np.int64)
    values, counts = different(np.frombuffer(b"".join(raw), np.uint8), ends)
    ids = np.arange(len(texts), dtype=np.int64)
    with PiecesWriter(bench(tmp_path), "x") as out:
        out.add(ids, values, counts)
        out.close()
    left, right = np.triu_indices(len(texts), 1)
    with Pieces(tmp_path, "x", np.uint64) as pieces:
        whole = jaccard(pieces, left, right)
        for held in (1, 100, 1000):
            assert (jaccard(pieces, left, right, held=held) == whole).all()


def test_rows_are_taken_up_to_a_limit_whatever_their_batches() -> None:
    ids = list(range(0, 100, 3))
    batches = iter(
        pa.record_batch({"text_id": ids[begin : begin + 5]}) for begin in range(0, len(ids), 5)
    )
    rows = Ascending(batches)
    taken = []
    for limit in (0, 1, 2, 30, 31, 31, 98, 1000, 1001):
        some = [one for batch in rows.upto(limit) for one in batch.column(0).to_pylist()]
        assert all(one < limit for one in some)
        taken += some
        assert taken == [one for one in ids if one < limit]
