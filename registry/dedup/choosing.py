"""Decide which documents stay, from all pairs of texts that are near.

The pairs come from the batch plane, by texts; equal documents are one text there. The files:

    ranks   text_id, rank                            the rank of the best document of each text
    edges   worse, better, similarity, estimate      near texts by their ranks, in order

A document's *rank* is its number in the order of survivors, the best one 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from registry import batch
from registry.batch import Asked, Compared, sql
from registry.batch.bench import Bench
from registry.batch.candidates import writer
from registry.batch.run import RANKS, Progress
from registry.batch.sources import Ids
from registry.batch.stages import Stage, Workspace
from registry.core.survivor import Choice, Mask
from registry.dedup.inputs import Inputs

EDGES: Final = "edges.parquet"
BLOCK: Final = 1 << 16
_RANKS: Final = pa.schema([("text_id", pa.int64()), ("rank", pa.int64())])

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who stays, and who goes for whom.

    Attributes:
        compared: The pairs that were compared.
        order: The places of all documents by rank.
        lead: For each place the rank of the best document with its text.
        staying: For each rank that leads a text, whether that text stays.
        kept: The places of the documents that stay, ascending.
        removed: The places of those that go, ascending.
        survivors: For each of these the place of the document that it goes for.
        similarity: How similar the two are.
        estimate: What their signatures say.
        near: Whether their texts differ.
        edges: The file of near texts.
        pairs: How many pairs of near texts there are.
    """

    compared: Compared
    order: Ids
    lead: Ids
    staying: Mask
    kept: Ids
    removed: Ids
    survivors: Ids
    similarity: Shares
    estimate: Shares
    near: Mask
    edges: Path
    pairs: int

    def losses(self, inputs: Inputs) -> tuple[Ids, Ids]:
        """Return how many documents of each version go for an equal and for a near one."""
        whose, versions = inputs.whose(self.removed), len(inputs.sides)
        near = np.bincount(whose[self.near], minlength=versions)
        return np.bincount(whose, minlength=versions) - near, near

    def met(self) -> Iterator[tuple[Ids, Ids]]:
        """Give the ranks of near texts, first one that stays and then one that does not."""
        for block in edges(self.edges):
            worse, better = (block.column(name).to_numpy() for name in ("worse", "better"))
            for one, other in ((worse, better), (better, worse)):
                apart = self.staying[one] & ~self.staying[other]
                if apart.any():
                    yield one[apart], other[apart]


def choose(
    inputs: Inputs, asked: Asked, space: Workspace, on_progress: Callable[[Progress], None]
) -> Outcome:
    """Find all pairs of alike documents, and decide which ones stay.

    Args:
        inputs: The versions.
        asked: What is compared, and how; its one side has all versions.
        space: Where stages are kept.
        on_progress: Hears how far it is.

    Raises:
        RegistryError: As in `batch.find`.
    """
    stages = _Stages(inputs, asked, space, on_progress)
    texts = batch.texts(asked, space, on_progress)
    order = inputs.merits().order()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    first, lead = _leads(inputs, texts, rank)
    ranks = stages.ranks(texts, first, lead)
    compared = batch.pairs(replace(asked, ranks=ranks), space, on_progress)
    ranked = stages.edges(compared, ranks)
    staying, decisive = _decide(ranked.file(EDGES), len(order))
    stays = staying[lead] & (rank == lead)
    removed = np.flatnonzero(~stays)
    leads = lead[removed]
    near = ~staying[leads]
    # Of each text that goes there is one decisive pair, and these ascend.
    at = np.searchsorted(decisive.column("worse").to_numpy(), leads[near])
    survivors, shares = leads.copy(), np.ones((2, len(removed)))
    survivors[near] = decisive.column("better").to_numpy()[at]
    for row, name in zip(shares, ("similarity", "estimate"), strict=True):
        row[near] = decisive.column(name).to_numpy()[at]
    return Outcome(
        compared=compared,
        order=order,
        lead=lead,
        staying=staying,
        kept=np.flatnonzero(stays),
        removed=removed,
        survivors=order[survivors],
        similarity=shares[0],
        estimate=shares[1],
        near=near,
        edges=ranked.file(EDGES),
        pairs=int(ranked.facts["edges"]),
    )


def edges(path: Path) -> Iterator[pa.RecordBatch]:
    """Give the near texts of a file in order."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield from file.iter_batches(BLOCK)


def _leads(inputs: Inputs, texts: Stage, rank: Ids) -> tuple[Ids, Ids]:
    """Return for each place that of the first document with its text, and the rank of the best."""
    first = np.arange(len(rank))
    with pq.ParquetFile(texts.file("copies.parquet"), pre_buffer=False) as file:
        for block in file.iter_batches(BLOCK, columns=["text_id", "document"]):
            ids, copies = (block.column(name).to_numpy() for name in ("text_id", "document"))
            first[inputs.places(copies)] = inputs.places(ids)
    best = rank.copy()
    np.minimum.at(best, first, rank)
    return first, best[first]


@dataclass(frozen=True, slots=True)
class _Stages:
    """Makes the stages between what the batch plane compares and what is decided."""

    inputs: Inputs
    asked: Asked
    space: Workspace
    on_progress: Callable[[Progress], None]

    def ranks(self, texts: Stage, first: Ids, lead: Ids) -> Stage:
        """Write the rank of each different text."""

        def make(bench: Bench) -> Mapping[str, Any]:
            with writer(bench.file(RANKS), _RANKS) as out:
                for begin in range(0, len(first), BLOCK):
                    block = np.arange(begin, min(begin + BLOCK, len(first)))
                    own = block[first[block] == block]
                    columns = [self.inputs.batch_ids(own), lead[own]]
                    out.write_batch(pa.record_batch(columns, schema=_RANKS))
            return {}

        digest = hashlib.sha256(lead.tobytes()).hexdigest()
        return self._stage("ranks", {"of": texts.key, "ranks": digest}, make)

    def edges(self, compared: Compared, ranks: Stage) -> Stage:
        """Write the near texts by their ranks."""

        def make(bench: Bench) -> Mapping[str, Any]:
            with bench.engine() as engine:
                engine.see("compared", compared.compared.file("compared.parquet"))
                engine.see("ranks", ranks.file(RANKS))
                engine.define("verified", sql.verified(self.asked.threshold))
                engine.write(sql.RANKED, bench.file(EDGES))
            return {"edges": pq.read_metadata(bench.file(EDGES)).num_rows}

        of = [compared.compared.key, ranks.key]
        made_of = {"of": of, "threshold": repr(self.asked.threshold)}
        return self._stage("edges", made_of, make)

    def _stage(
        self, name: str, made_of: Mapping[str, Any], make: Callable[[Bench], Mapping[str, Any]]
    ) -> Stage:
        root, limits = self.space.root, self.asked.limits

        def tell(done: int, of: int) -> None:
            self.on_progress(Progress(name, done, of))

        tell(0, 0)
        return self.space.stage(
            name, made_of, lambda folder, spill: make(Bench(root, folder, spill, limits, tell))
        )


def _decide(path: Path, documents: int) -> tuple[Mask, pa.Table]:
    """Return which texts stay, and for each that goes the pair because of which it does."""
    choice = Choice(documents)
    decisive = []
    for block in edges(path):
        hits = choice.add(*(block.column(name).to_numpy() for name in ("worse", "better")))
        if len(hits):
            decisive.append(block.take(pa.array(hits)))
    return choice.kept, pa.Table.from_batches(decisive, schema=pq.read_schema(path))
