"""What it takes to make a snapshot again: its recipe, the versions it was drawn from, what left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.certificate import Reissued
from registry.core.contents import Mask, Rows
from registry.core.dataset import DatasetRef
from registry.core.recipe import Recipe
from registry.db.models import DatasetVersion, DrawnRows, MixtureInput, Snapshot
from registry.errors import NotFoundError
from registry.query import catalogue, drawn, withdrawn
from registry.query.plan import Plan
from registry.query.standing.said import WholeTables


@dataclass(frozen=True, slots=True)
class Older:
    """A snapshot that is to be made again.

    Attributes:
        certificate: SHA-256 of its certificate.
        recipe: Its recipe.
        versions: What it was drawn from, one for each source of the recipe.
        rows: The rows that it holds of each version, by the version's id; None where that is not
            on record.
        documents: How many documents it has.
    """

    certificate: str
    recipe: Recipe
    versions: Sequence[DatasetVersion]
    rows: Mapping[int, Rows | None]
    documents: int


def older(session: Session, store: Store, certificate: str) -> Older:
    """Return a snapshot of this registry by the digest of its certificate.

    Raises:
        NotFoundError: There is none.
        ConflictError: A file of drawn rows is missing or was changed.
    """
    made = session.execute(
        sa.select(Snapshot).where(Snapshot.certificate_digest == certificate)
    ).scalar_one_or_none()
    if made is None:
        raise NotFoundError(
            f"no snapshot of this registry has the certificate `{certificate}`",
            hint="`firsthand impact DATASET` lists those that hold documents of a dataset",
        )
    parts = session.execute(
        sa.select(MixtureInput, DrawnRows)
        .outerjoin(DrawnRows, DrawnRows.input_id == MixtureInput.id)
        .where(MixtureInput.mixture_id == made.mixture_id)
        .order_by(MixtureInput.id)
    ).all()
    recipe = Recipe.model_validate(made.mixture.recipe.body)
    by_name = {_name(part.version): part.version for part, _ in parts}
    versions = [by_name[str(DatasetRef.parse(it.dataset).dataset)] for it in recipe.sources]
    exact = {(_name(part.version), part.version.number): part.version for part, _ in parts}
    for at, source in enumerate(recipe.sources):
        ref = DatasetRef.parse(source.dataset)
        if ref.version is not None:
            versions[at] = exact[(str(ref.dataset), ref.version)]
    rows = {part.version_id: _rows(store, part, held) for part, held in parts}
    return Older(certificate, recipe, versions, rows, made.mixture.documents)


def _name(version: DatasetVersion) -> str:
    return str(catalogue.ref_of(version).dataset)


def _rows(store: Store, part: MixtureInput, held: DrawnRows | None) -> Rows | None:
    if held is not None and held.digest is not None:
        return drawn.decode(store.mixture(held.digest))
    if held is not None or part.documents == part.version.documents:
        return np.arange(part.version.documents)
    return None if part.documents else np.empty(0, np.int64)


def what_left(session: Session, store: Store, was: Older, made: Plan) -> Reissued | None:
    """Return what leaves a snapshot that is made again, and why; None if that is not on record.

    Args:
        session: A reading session.
        store: The registry's storage.
        was: The snapshot.
        made: The plan of the one that takes its place.

    Raises:
        ConflictError: A stored list of texts is missing or was changed.
    """
    lists = WholeTables(store)
    counts = dict.fromkeys(("withdrawn", "erased", "not_admitted", "not_drawn", "added"), 0)
    for item in made.inputs:
        version, hashes = item.standing.version, item.standing.hashes
        held = was.rows[version.id]
        if held is None:
            return None
        before, now = _mask(held, len(hashes)), _mask(item.rows, len(hashes))
        left = before & ~now
        stones = withdrawn.of_version(session, version)
        erased = withdrawn.any_of(hashes, [it for it in stones if it.erased], lists)
        gone = withdrawn.any_of(hashes, stones, lists) & ~erased
        for name, mask in (
            ("erased", left & erased),
            ("withdrawn", left & gone),
            ("not_admitted", left & ~erased & ~gone & ~item.admitted),
            ("not_drawn", left & ~erased & ~gone & item.admitted),
            ("added", now & ~before),
        ):
            counts[name] += int(np.count_nonzero(mask))
    return Reissued(documents=was.documents, **counts)


def _mask(rows: Rows, count: int) -> Mask:
    mask = np.zeros(count, np.bool_)
    mask[rows] = True
    return mask
