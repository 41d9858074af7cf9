"""How much a recipe leaves out because it resembles items of evaluation sets, and for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from sqlalchemy.orm import Session

from registry.core.claim import Mask
from registry.core.dataset import DatasetRef
from registry.core.exclusions import LeftOutForSets, NotRead, SetLeftOut
from registry.core.recipe import Recipe
from registry.core.sketch import guaranteed_tokens
from registry.db.models import DatasetVersion
from registry.matching import Kind
from registry.matching.targets import EVALUATION_RUN, PARAMS
from registry.query import catalogue
from registry.query.evaluations.meeting import MIN_SIMILARITY, RULE, EvaluationSet, Met
from registry.query.selecting import select

REASONS: Final = {
    Kind.EXACT: "equal to an item of the evaluation set `{}`",
    Kind.NEAR: "nearly equal to an item of the evaluation set `{}`",
    Kind.PASSAGE: "shares a passage with an item of the evaluation set `{}`",
}


@dataclass(slots=True)
class Excluded:
    """How many documents were left out for one evaluation set.

    A document that meets several sets counts for each of them, always by how it meets it most
    closely.

    Attributes:
        item: The set.
        documents: How many, by `Kind`.
    """

    item: EvaluationSet
    documents: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))

    @property
    def ref(self) -> DatasetRef:
        """Return the set's name."""
        return catalogue.ref_of(self.item.version)


@dataclass(slots=True)
class Exclusion:
    """What was left out for evaluation sets.

    Attributes:
        sets: For which.
        documents: How many documents, each once.
        bytes: What they come to.
        not_read: Sources whose texts could not be compared: only what the index knows of them was.
    """

    sets: tuple[Excluded, ...]
    documents: int = 0
    bytes: int = 0
    not_read: tuple[NotRead, ...] = ()

    def stated(self) -> LeftOutForSets:
        """Return it as it stands in plans and certificates."""
        return LeftOutForSets(
            rule=RULE,
            min_similarity=str(MIN_SIMILARITY),
            recall=RECALL,
            run=EVALUATION_RUN,
            documents=self.documents,
            bytes=self.bytes,
            sets=tuple(_stated(it) for it in self.sets),
            not_read=self.not_read,
        )


def not_read(session: Session, version: DatasetVersion, sets: Sequence[Excluded]) -> NotRead:
    """Return how far a version was compared whose texts could not be read."""
    ref, table = catalogue.ref_of(version), catalogue.sketches(session, version)
    windows = [it.item.reach.window for it in sets]
    tokens = None
    if table is not None and table.window is not None:
        # A run of so many words has a piece that both sides keep.
        tokens = guaranteed_tokens(max([table.window, *(it for it in windows if it)]))
    return NotRead(str(ref.dataset), version.number, tokens)


def _stated(it: Excluded) -> SetLeftOut:
    version, reach = it.item.version, it.item.reach
    return SetLeftOut(
        dataset=str(it.ref.dataset),
        version=version.number,
        content_root=version.content_root,
        items=version.documents,
        exact=it.documents[Kind.EXACT],
        near=it.documents[Kind.NEAR],
        passage=it.documents[Kind.PASSAGE],
        near_searched=reach.near,
        guaranteed_tokens=reach.tokens,
        short_items=it.item.short,
    )


# Rounded down, as everywhere, and no float: certificates have none.
RECALL: Final = f"{int(PARAMS.recall(MIN_SIMILARITY) * 1000) / 1000:.3f}"


def asked_for(session: Session, recipe: Recipe) -> list[DatasetVersion]:
    """Return the evaluation sets that a recipe wants nothing of.

    Raises:
        NotFoundError: One that it names is not registered.
    """
    asked = recipe.exclude_evaluations
    if isinstance(asked, bool):
        return select(session, ["evals"]) if asked else []
    return [catalogue.version(session, DatasetRef.parse(name)) for name in asked]


def exclude(exclusion: Exclusion, met: Sequence[Met], candidates: Mask) -> list[tuple[str, Mask]]:
    """Count what is left out of one source, and return it with the reasons, the first one first.

    Args:
        exclusion: Is added to, but for `documents` and `bytes`.
        met: What meets each of its sets.
        candidates: The documents that would be drawn from otherwise.
    """
    found = []
    for excluded, it in zip(exclusion.sets, met, strict=True):
        for kind in Kind:
            rows = it.rows[it.kinds == kind]
            excluded.documents[kind] += int(np.count_nonzero(candidates[rows]))
            mask = np.zeros(len(candidates), np.bool_)
            mask[rows] = True
            found.append((REASONS[kind].format(excluded.ref.short), mask))
    return found
