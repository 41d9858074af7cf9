"""How similar the candidates are: signature to signature, or true Jaccard of their shingles.

Pairs come in the order of their left texts. What a block of them needs is read once, neighbors
together, and compared by vector operations, several blocks at once. That is many times as fast as
a function that the SQL engine calls for each row, and nothing is joined to a table of signatures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.batch.bench import Bench
from registry.batch.candidates import pairs_of, writer
from registry.batch.pieces import Pieces
from registry.batch.sources import Ids
from registry.batch.stages import Stage
from registry.core.shingles import common
from registry.core.sketch import similarity

PAIRS: Final = 1 << 15
HELD: Final = 1 << 23
COMPARED: Final = pa.schema(
    [
        ("left_text", pa.int64()),
        ("right_text", pa.int64()),
        ("similarity", pa.float64()),
        ("estimate", pa.float64()),
    ]
)

Shares = npt.NDArray[np.float64]
Pairs = tuple[Ids, Ids]


def compared(
    made: Stage, signatures: Pieces, shingles: Pieces | None, bench: Bench
) -> Mapping[str, Any]:
    """Write every candidate with its similarity.

    Args:
        made: The candidates.
        signatures: The signatures of their texts.
        shingles: Their shingles, for true similarity; None to estimate it.
        bench: Where the file goes.
    """

    def compare(pairs: Pairs) -> pa.RecordBatch:
        left, right = pairs
        estimate = estimated(signatures, left, right)
        exact = estimate if shingles is None else jaccard(shingles, left, right)
        return pa.record_batch([left, right, exact, estimate], schema=COMPARED)

    done, total = 0, int(made.facts["candidates"])
    blocks = pairs_of(made.file("candidates.parquet"), PAIRS)
    with writer(bench.file("compared.parquet"), COMPARED) as out:
        for batch in in_order(compare, blocks, bench.limits.threads):
            out.write_batch(batch)
            done += batch.num_rows
            bench.tell(done, total)
    return {"compared": done}


def estimated(signatures: Pieces, left: Ids, right: Ids) -> Shares:
    """Return the similarity of pairs of texts as their signatures have it."""
    places = np.unique(signatures.places(np.concatenate([left, right])))
    values, _ = signatures.read(places)
    rows = values.reshape(len(places), -1)
    one, two = (np.searchsorted(places, signatures.places(side)) for side in (left, right))
    return similarity(rows[one], rows[two])


def jaccard(shingles: Pieces, left: Ids, right: Ids, *, held: int = HELD) -> Shares:
    """Return the true similarity of pairs of texts.

    Args:
        shingles: Their shingles.
        left: One text of each pair.
        right: The other.
        held: How many shingles of pairs are looked at together, at most.
    """
    one, two = shingles.places(left), shingles.places(right)
    sizes = shingles.sizes(one) + shingles.sizes(two)
    shared = np.empty(len(left), np.int64)
    spent = np.cumsum(sizes)
    at = 0
    while at < len(left):
        before = int(spent[at - 1]) if at else 0
        end = max(at + 1, int(np.searchsorted(spent, before + held, side="right")))
        shared[at:end] = _shared(shingles, one[at:end], two[at:end])
        at = end
    found: Shares = shared / np.maximum(sizes - shared, 1)
    return found


def _shared(shingles: Pieces, one: Ids, two: Ids) -> Ids:
    places = np.unique(np.concatenate([one, two]))
    values, begins = shingles.read(places)
    ends = begins + shingles.sizes(places)
    left, right = np.searchsorted(places, one), np.searchsorted(places, two)
    return common(values, begins[left], ends[left], begins[right], ends[right])


def in_order(
    call: Callable[[Pairs], pa.RecordBatch], items: Iterator[Pairs], threads: int
) -> Iterator[pa.RecordBatch]:
    """Give the results of a function in the order of its arguments, some of them ahead."""
    waiting: deque[Future[pa.RecordBatch]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(call, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
