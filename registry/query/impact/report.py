"""The answer: what is touched, and for each snapshot its numbers then and today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.certificate import NOT_ASSESSED
from registry.core.contents import member
from registry.core.dataset import Origin
from registry.core.evidence import iso_time, to_micros
from registry.core.recipe import Recipe, Unit
from registry.query.catalogue import ref_of
from registry.query.impact import promises, touched
from registry.query.impact.promises import Promise
from registry.query.impact.recount import Bounds, Recount
from registry.query.impact.subject import Subject
from registry.query.impact.touched import Derived, Touched
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
        snapshots: Snapshots that hold documents of it, or of those, oldest first.
        excluded: Snapshots that documents were left out of for it, an evaluation set.
    """

    subject: Subject
    log_size: int
    recount: Recount
    derived: Sequence[Derived]
    snapshots: Sequence[SnapshotImpact]
    excluded: Sequence[Touched]


def impact(
    session: Session, store: Store, subject: Subject, *, caller: Caller = OPERATOR
) -> Impact:
    """Find what is touched, and count it anew.

    Args:
        session: A reading session: one state of the catalogue.
        store: The registry's storage.
        subject: What is asked about.
        caller: Who asks: what they may not see is not named, and does not count.

    Raises:
        ConflictError: A document table or a file of drawn rows is missing or was changed.
    """
    derived = touched.derived(session, subject.versions, caller)
    named = {*subject.versions, *(it.version_id for it in derived)}
    found = touched.snapshots(session, named, caller)
    recipes = {it.recipe_id: it.recipe for it in found}
    asked = {id: Recipe.model_validate(body) for id, body in recipes.items()}
    evals = evaluation_ids(session) & visible_ids(session, caller)
    needed = set(subject.versions) | {held.version_id for it in found for held in it.inputs}
    if any(recipe.exclude_evaluations is True for recipe in asked.values()):
        needed |= evals
    needed |= promises.needed_sets(found, asked)
    recount = Recount(session, store, caller, needed)
    counting = _Counting(subject, recount, asked, named, evals)
    held = [it for it in found if counting.touches(it)]
    return Impact(
        subject=subject,
        log_size=ledger.size(session),
        recount=recount,
        derived=derived,
        snapshots=[counting.snapshot(it) for it in held],
        excluded=[it for it in found if it.exclusions.keys() & subject.versions.keys()],
    )


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts snapshots anew."""

    subject: Subject
    recount: Recount
    recipes: dict[int, Recipe]
    named: set[int]
    evals: set[int]

    def touches(self, it: Touched) -> bool:
        """Return whether a snapshot holds, or may hold, documents that are asked about."""
        return self._holds(it).high > 0

    def _holds(self, it: Touched) -> Bounds:
        total = Bounds(0, 0)
        for held in it.inputs:
            if held.version_id in self.named:
                texts = self.subject.versions.get(held.version_id)
                total += self.recount.texts(held, texts)
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
                *promises.filters(recount, it, recipe),
                *promises.evaluations(recount, it, recipe, sorted(sets)),
            ),
        )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


# As documents.


def to_json(made: Impact, *, after: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Return what is touched as the document that `--json` prints and the API answers.

    Args:
        made: What is touched.
        after: List the snapshots behind the one with this certificate.
        limit: How many of them at most; None for all.
    """
    listed = list(made.snapshots)
    if after is not None:
        at = [it.it.certificate for it in listed].index(after) if listed else -1
        listed = listed[at + 1 :]
    more = limit is not None and len(listed) > limit
    listed = listed if limit is None else listed[:limit]
    return {
        "about": made.subject.words,
        "dispute": made.subject.dispute,
        "log_size": made.log_size,
        "versions": [_version(made, id) for id in made.subject.versions],
        "derived": [_derived(made, it) for it in made.derived],
        "totals": {
            "snapshots": len(made.snapshots),
            "certificates": len({it.it.certificate for it in made.snapshots}),
            "mixtures": len({it.it.plan for it in made.snapshots}),
            "broken": sum(it.broken for it in made.snapshots),
            "superseded": sum(bool(it.it.superseded_by) for it in made.snapshots),
            "rows_not_known": sum(not it.rows_known for it in made.snapshots),
        },
        "snapshots": [snapshot_record(made, it) for it in listed],
        "after": listed[-1].it.certificate if more else None,
        "excluded": [_excluded(made, it) for it in made.excluded],
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


def _excluded(made: Impact, it: Touched) -> dict[str, Any]:
    counts = [it.exclusions[id] for id in it.exclusions.keys() & made.subject.versions.keys()]
    return {
        "snapshot_root": it.root,
        "certificate": it.certificate,
        "path": it.path,
        "exact": sum(one[0] for one in counts),
        "near": sum(one[1] for one in counts),
        "passage": sum(one[2] for one in counts),
    }
