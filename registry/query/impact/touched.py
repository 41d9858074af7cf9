"""What names some versions: derived versions, snapshots with their inputs, exclusions.

Every function here asks a number of questions that does not grow with the answers.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.caller import Caller
from registry.core.lineage import EdgeKind
from registry.db.models import (
    DrawnRows,
    LineageEdge,
    Mixture,
    MixtureExclusion,
    MixtureInput,
    RecipeRow,
    Snapshot,
    Supersession,
)
from registry.query.visible import visible_snapshot, visible_version

_NAMED: Final = 1000
"""How many mixtures are named one by one in a question."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A version that was made from what is asked about, directly or not.

    Attributes:
        version_id: The version.
        source_id: What it was derived from.
        kind: How.
        depth: How many steps it is away, from 1.
    """

    version_id: int
    source_id: int
    kind: EdgeKind
    depth: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a mixture holds of a version.

    Attributes:
        version_id: The version.
        documents: How many documents.
        bytes: Their size.
        known: Whether it is known which rows they are.
        digest: The file that says which; None where all are, or nobody knows.
        weight: What they come to, in the unit of the recipe's share; None if not known.
        human: How much of that counted as human by declaration then; likewise.
    """

    version_id: int
    documents: int
    bytes: int
    known: bool
    digest: str | None
    weight: int | None
    human: int | None


@dataclass(slots=True)
class Touched:
    """A snapshot that holds documents of touched versions, or for which some were left out.

    Attributes:
        id: Its row.
        root: The snapshot's root.
        certificate: SHA-256 of its certificate.
        path: Where it was exported to.
        issued_at: When.
        mixture_id: What it holds.
        plan: The digest of its plan.
        log_size: The state of the catalogue it was drawn from.
        documents: How many documents it has.
        recipe_id: Its recipe's row.
        recipe: The recipe as it was recorded.
        inputs: What it holds of each version, in the recipe's order.
        exclusions: How many documents were left out for which evaluation set: equal, near, shared.
        superseded_by: The certificates that took its place, oldest first.
    """

    id: int
    root: str
    certificate: str
    path: str
    issued_at: dt.datetime
    mixture_id: int
    plan: str
    log_size: int
    documents: int
    recipe_id: int
    recipe: Mapping[str, Any] = field(default_factory=dict)
    inputs: list[Held] = field(default_factory=list)
    exclusions: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    superseded_by: list[str] = field(default_factory=list)


def derived(session: Session, versions: Collection[int], caller: Caller) -> list[Derived]:
    """Return what was made from some versions, the nearest first, with one statement."""
    rows = session.execute(
        sa.select(LineageEdge.version_id, LineageEdge.source_id, LineageEdge.kind)
        .where(visible_version(caller, LineageEdge.version_id))
        .order_by(LineageEdge.id)
    )
    out: dict[int, list[tuple[int, EdgeKind]]] = defaultdict(list)
    for version, source, kind in rows:
        out[source].append((version, kind))
    seen, found, waiting = set(versions), list[Derived](), list(versions)
    depth = 0
    while waiting:
        depth += 1
        following = []
        for source in waiting:
            for version, kind in out[source]:
                if version not in seen:
                    seen.add(version)
                    following.append(version)
                    found.append(Derived(version, source, kind, depth))
        waiting = following
    return found


def snapshots(session: Session, versions: Collection[int], caller: Caller) -> list[Touched]:
    """Return the snapshots that name some versions, the newest first, with two statements.

    Of their inputs only those versions are among them; `complete` adds the others.
    """
    rows = session.execute(
        sa.select(
            Snapshot.id,
            Snapshot.snapshot_root,
            Snapshot.certificate_digest,
            Snapshot.path,
            Snapshot.issued_at,
            Mixture.id,
            Mixture.plan_digest,
            Mixture.log_size,
            Mixture.documents,
            Mixture.recipe_id,
        )
        .join(Mixture, Mixture.id == Snapshot.mixture_id)
        .where(Mixture.id.in_(_mixtures(versions)), visible_snapshot(caller))
        .order_by(Snapshot.id.desc())
    )
    found = [Touched(*row) for row in rows]
    by_mixture = _by_mixture(found)
    for mixture, held in _inputs(session, MixtureInput.version_id.in_(versions)):
        for it in by_mixture.get(mixture, ()):
            it.inputs.append(held)
    return found


