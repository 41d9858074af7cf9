"""What `duplicates` found, in numbers: derived from the files of a run, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from registry.batch import Found, sql
from registry.batch.engine import Engine
from registry.batch.sources import owners, rows
from registry.core.dataset import DatasetRef

STEPS: Final = 20
"""Similarities are counted in steps of one twentieth."""
LARGEST: Final = 5
SHOWN_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class Cluster:
    """Documents that hang together.

    Attributes:
        documents: How many.
        rows: The first of them: the version, and the row in reading order, from 0.
    """

    documents: int
    rows: Sequence[tuple[DatasetRef, int]]


@dataclass(frozen=True, slots=True)
class Capped:
    """What was not compared, or not listed, pair by pair because it was too much.

    Attributes:
        groups: How many groups of alike texts.
        pairs: How many pairs they make.
        limit: How many a group may make.
    """

    groups: int
    pairs: int
    limit: int

    def to_json(self) -> dict[str, int]:
        """Return it as plain JSON values."""
        return {"groups": self.groups, "pairs": self.pairs, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        mine: The version.
        theirs: The version it was compared with; None if with itself.
        rule: The id of what counts as near.
        threshold: The smallest similarity that does.
        exact: Whether similarity is the true one.
        searched: How many documents were searched, on both sides.
        unsketched: How many of them have no token, and so are found only where they are equal.
        recall: The probability that a pair of exactly that similarity is compared.
        error: The standard error of the similarity that is compared, there; 0 if it is the true
            one.
        exact_pairs: Pairs of documents with equal texts.
        near_pairs: Pairs of documents with other texts, at least that similar.
        rejected_pairs: Pairs that share a band and are not that similar.
        steps: Near and rejected pairs by twentieths of similarity: (step, accepted, pairs).
        documents: How many documents are in a pair.
        clusters: How many clusters they form.
        largest: The largest clusters.
        compared: What was not compared pair by pair, if anything.
        listed: What was not listed pair by pair, if anything was to be listed.
        out: The file of pairs, if any.
        rows: How many rows it has.
        reused: Stages that an earlier run had made.
    """

    mine: DatasetRef
    theirs: DatasetRef | None
    rule: str
    threshold: float
    exact: bool
    searched: int
    unsketched: int
    recall: float
    error: float
    exact_pairs: int
    near_pairs: int
    rejected_pairs: int
    steps: Sequence[tuple[int, bool, int]]
    documents: int
    clusters: int
    largest: Sequence[Cluster]
    compared: Capped | None
    listed: Capped | None
    out: str | None
    rows: int | None
    reused: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "version": _ref(self.mine),
            "with": None if self.theirs is None else _ref(self.theirs),
            "rule": self.rule,
            "min_similarity": self.threshold,
            "exact": self.exact,
            "searched": {"documents": self.searched, "without_sketch": self.unsketched},
            "recall": {
                "similarity": self.threshold,
                "probability": round(self.recall, 6),
                "standard_error": round(self.error, 6),
            },
            "pairs": {
                "exact": self.exact_pairs,
                "near": self.near_pairs,
                "rejected": self.rejected_pairs,
            },
            "similarity": [
                {"at_least": step / STEPS, "accepted": accepted, "pairs": pairs}
                for step, accepted, pairs in self.steps
            ],
            "documents": self.documents,
            "clusters": {
                "count": self.clusters,
                "largest": [
                    {
                        "documents": cluster.documents,
                        "rows": [{**_ref(ref), "row": row} for ref, row in cluster.rows],
                    }
                    for cluster in self.largest
                ],
            },
            "capped": {
                "compared": None if self.compared is None else self.compared.to_json(),
                "listed": None if self.listed is None else self.listed.to_json(),
            },
            "out": None if self.out is None else {"path": self.out, "rows": self.rows},
        }


def _ref(ref: DatasetRef) -> dict[str, Any]:
    return {"dataset": str(ref.dataset), "version": ref.version}


def summarize(
    found: Found, engine: Engine, refs: Mapping[int, DatasetRef], *, capped_list: Capped | None
) -> dict[str, Any]:
    """Return what a report says about the files of a run.

    Args:
        found: The run.
        engine: One that sees its files.
        refs: The names of the versions, by id.
        capped_list: What the listing left out.
    """
    asked = found.asked
    counted = engine.all(sql.counted(between=asked.between))
    _, exact_pairs = engine.one(sql.exact_counted(between=asked.between))
    facts = found.texts.facts
    cut = found.capped
    return {
        "rule": asked.rule,
        "threshold": asked.threshold,
        "exact": asked.exact,
        "searched": facts["mine"] + facts["theirs"],
        "unsketched": facts["unsketched"],
        "recall": asked.params.recall(asked.threshold),
        "error": 0.0 if asked.exact else _error(asked.threshold, asked.params.permutations),
        "exact_pairs": exact_pairs,
        "near_pairs": sum(pairs for accepted, _, pairs in counted if accepted),
        "rejected_pairs": sum(pairs for accepted, _, pairs in counted if not accepted),
        "steps": [(step, bool(accepted), pairs) for accepted, step, pairs in counted],
        "documents": found.clusters.facts["documents"],
        "clusters": found.clusters.facts["clusters"],
        "largest": _largest(engine, refs),
        "compared": Capped(cut["buckets"], cut["pairs"], asked.pair_limit)
        if cut["buckets"]
        else None,
        "listed": capped_list,
        "reused": found.reused,
    }


def _error(similarity: float, permutations: int) -> float:
    """Return the standard error of an estimate: each slot is equal with that probability."""
    return math.sqrt(similarity * (1 - similarity) / permutations)


def _largest(engine: Engine, refs: Mapping[int, DatasetRef]) -> list[Cluster]:
    made = []
    for cluster, size in engine.all(sql.largest(LARGEST)):
        ids = np.array([one for (one,) in engine.all(sql.members(cluster, SHOWN_ROWS))], np.int64)
        places = zip(owners(ids).tolist(), rows(ids).tolist(), strict=True)
        made.append(Cluster(size, [(refs[owner], row) for owner, row in places]))
    return made
