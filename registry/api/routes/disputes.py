"""What is contradicted: disputes that people opened, conflicts that were found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from registry.api.caching import ByState
from registry.api.deps import CallerDep, PastSessionDep, RegistryDep
from registry.api.links import next_of
from registry.api.problems import documented
from registry.api.schemas.base import Page
from registry.api.schemas.disputes import AboutIn
from registry.api.schemas.versions import FoundConflictOut, PlacedDisputeOut
from registry.core.dataset import DatasetRef
from registry.query import pages

router = APIRouter(prefix="/v1", tags=["claims"], dependencies=[ByState])


@router.get("/disputes", responses=documented(304, 404, 422))
def list_disputes(
    request: Request,
    session: PastSessionDep,
    caller: CallerDep,
    asked: Annotated[AboutIn, Query()],
) -> Page[PlacedDisputeOut]:
    """Disputes, open and decided, by the name of what they are about."""
    ref = None if asked.ref is None else DatasetRef.parse(asked.ref)
    page = pages.all_disputes(session, ref, caller, after=asked.after, limit=asked.limit)
    return Page[PlacedDisputeOut].model_validate(next_of(request, page))


@router.get("/conflicts", responses=documented(304, 404, 409, 422))
def list_conflicts(
    request: Request,
    registry: RegistryDep,
    session: PastSessionDep,
    caller: CallerDep,
    asked: Annotated[AboutIn, Query()],
) -> Page[FoundConflictOut]:
    """Where claims contradict each other about the same texts; nobody's claim is changed by it."""
    ref = None if asked.ref is None else DatasetRef.parse(asked.ref)
    page = pages.conflicts(
        session, registry.store, ref, caller, after=asked.after, limit=asked.limit
    )
    return Page[FoundConflictOut].model_validate(next_of(request, page))
