"""Versions of a dataset: the list, one of them, its claims, its lineage."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from registry.api.caching import ByState
from registry.api.deps import CallerDep, DatasetDep, RegistryDep, SessionDep, VersionDep
from registry.api.links import next_of
from registry.api.problems import documented
from registry.api.schemas import (
    LineageOut,
    NumberedClaimOut,
    NumbersIn,
    Page,
    VersionOut,
    VersionRecordOut,
)
from registry.query import catalogue, pages, show

router = APIRouter(
    prefix="/v1/datasets/{namespace}/{name}/versions", tags=["versions"], dependencies=[ByState]
)


@router.get("", responses=documented(304, 404, 422))
def list_versions(
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    ref: DatasetDep,
    asked: Annotated[NumbersIn, Query()],
) -> Page[VersionOut]:
    """The versions of a dataset, oldest first."""
    page = pages.versions(session, ref, caller, after=asked.after, limit=asked.limit)
    return Page[VersionOut].model_validate(next_of(request, page))


@router.get("/{number}", responses=documented(304, 404, 409, 422))
def get_version(
    registry: RegistryDep, session: SessionDep, caller: CallerDep, ref: VersionDep
) -> VersionRecordOut:
    """Everything about a version, and what it adds up to under all live claims."""
    record = show.version_record(session, registry.store, ref, caller)
    return VersionRecordOut.model_validate(record)


@router.get("/{number}/claims", responses=documented(304, 404, 422))
def list_claims(
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    ref: VersionDep,
    asked: Annotated[NumbersIn, Query()],
) -> Page[NumberedClaimOut]:
    """The live claims about a version, oldest first."""
    page = pages.claims(session, ref, caller, after=asked.after, limit=asked.limit)
    return Page[NumberedClaimOut].model_validate(next_of(request, page))


@router.get("/{number}/lineage", responses=documented(304, 404, 422))
def get_lineage(session: SessionDep, caller: CallerDep, ref: VersionDep) -> LineageOut:
    """What a version came from, and what came from it."""
    version = catalogue.version(session, ref, caller)
    return LineageOut.model_validate(show.lineage_record(session, version, caller))