def complete(session: Session, found: Sequence[Touched], versions: Collection[int]) -> None:
    """Add to snapshots what else is known of them, with four statements.

    Args:
        session: A reading session.
        found: Some of those that `snapshots` gave.
        versions: As there.
    """
    by_mixture = _by_mixture(found)
    few = len(by_mixture) <= _NAMED
    mixtures: Any = list(by_mixture) if few else _mixtures(versions)
    for it in found:
        it.inputs = []
    for mixture, held in _inputs(session, MixtureInput.mixture_id.in_(mixtures)):
        for it in by_mixture.get(mixture, ()):
            it.inputs.append(held)
    sets = sa.select(
        MixtureExclusion.mixture_id,
        MixtureExclusion.version_id,
        MixtureExclusion.exact,
        MixtureExclusion.near,
        MixtureExclusion.passages,
    ).where(MixtureExclusion.mixture_id.in_(mixtures))
    for mixture, version, *counts in session.execute(sets.order_by(MixtureExclusion.id)):
        for it in by_mixture.get(mixture, ()):
            it.exclusions[version] = (counts[0], counts[1], counts[2])
    bodies = session.execute(
        sa.select(RecipeRow.id, RecipeRow.body).where(
            RecipeRow.id.in_(sa.select(Mixture.recipe_id).where(Mixture.id.in_(mixtures)))
        )
    )
    by_id: dict[int, Any] = {row.id: row.body for row in bodies}
    for it in found:
        it.recipe = by_id[it.recipe_id]
    _superseded(session, found)


def exclusions(
    session: Session, versions: Collection[int], found: Collection[Touched]
) -> list[tuple[Touched, tuple[int, int, int]]]:
    """Return the snapshots that documents were left out of for some sets, and how many."""
    by_mixture = _by_mixture(found)
    rows = session.execute(
        sa.select(
            MixtureExclusion.mixture_id,
            sa.func.sum(MixtureExclusion.exact),
            sa.func.sum(MixtureExclusion.near),
            sa.func.sum(MixtureExclusion.passages),
        )
        .where(MixtureExclusion.version_id.in_(versions))
        .group_by(MixtureExclusion.mixture_id)
        .order_by(MixtureExclusion.mixture_id.desc())
    )
    return [
        (it, (int(exact), int(near), int(passages)))
        for mixture, exact, near, passages in rows
        for it in by_mixture.get(mixture, ())
    ]


def _by_mixture(found: Iterable[Touched]) -> dict[int, list[Touched]]:
    by_mixture: dict[int, list[Touched]] = defaultdict(list)
    for it in found:
        by_mixture[it.mixture_id].append(it)
    return by_mixture


def _mixtures(versions: Collection[int]) -> sa.Select[Any]:
    """Return which mixtures hold documents of some versions, or left out any for them."""
    named = sa.union(
        *(
            sa.select(part.mixture_id).where(part.version_id.in_(versions), *more)
            for part, more in (
                (MixtureInput, (MixtureInput.documents > 0,)),
                (MixtureExclusion, ()),
            )
        )
    ).subquery()
    return sa.select(named.c.mixture_id)


def _inputs(session: Session, which: sa.ColumnElement[bool]) -> Iterable[tuple[int, Held]]:
    rows = session.execute(
        sa.select(
            MixtureInput.mixture_id,
            MixtureInput.version_id,
            MixtureInput.documents,
            MixtureInput.bytes,
            DrawnRows.id,
            DrawnRows.digest,
            DrawnRows.weight,
            DrawnRows.human,
        )
        .outerjoin(DrawnRows, DrawnRows.input_id == MixtureInput.id)
        .where(which, MixtureInput.documents > 0)
        .order_by(MixtureInput.id)
    )
    for mixture, version, documents, size, drawn, digest, weight, human in rows:
        yield mixture, Held(version, documents, size, drawn is not None, digest, weight, human)


def _superseded(session: Session, found: Sequence[Touched]) -> None:
    """Say which certificates took the place of others; there are few of them."""
    by_digest = {it.certificate: it for it in found}
    rows = session.execute(
        sa.select(Supersession.certificate_digest, Snapshot.certificate_digest)
        .join(Snapshot, Snapshot.id == Supersession.snapshot_id)
        .order_by(Supersession.id)
    )
    for old, new in rows:
        if old in by_digest:
            by_digest[old].superseded_by.append(new)
