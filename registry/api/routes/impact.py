"""What versions, texts and disputes touched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from registry.api.deps import CallerDep, RegistryDep
from registry.api.problems import documented
from registry.api.schemas.impact import ImpactIn, ImpactOut
from registry.core.dataset import DatasetRef
from registry.query.impact import by_dispute, by_hash, by_ref, impact
from registry.query.impact.report import to_json

router = APIRouter(prefix="/v1/impact", tags=["snapshots"])


@router.get("", responses=documented(304, 404, 409, 422))
def get_impact(
    registry: RegistryDep, caller: CallerDep, asked: Annotated[ImpactIn, Query()]
) -> ImpactOut:
    """What a version, a text or a dispute touched, and whether each promise still holds."""
    store = registry.store
    with registry.look(caller) as looking:
        session = looking.session
        if asked.hash is not None:
            subject = by_hash(looking, asked.hash)
        elif asked.dispute is not None:
            subject = by_dispute(session, store, asked.dispute, caller=caller)
        else:
            subject = by_ref(session, DatasetRef.parse(asked.ref or ""), caller=caller)
        made = impact(session, store, subject, caller=caller, after=asked.after, limit=asked.limit)
        return ImpactOut.model_validate(to_json(made))
