"""Which claims count: those that no resolution of a dispute has ended."""

from __future__ import annotations

import sqlalchemy as sa

from registry.db.models import Claim, EndedClaim


def live() -> sa.ColumnElement[bool]:
    """Return the condition on `Claim` that it is live; whatever counts texts asks with it."""
    ended = sa.select(EndedClaim.id).where(EndedClaim.claim_id == Claim.id)
    return ~ended.correlate(Claim).exists()
