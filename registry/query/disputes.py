"""Disputes and the numbers of claims, as people see them: ended claims are among them.

Claims about a version are numbered from 1 in the order in which they were made, and keep their
numbers; so are its disputes. A dispute also has a number in the whole registry, which tells how
many there are that somebody may not see: it is for the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from registry.core.caller import OPERATOR, Caller
from registry.core.evidence import iso_time, to_micros
from registry.db.models import Claim, DatasetVersion, Dispute, DisputeResolution, EndedClaim
from registry.query import catalogue
from registry.query.visible import visible_version


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended a claim.

    Attributes:
        dispute_number: The number of the dispute within the version.
        resolution: The decision.
    """

    dispute_number: int
    resolution: DisputeResolution

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {"dispute": self.dispute_number, **_resolution_record(self.resolution)}


@dataclass(frozen=True, slots=True)
class Numbered:
    """A claim with its number within its version, and what ended it, if anything did."""

    number: int
    claim: Claim
    ended: Ended | None


def numbered(session: Session, version: DatasetVersion) -> list[Numbered]:
    """Return all claims about a version, oldest first, those that have ended too."""
    claims = session.scalars(
        sa.select(Claim)
        .where(Claim.version_id == version.id)
        .order_by(Claim.id)
        .options(selectinload(Claim.location))
    ).all()
    numbers = {it.id: at for at, it in enumerate(of_version(session, version), 1)}
    ended = {
        it.claim_id: Ended(numbers[it.resolution.dispute_id], it.resolution)
        for it in session.scalars(
            sa.select(EndedClaim)
            .join(Claim, Claim.id == EndedClaim.claim_id)
            .where(Claim.version_id == version.id)
        )
    }
    return [Numbered(at, it, ended.get(it.id)) for at, it in enumerate(claims, 1)]


def of_version(session: Session, version: DatasetVersion) -> Sequence[Dispute]:
    """Return the disputes about a version, oldest first."""
    return session.scalars(
        sa.select(Dispute).where(Dispute.version_id == version.id).order_by(Dispute.id)
    ).all()


def open_claims(session: Session, version: DatasetVersion) -> set[int]:
    """Return the ids of the claims that disputes brought which nobody has decided."""
    decided = sa.select(DisputeResolution.dispute_id)
    return set(
        session.scalars(
            sa.select(Dispute.claim_id).where(
                Dispute.version_id == version.id, Dispute.id.not_in(decided)
            )
        )
    )


def version_records(
    session: Session, version: DatasetVersion, caller: Caller = OPERATOR
) -> list[dict[str, Any]]:
    """Return the disputes about a version as documents, oldest first."""
    found = of_version(session, version)
    if not found:
        return []
    claims = {it.claim.id: it for it in numbered(session, version)}
    decided = {
        it.dispute_id: it
        for it in session.scalars(
            sa.select(DisputeResolution)
            .join(Dispute, Dispute.id == DisputeResolution.dispute_id)
            .where(Dispute.version_id == version.id)
        )
    }
    ended: dict[int, list[int]] = {}
    for claim in claims.values():
        if claim.ended is not None:
            ended.setdefault(claim.ended.resolution.dispute_id, []).append(claim.number)
    ref = catalogue.ref_of(version)
    return [
        {
            "dataset": str(ref.dataset),
            "version": version.number,
            "number": at,
            "id": it.id if caller.sees_all else None,
            "state": "open" if it.id not in decided else str(decided[it.id].outcome),
            "property": str(it.claim.property),
            "challenged": None if it.challenged_id is None else claims[it.challenged_id].number,
            "claim": claims[it.claim_id].number,
            "value": it.claim.value,
            "texts": None if it.claim.selection is None else it.claim.selection.texts,
            "field": it.field,
            "evidence": it.claim.value.get("evidence"),
            "reason": it.reason,
            "opened_by": it.opened_by,
            "opened_at": iso_time(to_micros(it.opened_at)),
            "resolution": None
            if it.id not in decided
            else _resolution_record(decided[it.id]) | {"ended": ended.get(it.id, [])},
        }
        for at, it in enumerate(found, 1)
    ]


def all_records(session: Session, caller: Caller = OPERATOR) -> list[dict[str, Any]]:
    """Return the disputes about all versions that the caller may see, by name and number."""
    versions = session.scalars(
        sa.select(DatasetVersion).where(
            DatasetVersion.id.in_(sa.select(Dispute.version_id)),
            visible_version(caller, DatasetVersion.id),
        )
    ).all()
    ordered = sorted(versions, key=lambda it: (str(catalogue.ref_of(it).dataset), it.number))
    return [record for it in ordered for record in version_records(session, it, caller)]


def _resolution_record(made: DisputeResolution) -> dict[str, Any]:
    return {
        "outcome": str(made.outcome),
        "role": made.role,
        "reason": made.reason,
        "resolved_by": made.resolved_by,
        "resolved_at": iso_time(to_micros(made.resolved_at)),
    }
