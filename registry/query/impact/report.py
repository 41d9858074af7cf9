"""The answer: what is touched, and for each snapshot its numbers then and today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from registry import documents, ledger
from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.certificate import NOT_ASSESSED
from registry.core.claim import Mask
from registry.core.contents import member
from registry.core.dataset import Origin
from registry.core.evidence import iso_time, to_micros
from registry.core.recipe import Recipe, Unit
from registry.errors import NotFoundError
from registry.query import drawn
from registry.query.catalogue import firsts, ref_of
from registry.query.impact import promises, touched
from registry.query.impact.promises import Promise
from registry.query.impact.recount import Bounds, Recount
from registry.query.impact.subject import Subject
from registry.query.impact.touched import Derived, Held, Touched
from registry.query.protection import evaluation_ids
from registry.query.visible import visible_ids
from registry.query.withdrawn import Tombstone


@dataclass(frozen=True, slots=True)
class SnapshotImpact:
    """What became of a snapshot.

    Attributes:
        it: The snapshot.
        recipe: What was asked.
        holds: How many of its documents are touched.
        then: How much counted as human by declaration when it was made; None if not on record.
        weight: Of how much; None if not on record.
        today: How much counts as human under today's claims.
        withdrawn: How many of its documents are withdrawn today.
        rows_known: Whether it is on record which rows it holds.
        promises: What was asked for, and whether it holds.
    """

    it: Touched
    recipe: Recipe
    holds: Bounds
    then: int | None
    weight: int | None
    today: Bounds
    withdrawn: Bounds
    rows_known: bool
    promises: tuple[Promise, ...]

    @property
    def broken(self) -> bool:
        """Return whether a promise is known to hold no more."""
        return any(it.holds is False for it in self.promises)


@dataclass(frozen=True, slots=True)
class Impact:
    """What is touched.

    Attributes:
        subject: What was asked about.
        log_size: The state of the catalogue.
        recount: The catalogue as it stands.
        derived: Versions made from it.
        touched: Snapshots that hold, or may hold, documents of it or of those, the newest first.
        snapshots: Some of these, counted anew.
        more: Whether there are others behind them.
        excluded: Snapshots that documents were left out of for it, and how many: equal, nearly
            equal, with a shared passage.
    """

    subject: Subject
    log_size: int
    recount: Recount
    derived: Sequence[Derived]
    touched: Sequence[Touched]
    snapshots: Sequence[SnapshotImpact]
    more: bool
    excluded: Sequence[tuple[Touched, tuple[int, int, int]]]


def impact(
    session: Session,
    store: Store,
    subject: Subject,
    *,
    caller: Caller = OPERATOR,
    after: str | None = None,
    limit: int | None = None,
) -> Impact:
    """Find what is touched, and count it anew.

    Args:
        session: A reading session: one state of the catalogue.
        store: The registry's storage.
        subject: What is asked about.
        caller: Who asks: what they may not see is not named, and does not count.
        after: Count the snapshots behind the one with this certificate.
        limit: How many at most, the newest first; None for all.

    Raises:
        NotFoundError: No touched snapshot has the certificate `after`.
        ConflictError: A document table or a file of drawn rows is missing or was changed.
    """
    derived = touched.derived(session, subject.versions, caller)
    named = {*subject.versions, *(it.version_id for it in derived)}
    everything = touched.snapshots(session, named, caller)
    excluded = touched.exclusions(session, subject.versions, everything)
    texts = _Texts(session, store, subject)
    holding = [it for it in everything if texts.held(it).high]
    page = _behind(holding, after)
    more = limit is not None and len(page) > limit
    page = page if limit is None else page[:limit]
    touched.complete(session, page, named)
    recipes = {it.recipe_id: it.recipe for it in page}
    asked = {id: Recipe.model_validate(body) for id, body in recipes.items()}
    evals = evaluation_ids(session) & visible_ids(session, caller)
    needed = set(subject.versions) | {held.version_id for it in page for held in it.inputs}
    if any(recipe.exclude_evaluations is True for recipe in asked.values()):
        needed |= evals
    needed |= promises.needed_sets(page, asked)
    recount = Recount(session, store, caller, needed)
    sources = {id: promises.Sources(recipe) for id, recipe in asked.items()}
    counting = _Counting(texts, recount, asked, named, evals, sources)
    return Impact(
        subject=subject,
        log_size=ledger.size(session),
        recount=recount,
        derived=derived,
        touched=holding,
        snapshots=[counting.snapshot(it) for it in page],
        more=more,
        excluded=excluded,
    )


def _behind(found: list[Touched], after: str | None) -> list[Touched]:
    if after is None:
        return found
    for at, it in enumerate(found):
        if it.certificate == after:
            return found[at + 1 :]
    raise NotFoundError(
        "no touched snapshot has the certificate named in `after`",
        hint="begin again without `after`, and follow `next`",
    )


class _Texts:
    """How many of the documents that are asked about a snapshot holds."""

    def __init__(self, session: Session, store: Store, subject: Subject) -> None:
        self._subject = subject
        self._masks: dict[int, Mask] = {}
        self._store = store
        self._found: dict[tuple[int, str], int] = {}
        asked = [id for id, texts in subject.versions.items() if texts is not None]
        places = firsts(session, asked) if asked else {}
        for id, place in places.items():
            (column,) = (
                documents.load(
                    store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
                )
                .select(["content_hash"])
                .columns
            )
            texts = subject.versions[id]
            if texts is not None:
                self._masks[id] = member(documents.hashes_of(column), texts)

    def held(self, it: Touched) -> Bounds:
        """Return how many, as far as it is known which rows the snapshot holds."""
        total = Bounds(0, 0)
        for held in it.inputs:
            total += self.of(held)
        return total

    def of(self, held: Held) -> Bounds:
        """Return how many of what a mixture holds of a version are asked about."""
        mask = self._masks.get(held.version_id)
        if mask is None:
            return Bounds(held.documents, held.documents)
        total = int(np.count_nonzero(mask))
        if held.digest is None:
            missing = 0 if held.known else len(mask) - held.documents
            return Bounds(max(0, total - missing), min(total, held.documents))
        key = (held.version_id, held.digest)
        if key not in self._found:
            rows = drawn.decode(self._store.mixture(held.digest))
            self._found[key] = int(np.count_nonzero(mask[rows]))
        return Bounds(self._found[key], self._found[key])


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts snapshots anew."""

    texts: _Texts
    recount: Recount
    recipes: dict[int, Recipe]
    named: set[int]
    evals: set[int]
    sources: dict[int, promises.Sources]

    def _holds(self, it: Touched) -> Bounds:
        total = Bounds(0, 0)
        for held in it.inputs:
            if held.version_id in self.named:
                total += self.texts.of(held)
        return total

    def snapshot(self, it: Touched) -> SnapshotImpact:
        """Count one snapshot anew."""
        recipe, recount = self.recipes[it.recipe_id], self.recount
        today = sum((recount.human(held, recipe) for held in it.inputs), Bounds(0, 0))
        then = [held.human for held in it.inputs]
        weights = [recount.weight(held, recipe) for held in it.inputs]
        weight = _sum(weights)
        sets = self.evals if recipe.exclude_evaluations is True else set(it.exclusions)
        return SnapshotImpact(
            it=it,
            recipe=recipe,
            holds=self._holds(it),
            then=_sum(then),
            weight=weight,
            today=today,
            withdrawn=sum((recount.withdrawn(held) for held in it.inputs), Bounds(0, 0)),
            rows_known=all(recount.known(held) for held in it.inputs),
            promises=(
                *promises.share(recipe, today, weight),
                *promises.filters(recount, it, recipe, self.sources[it.recipe_id]),
                *promises.evaluations(recount, it, recipe, sorted(sets)),
            ),
        )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


