"""What the catalogue says about versions that were made by deduplication."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.caller import Caller
from registry.db.models import DatasetVersion, Deduplication, DeduplicationInput
from registry.query import catalogue
from registry.query.visible import visible_version


def deduplication_record(
    session: Session, version: DatasetVersion, caller: Caller
) -> dict[str, Any] | None:
    """Return how a version was made of others by deduplication, or None if it was not.

    The numbers are about all inputs together: who may not see one of them is not told any.
    """
    made = session.execute(
        sa.select(Deduplication).where(Deduplication.version_id == version.id)
    ).scalar_one_or_none()
    if made is None:
        return None
    about = sa.select(DeduplicationInput).where(DeduplicationInput.deduplication_id == made.id)
    rows = session.scalars(about.order_by(DeduplicationInput.id)).all()
    seen = session.scalars(about.where(visible_version(caller, DeduplicationInput.version_id)))
    if len(seen.all()) < len(rows):
        return None
    place = catalogue.locations(session, version)[0]
    return {
        "rule": made.rule,
        "log_size": made.log_size,
        "documents": made.documents,
        "removed": {"exact": made.exact, "near": made.near},
        "inputs": [
            {
                "dataset": str(catalogue.ref_of(row.version).dataset),
                "version": row.version.number,
                "protected": row.protected,
                "documents": row.documents,
                "exact": row.exact,
                "near": row.near,
                "budget": row.budget,
            }
            for row in rows
        ],
        "removals": {
            "name": f"documents/{place.uid}/removals.parquet",
            "sha256": made.removals_digest,
        },
    }
