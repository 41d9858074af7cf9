"""What a deduplication comes to, in numbers: sources, budgets, clusters, conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from registry.batch.sources import Ids
from registry.core.claim import Property
from registry.core.dataset import ORIGINS_BY_CAUTION, DatasetRef, Origin
from registry.core.survivor import REASONS, RULE, Mask, Merits
from registry.dedup import budgets
from registry.dedup.carrying import Carried
from registry.dedup.choosing import Outcome
from registry.dedup.inputs import Inputs

LARGEST: Final = 5
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Document:
    """A document, by the version and the row in its reading order, from 0."""

    ref: DatasetRef
    row: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; rows count from 1."""
        return {**_ref(self.ref), "document": self.row + 1}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A document that stays, and what goes for it.

    Attributes:
        survivor: The document that stays.
        origin: What it counts as.
        documents: How many go for it.
        near: How many of these have another text.
        removed: The first of them.
    """

    survivor: Document
    origin: Origin
    documents: int
    near: int
    removed: Sequence[Document]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "survivor": self.survivor.to_json() | {"origin": str(self.origin)},
            "documents": self.documents,
            "near": self.near,
            "removed": [it.to_json() for it in self.removed],
        }


@dataclass(frozen=True, slots=True)
class Source:
    """What goes of one of the versions.

    Attributes:
        ref: Its name.
        protected: Whether it is protected.
        documents: How many documents it has.
        bytes: Their bytes.
        exact: How many go for one with an equal text.
        near: How many go for one with a similar text.
        removed_bytes: The bytes of all that go.
        budget: Which share of its documents may go.
        clusters: Where the budget is exceeded, what most of the loss is due to.
    """

    ref: DatasetRef
    protected: bool
    documents: int
    bytes: int
    exact: int
    near: int
    removed_bytes: int
    budget: Fraction
    clusters: Sequence[Cluster]

    @property
    def removed(self) -> int:
        """Return how many documents go."""
        return self.exact + self.near

    @property
    def exceeded(self) -> bool:
        """Return whether more go than may."""
        return budgets.exceeded(self.removed, self.documents, self.budget)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            **_ref(self.ref),
            "protected": self.protected,
            "documents": self.documents,
            "bytes": self.bytes,
            "removed": {
                "documents": self.removed,
                "exact": self.exact,
                "near": self.near,
                "bytes": self.removed_bytes,
            },
            "budget": budgets.decimal(self.budget),
            "exceeded": self.exceeded,
            "clusters": [it.to_json() for it in self.clusters],
        }


@dataclass(frozen=True, slots=True)
class Made:
    """The version that was recorded.

    Attributes:
        ref: Its name.
        outcome: `registered`, `added` where only claims were new, or `unchanged`.
        claims: How many claims it got.
        removals: The file of removals.
        digest: Its SHA-256.
        uncompared: Why it was not compared with other versions yet, or None.
    """

    ref: DatasetRef
    outcome: str
    claims: int
    removals: str
    digest: str
    uncompared: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What goes and what stays.

    Attributes:
        rule: What counts as alike, and in which order documents are kept.
        threshold: The smallest similarity that counts as near.
        exact: Whether similarity is the true one.
        recall: The probability that a pair of exactly that similarity is compared.
        log_size: The state of the catalogue.
        sources: The versions.
        unsketched: Documents without a token, found only where they are equal.
        clusters: How many documents stay for which others go.
        largest: Those for which most go.
        reasons: How many documents go for each reason.
        contested: Documents that stay and count as human, with a near copy that does not.
        contested_exact: Documents that stay of which some claims say human and others not.
        licenses: For each set of several licenses that apply, to how many documents.
        capped: Groups of alike texts that were too large for all pairs: groups, pairs, limit.
        pairs: Pairs of different texts that were compared, and those that are near.
        out: The file that removals were also written to, and its rows.
        made: The version that was recorded, or None.
    """

    rule: str
    threshold: float
    exact: bool
    recall: float
    log_size: int
    sources: Sequence[Source]
    unsketched: int
    clusters: int
    largest: Sequence[Cluster]
    reasons: Mapping[str, int]
    contested: int
    contested_exact: int
    licenses: Sequence[tuple[tuple[str, ...], int]]
    capped: tuple[int, int, int] | None
    pairs: tuple[int, int]
    out: tuple[str, int] | None = None
    made: Made | None = None

    @property
    def exceeded(self) -> list[Source]:
        """Return the sources of which more goes than may."""
        return [source for source in self.sources if source.exceeded]

    @property
    def documents(self) -> int:
        """Return how many documents there are."""
        return sum(source.documents for source in self.sources)

    @property
    def removed(self) -> int:
        """Return how many of them go."""
        return sum(source.removed for source in self.sources)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        capped = None
        if self.capped is not None:
            capped = dict(zip(("groups", "pairs", "limit"), self.capped, strict=True))
        made = self.made
        return {
            "rule": self.rule,
            "min_similarity": self.threshold,
            "exact": self.exact,
            "recall": {"similarity": self.threshold, "probability": round(self.recall, 6)},
            "log_size": self.log_size,
            "sources": [source.to_json() for source in self.sources],
            "documents": self.documents,
            "kept": self.documents - self.removed,
            "removed": {
                "documents": self.removed,
                "exact": sum(source.exact for source in self.sources),
                "near": sum(source.near for source in self.sources),
                "bytes": sum(source.removed_bytes for source in self.sources),
            },
            "reasons": dict(self.reasons),
            "without_sketch": self.unsketched,
            "pairs": {"compared": self.pairs[0], "near": self.pairs[1]},
            "clusters": {
                "count": self.clusters,
                "largest": [it.to_json() for it in self.largest],
            },
            "conflicts": {
                "origin": {"equal_texts": self.contested_exact, "near_copies": self.contested},
                "licenses": [
                    {"licenses": list(names), "documents": number}
                    for names, number in self.licenses
                ],
            },
            "capped": capped,
            "exceeded": [_ref(source.ref) for source in self.exceeded],
            "out": None if self.out is None else {"path": self.out[0], "rows": self.out[1]},
            "made": None
            if made is None
            else {
                **_ref(made.ref),
                "outcome": made.outcome,
                "claims": made.claims,
                "removals": {"path": made.removals, "sha256": made.digest},
                "uncompared": made.uncompared,
            },
        }

    def with_out(self, path: str) -> Report:
        """Return the report with the file that removals were written to."""
        return replace(self, out=(path, self.removed))


