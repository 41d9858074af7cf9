"""What hangs together: connected components of the pairs that were accepted.

In memory by `scipy.sparse.csgraph` as long as the edges fit into what the run may use; beyond that
by two SQL steps in turn (large-star, small-star), which spill to disk and never hold the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from registry.batch import sql
from registry.batch.bench import Bench
from registry.batch.candidates import writer
from registry.batch.engine import Engine, Limits
from registry.batch.sources import Ids
from registry.batch.stages import Stage

MOST_EDGES: Final = 400_000_000
BYTES_PER_EDGE: Final = 96
"""What an edge takes while components are found in memory, at most."""
_COMPONENTS: Final = pa.schema([("text_id", pa.int64()), ("cluster", pa.int64())])


def edges_in_memory(limits: Limits) -> int:
    """Return how many edges are still put into memory."""
    return min(MOST_EDGES, limits.memory // BYTES_PER_EDGE)


def clusters(
    texts: Stage,
    compared: Stage,
    threshold: float,
    bench: Bench,
    *,
    between: bool,
    in_memory: int,
) -> Mapping[str, Any]:
    """Write every document that is like another, and the smallest document of its cluster.

    Args:
        texts: The different texts, and their copies.
        compared: The pairs of texts with their similarity.
        threshold: The smallest one that is accepted.
        bench: Where the file goes.
        between: Whether there are two sides.
        in_memory: How many edges are still put into memory.
    """
    path = bench.file("components.parquet")
    with bench.engine() as engine:
        engine.see("compared", compared.file("compared.parquet"))
        engine.define("verified", sql.verified(threshold))
        (edges,) = engine.one(sql.EDGES_COUNTED)
        ends = _arrays(engine, edges) if edges <= in_memory else None
    rounds = 0
    if ends is not None:
        with writer(path, _COMPONENTS) as out:
            out.write_batch(pa.record_batch(list(components(*ends)), schema=_COMPONENTS))
        del ends
    else:
        rounds = _by_stars(compared, threshold, path, bench)
    bench.tell(1, 2)
    with bench.engine() as engine:
        engine.see("texts", texts.file("texts.parquet"))
        engine.see("copies", texts.file("copies.parquet"))
        engine.see("components", path)
        engine.write(sql.clusters(between=between), bench.file("clusters.parquet"))
        engine.see("clusters", bench.file("clusters.parquet"))
        members, number = engine.one(sql.CLUSTERED)
    bench.tell(2, 2)
    return {"edges": edges, "rounds": rounds, "documents": members, "clusters": number}


def components(upper: Ids, lower: Ids) -> tuple[Ids, Ids]:
    """Return the nodes of some edges in order, and the smallest node that each hangs together with.

    Args:
        upper: One end of each edge.
        lower: The other.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes = np.unique(np.concatenate([upper, lower]))
    if not len(nodes):
        return nodes, nodes
    kind = np.int32 if len(nodes) < 1 << 31 else np.int64
    one = np.searchsorted(nodes, upper).astype(kind)
    two = np.searchsorted(nodes, lower).astype(kind)
    weights = np.ones(len(one), np.bool_)
    graph = coo_array((weights, (one, two)), shape=(len(nodes), len(nodes)))
    number, labels = connected_components(graph, directed=False)
    # Nodes ascend: the first one of each component is its smallest.
    first = np.zeros(number, np.int64)
    first[labels[::-1]] = np.arange(len(nodes))[::-1]
    return nodes, nodes[first[labels]]


def _arrays(engine: Engine, edges: int) -> tuple[Ids, Ids]:
    upper, lower = np.empty(edges, np.int64), np.empty(edges, np.int64)
    begin = 0
    for batch in engine.stream(sql.EDGES):
        end = begin + batch.num_rows
        upper[begin:end] = batch.column("upper").to_numpy()
        lower[begin:end] = batch.column("lower").to_numpy()
        begin = end
    return upper, lower


def _by_stars(compared: Stage, threshold: float, path: Path, bench: Bench) -> int:
    """Find components by SQL alone; return how many rounds it took."""
    here, other = bench.file("edges-0.parquet"), bench.file("edges-1.parquet")
    with bench.engine() as engine:
        engine.see("compared", compared.file("compared.parquet"))
        engine.define("verified", sql.verified(threshold))
        engine.write(sql.EDGES, here)
    rounds, state = 0, None
    while True:
        with bench.engine() as engine:
            engine.see("edges", here)
            found = engine.one(sql.STATE)
            if found == state:
                engine.write(sql.COMPONENTS, path)
                break
            engine.write(sql.LARGE_STAR, other)
            engine.see("edges", other)
            engine.write(sql.SMALL_STAR, here)
        rounds, state = rounds + 1, found
        bench.tell(0, 2)
    here.unlink()
    other.unlink()
    return rounds
