"""Write the rows of a new version, for whoever makes one: its dataset, and the version itself."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.dataset import DatasetRef, Visibility
from registry.db.base import Base
from registry.db.models import Dataset, DatasetVersion, Namespace
from registry.documents import Identity, Totals


def dataset(
    session: Session,
    ref: DatasetRef,
    visibility: Visibility,
    now: dt.datetime,
    rows: list[Base],
) -> Dataset:
    """Return the dataset of a name; a new one if there is none.

    Args:
        session: A writing session.
        ref: The name.
        visibility: Who may see it, if it is new.
        now: The time.
        rows: Gets what was written.
    """
    owner = session.execute(
        sa.select(Dataset)
        .join(Dataset.namespace)
        .where(Namespace.name == ref.namespace, Dataset.name == ref.name)
    ).scalar_one_or_none()
    if owner is not None:
        return owner
    team = session.execute(
        sa.select(Namespace).where(Namespace.name == ref.namespace)
    ).scalar_one_or_none()
    if team is None:
        team = Namespace(name=ref.namespace, visibility=visibility, created_at=now)
        session.add(team)
        rows.append(team)
    session.flush()
    owner = Dataset(namespace_id=team.id, name=ref.name, visibility=visibility, created_at=now)
    owner.namespace = team
    session.add(owner)
    session.flush()
    rows.append(owner)
    return owner


def version(
    session: Session,
    owner: Dataset,
    identity: Identity,
    totals: Totals,
    now: dt.datetime,
    rows: list[Base],
) -> DatasetVersion:
    """Add the next version of a dataset.

    Args:
        session: A writing session.
        owner: The dataset.
        identity: What makes its content this one.
        totals: What its documents add up to.
        now: The time.
        rows: Gets what was written.
    """
    last = session.execute(
        sa.select(sa.func.max(DatasetVersion.number)).where(DatasetVersion.dataset_id == owner.id)
    ).scalar_one()
    made = DatasetVersion(
        dataset_id=owner.id,
        number=(last or 0) + 1,
        content_root=identity.content_root,
        documents=totals.documents,
        distinct=identity.distinct,
        empty=totals.empty,
        bytes=totals.bytes,
        words=totals.words,
        registered_at=now,
    )
    made.dataset = owner
    session.add(made)
    session.flush()
    rows.append(made)
    return made


def with_content(session: Session, owner: Dataset, content_root: str) -> DatasetVersion | None:
    """Return the version of a dataset that has a content, or None."""
    return session.execute(
        sa.select(DatasetVersion).where(
            DatasetVersion.dataset_id == owner.id, DatasetVersion.content_root == content_root
        )
    ).scalar_one_or_none()