def rule_of(rule: str) -> str:
    """Return the id of what counts as alike, with that of who stays."""
    return f"{rule} {RULE}"


def summarize(
    inputs: Inputs,
    outcome: Outcome,
    merits: Merits,
    shares: Sequence[Fraction],
    carried: Sequence[Carried],
) -> Report:
    """Return what a deduplication comes to.

    Args:
        inputs: The versions.
        outcome: Who stays, and who goes for whom.
        merits: What that was decided by.
        shares: The budget of each version.
        carried: The claims that survivors carry.
    """
    asked, facts = outcome.compared.asked, outcome.compared.texts.facts
    whose = inputs.whose(outcome.removed)
    exact, near = outcome.losses(inputs)
    sources = []
    for at, side in enumerate(inputs.sides):
        stand = inputs.standings[at]
        gone = outcome.removed[whose == at] - inputs.starts[at]
        source = Source(
            ref=side.ref,
            protected=inputs.protected[at],
            documents=len(stand.hashes),
            bytes=int(stand.bytes.sum()),
            exact=int(exact[at]),
            near=int(near[at]),
            removed_bytes=int(stand.bytes[gone].sum()),
            budget=shares[at],
            clusters=(),
        )
        if source.exceeded:
            source = replace(source, clusters=_clusters(inputs, outcome, whose == at)[1])
        sources.append(source)
    count, largest = _clusters(inputs, outcome, np.ones(len(whose), np.bool_))
    codes = merits.reasons(outcome.survivors, outcome.removed)
    tally = np.bincount(codes, minlength=len(REASONS)).tolist()
    cut = outcome.compared.capped
    return Report(
        rule=rule_of(asked.rule),
        threshold=asked.threshold,
        exact=asked.exact,
        recall=asked.params.recall(asked.threshold),
        log_size=inputs.log_size,
        sources=sources,
        unsketched=int(facts["unsketched"]),
        clusters=count,
        largest=largest,
        reasons={str(reason): tally[code] for code, reason in enumerate(REASONS)},
        contested=_contested_near(inputs, outcome, merits),
        contested_exact=_contested(inputs, outcome),
        licenses=_license_sets(inputs, outcome, carried),
        capped=(cut["buckets"], cut["pairs"], asked.pair_limit) if cut["buckets"] else None,
        pairs=(int(outcome.compared.compared.facts["compared"]), outcome.pairs),
    )