# As documents.


def to_json(made: Impact) -> dict[str, Any]:
    """Return what is touched as the document that `--json` prints and the API answers."""
    return {
        "about": made.subject.words,
        "dispute": made.subject.dispute,
        "log_size": made.log_size,
        "versions": [_version(made, id) for id in made.subject.versions],
        "derived": [_derived(made, it) for it in made.derived],
        "totals": {
            "snapshots": len(made.touched),
            "certificates": len({it.certificate for it in made.touched}),
            "mixtures": len({it.plan for it in made.touched}),
            "counted": len(made.snapshots),
            "broken": sum(it.broken for it in made.snapshots),
        },
        "snapshots": [snapshot_record(made, it) for it in made.snapshots],
        "after": made.snapshots[-1].it.certificate if made.more else None,
        "excluded": [_excluded(it, counts) for it, counts in made.excluded],
        "training_runs": "not_recorded",
    }


def _version(made: Impact, version_id: int) -> dict[str, Any]:
    stand = made.recount.standing(version_id)
    texts = made.subject.versions[version_id]
    mask = np.ones(len(stand.hashes), np.bool_) if texts is None else member(stand.hashes, texts)
    counts = {
        str(origin): int(np.count_nonzero(mask & (stand.view.ranks == origin.caution)))
        for origin in Origin
    }
    stones: Sequence[Tombstone] = made.recount.stones.get(version_id, ())
    return _named(made, version_id) | {
        "documents": int(np.count_nonzero(mask)),
        "of": len(stand.hashes),
        "origins": {name: count for name, count in counts.items() if count},
        "withdrawn": [stone.to_json() for stone in stones],
    }


