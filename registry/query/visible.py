"""What a caller may see, as conditions that every query of the catalogue carries.

Only the dataset's own visibility counts. A snapshot names its inputs, in its certificate too, and
evaluation sets that documents were left out for, so it is visible to those who may see all of them.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from registry.core.caller import Caller
from registry.db.models import (
    Dataset,
    DatasetVersion,
    MixtureExclusion,
    MixtureInput,
    Snapshot,
)

Condition = sa.ColumnElement[bool]


def visible(caller: Caller) -> Condition:
    """Return the condition on `Dataset` that the caller may see it."""
    return sa.true() if caller.sees_all else Dataset.visibility.in_(sorted(caller.sees))


def visible_version(caller: Caller, version_id: InstrumentedAttribute[int]) -> Condition:
    """Return the condition that a column names a version the caller may see."""
    if caller.sees_all:
        return sa.true()
    return version_id.in_(
        sa.select(DatasetVersion.id)
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .where(visible(caller))
        # Not the rows of the query around it.
        .correlate(None)
    )


def visible_snapshot(caller: Caller) -> Condition:
    """Return the condition on `Snapshot` that the caller may see all versions that it names."""
    if caller.sees_all:
        return sa.true()
    named = (
        sa.select(part.id)
        .where(
            part.mixture_id == Snapshot.mixture_id,
            ~visible_version(caller, part.version_id),
        )
        .correlate(Snapshot)
        .exists()
        for part in (MixtureInput, MixtureExclusion)
    )
    return sa.and_(*(~one for one in named))


def visible_ids(session: Session, caller: Caller) -> set[int]:
    """Return the ids of the versions that a caller may see."""
    return set(
        session.scalars(
            sa.select(DatasetVersion.id).where(visible_version(caller, DatasetVersion.id))
        )
    )