def _clusters(inputs: Inputs, outcome: Outcome, chosen: Mask) -> tuple[int, list[Cluster]]:
    """Return for how many documents others go, and those for which most of the chosen go."""
    survivors, removed = outcome.survivors[chosen], outcome.removed[chosen]
    near = outcome.near[chosen]
    places, counts = np.unique(survivors, return_counts=True)
    most = np.lexsort((places, -counts))[:LARGEST]
    made = []
    for place, number in zip(places[most].tolist(), counts[most].tolist(), strict=True):
        mine = survivors == place
        rank = inputs.gather(np.array([place]), lambda stand: stand.view.ranks)
        made.append(
            Cluster(
                survivor=_document(inputs, place),
                origin=ORIGINS_BY_CAUTION[int(rank[0])],
                documents=number,
                near=int(np.count_nonzero(near[mine])),
                removed=[_document(inputs, it) for it in removed[mine][:SHOWN].tolist()],
            )
        )
    return len(places), made


def _document(inputs: Inputs, place: int) -> Document:
    at = np.array([place])
    whose = int(inputs.whose(at)[0])
    return Document(inputs.sides[whose].ref, int(inputs.rows(at)[0]))


def _contested_near(inputs: Inputs, outcome: Outcome, merits: Merits) -> int:
    """Return how many documents stay as human with a near copy that goes and is not human."""
    human = merits.origins == Origin.HUMAN.caution
    found = np.zeros(inputs.documents, np.bool_)
    for stay, gone in outcome.met():
        stays, goes = outcome.order[stay], outcome.order[gone]
        found[stays[human[stays] & ~human[goes]]] = True
    return int(np.count_nonzero(found))


def _contested(inputs: Inputs, outcome: Outcome) -> int:
    contested: Ids = inputs.gather(outcome.kept, lambda stand: stand.view.contested)
    return int(np.count_nonzero(contested))


def _license_sets(
    inputs: Inputs, outcome: Outcome, carried: Sequence[Carried]
) -> list[tuple[tuple[str, ...], int]]:
    """Return the sets of several licenses that apply to documents that stay, with how many."""
    terms: dict[str, Mask] = {}
    for claim in carried:
        if claim.property is Property.LICENSE:
            name = str(claim.value["license"])
            mask = terms.setdefault(name, np.zeros(inputs.documents, np.bool_))
            mask[claim.about] = True
    sets: list[tuple[str, ...]] = [()]
    codes = np.zeros(inputs.documents, np.int64)
    for name in sorted(terms):
        pairs, codes = np.unique(codes * 2 + terms[name], return_inverse=True)
        sets = [(*sets[it >> 1], name) if it & 1 else sets[it >> 1] for it in pairs.tolist()]
    sizes = np.bincount(codes, minlength=len(sets)).tolist()
    several = [(names, size) for names, size in zip(sets, sizes, strict=True) if len(names) > 1]
    return sorted(several, key=lambda item: (-item[1], item[0]))


def _ref(ref: DatasetRef) -> dict[str, Any]:
    return {"dataset": str(ref.dataset), "version": ref.version}