def _named(made: Impact, version_id: int) -> dict[str, Any]:
    version = made.recount.versions[version_id]
    return {"dataset": str(ref_of(version).dataset), "version": version.number}


def _derived(made: Impact, it: Derived) -> dict[str, Any]:
    return _named(made, it.version_id) | {
        "kind": str(it.kind),
        "from": str(ref_of(made.recount.versions[it.source_id])),
        "steps": it.depth,
        "documents": made.recount.versions[it.version_id].documents,
    }


def snapshot_record(made: Impact, found: SnapshotImpact) -> dict[str, Any]:
    """Return what became of a snapshot."""
    it, asked = found.it, found.recipe.human
    return {
        "snapshot_root": it.root,
        "certificate": it.certificate,
        "path": it.path,
        "issued_at": iso_time(to_micros(it.issued_at)),
        "as_of": it.log_size,
        "plan": it.plan,
        "documents": it.documents,
        "touched": _bounds(found.holds),
        "rows_known": found.rows_known,
        "human_fraction": {
            "of": str(asked.of if asked else Unit.BYTES),
            "count": [str(one) for one in (asked.count if asked else [Origin.HUMAN])],
            "asked": asked.at_least if asked else None,
            "declared": {
                "then": _fraction(found.then, found.weight),
                "today": _fraction(found.today.exact, found.weight),
                "today_between": None
                if found.weight is None
                else [_fraction(it, found.weight) for it in (found.today.low, found.today.high)],
            },
            "evidenced": {"then": NOT_ASSESSED, "today": NOT_ASSESSED},
            "audited": {"then": NOT_ASSESSED, "today": NOT_ASSESSED},
        },
        "withdrawn": _bounds(found.withdrawn),
        "promises": [one.to_json() for one in found.promises],
        "inputs": [
            _named(made, held.version_id) | {"documents": held.documents, "bytes": held.bytes}
            for held in it.inputs
        ],
        "superseded_by": list(it.superseded_by),
    }


def _bounds(found: Bounds) -> dict[str, int]:
    return {"at_least": found.low, "at_most": found.high}


def _fraction(numerator: int | None, denominator: int | None) -> dict[str, int] | None:
    if numerator is None or denominator is None:
        return None
    return {"numerator": numerator, "denominator": denominator}


def _excluded(it: Touched, counts: tuple[int, int, int]) -> dict[str, Any]:
    return {
        "snapshot_root": it.root,
        "certificate": it.certificate,
        "path": it.path,
        "exact": counts[0],
        "near": counts[1],
        "passage": counts[2],
    }
