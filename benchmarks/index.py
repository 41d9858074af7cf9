"""Measure the index against `datasketch.MinHashLSH`: building, looking up in bulk, one question.

    python -m benchmarks.index [--documents 1000000] [--datasketch 20000]

Signatures are random, and one document in twenty of the second half nearly repeats one of the
first. Both run in this process, in turn; what is printed is CPU time. datasketch starts from
signatures, ours from the band keys that sketching gives with them, and writes files as a
registration does: runs of every part, then segments.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from datasketch import MinHash, MinHashLSH

from registry.core.sketch import Sketches, SketchParams, band_keys
from registry.db.models import SegmentKind
from registry.index import joining, merge, parts
from registry.index.blocks import BlockFile
from registry.index.joining import Side
from registry.index.segment import SegmentFile, Span

PARAMS = SketchParams()
PER_DOCUMENT = 12
BATCH = 8192


def signatures(seed: int, count: int, *, near: Any = None) -> Any:
    """Make random signatures; one in twenty has most slots of one of `near`."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 1 << 32, (count, PARAMS.permutations), dtype=np.uint32)
    if near is not None:
        some = np.arange(0, count, 20)
        chosen = rng.integers(0, len(near), len(some))
        kept = rng.random((len(some), PARAMS.permutations)) < 0.9
        made[some] = np.where(kept, near[chosen], made[some])
    return made


def batches(seed: int, made: Any) -> Iterator[tuple[Any, Any, Sketches]]:
    rng = np.random.default_rng(seed)
    for at in range(0, len(made), BATCH):
        some = made[at : at + BATCH]
        many = len(some) * PER_DOCUMENT
        keys = rng.integers(0, 1 << 40, many, dtype=np.uint64) << np.uint64(24)
        owners = np.repeat(np.arange(len(some), dtype=np.int32), PER_DOCUMENT)
        hashes = np.frombuffer(rng.bytes(32 * len(some)), "S32")
        yield hashes, some, Sketches(some, np.ones(len(some), np.int64), some, keys, owners)


def build(folder: Path, uid: str, seed: int, made: Any, *, bands_only: bool) -> tuple[Any, float]:
    """Build an index in parts of some 8,000 documents, as registration does; return CPU time."""
    folder.mkdir(parents=True)
    files, spent = [], 0.0
    for number, (hashes, some, sketches) in enumerate(batches(seed, made)):
        keys = band_keys(some, PARAMS)
        begun = time.process_time()
        runs = folder / parts.runs_name(number)
        path = None if bands_only else folder / parts.sketch_name(number)
        writer = parts.PartWriter(path, runs, params=PARAMS, window=None if bands_only else 18)
        writer.add(
            hashes,
            parts.Selected(some, sketches.tokens, keys, sketches.passages, sketches.passage_rows),
        )
        writer.close()
        files.append((path, runs, len(some)))
        spent += time.process_time() - begun
    begun = time.process_time()
    if bands_only:
        pieces = [
            merge.Piece([Span(uid, 0, number * BATCH, run.rows)], run.rows, run, run.count)
            for number, (_, runs, _) in enumerate(files)
            for run in parts.RunsFile(runs).bands
        ]
        path = folder / "bands-00.segment"
        segments = [merge.write(path, SegmentKind.BANDS, pieces, params=PARAMS, window=None)]
    else:
        segments = merge.build(folder, uid, files, params=PARAMS, window=18)
    return segments, spent + time.process_time() - begun


def opened(folder: Path, name: str) -> SegmentFile:
    return SegmentFile(BlockFile(folder / name).map())


def theirs(known: Any, asked: Any) -> tuple[float, float]:
    """Return the CPU time of datasketch to insert some signatures, and to ask for others."""
    lsh = MinHashLSH(num_perm=128, params=(PARAMS.bands, PARAMS.rows))
    one = [MinHash(num_perm=128, hashvalues=row, seed=1, scheme="affine32") for row in known]
    two = [MinHash(num_perm=128, hashvalues=row, seed=1, scheme="affine32") for row in asked]
    insert = cpu(lambda: [lsh.insert(at, it) for at, it in enumerate(one)])
    return insert, cpu(lambda: [lsh.query(it) for it in two])


def cpu(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def ours_bulk(mine: SegmentFile, other: SegmentFile) -> int:
    one = Side(mine, np.array([1]), np.array([True]))
    two = Side(other, np.array([2]), np.array([True]))
    return sum(len(rows) for rows, _, _ in joining.joined([one], [two]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--datasketch", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    half = given.documents // 2
    first = signatures(1, half)
    second = signatures(2, half, near=first)
    folder = Path(tempfile.mkdtemp(prefix="index-"))
    try:
        measure(folder, given, first, second)
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, given: Any, first: Any, second: Any) -> None:
    count = given.datasketch
    theirs_build, theirs_query, ours_build, ours_query = [], [], [], []
    band_keys(first[:2], PARAMS)
    for number in range(given.rounds):
        insert, query = theirs(first[:count], second[:count])
        theirs_build.append(count / insert)
        theirs_query.append(count / query)
        at = folder / str(number)
        _, spent = build(at / "a", "0" * 32, 3, first, bands_only=True)
        ours_build.append(len(first) / spent)
        build(at / "b", "1" * 32, 4, second, bands_only=True)
        one, two = opened(at / "b", "bands-00.segment"), opened(at / "a", "bands-00.segment")
        begun = time.process_time()
        pairs = ours_bulk(one, two)
        ours_query.append(len(second) / (time.process_time() - begun))
        if number + 1 < given.rounds:
            shutil.rmtree(at)
    best = [max(rates) for rates in (ours_build, theirs_build, ours_query, theirs_query)]
    print(f"bands of {len(first):,} documents, CPU, best of {given.rounds}")
    print(
        f"build    {best[0]:12,.0f} docs/s   datasketch {best[1]:8,.0f}   {best[0] / best[1]:.0f} x"
    )
    print(
        f"look up  {best[2]:12,.0f} docs/s   datasketch {best[3]:8,.0f}   {best[2] / best[3]:.0f} x"
    )
    print(f"candidates {pairs:,}")
    segments, spent = build(folder / "all", "2" * 32, 5, first, bands_only=False)
    print(f"all of it: {len(first) / spent:,.0f} docs/s of CPU")
    for made in segments:
        print(f"  {made.kind:<9}{made.bytes / len(first):8.1f} bytes a document")
    questions(folder / "all", first)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def questions(folder: Path, known: Any) -> None:
    """Ask a warm segment one question at a time."""
    rng = np.random.default_rng(6)
    bands = opened(folder, "bands-00.segment")
    passages = opened(folder, "passages-00.segment")
    keys = band_keys(known[rng.integers(0, len(known), 300)], PARAMS)
    for what, segment, asked in (
        ("20 band keys", bands, list(keys)),
        (
            "500 passages",
            passages,
            [rng.integers(0, 1 << 40, 500, np.uint64) << np.uint64(24) for _ in range(50)],
        ),
    ):
        for name in ("first", "again"):
            spent = []
            for one in asked:
                begun = time.perf_counter()
                segment.find(one)
                spent.append(time.perf_counter() - begun)
            spent.sort()
            print(
                f"{what}, {name}: p50 {spent[len(spent) // 2] * 1e3:.2f} ms, "
                f"p99 {spent[len(spent) * 99 // 100] * 1e3:.2f} ms"
            )


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
