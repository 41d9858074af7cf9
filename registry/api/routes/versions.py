"""Versions of a dataset: the list, one of them, its claims, its lineage."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request

from registry.api.caching import ByState
from registry.api.deps import (
    CallerDep,
    DatasetDep,
    PastSessionDep,
    RegistryDep,
    VersionDep,
)
from registry.api.links import next_of
from registry.api.problems import documented
from registry.api.schemas.base import Page, PastNumbersIn
from registry.api.schemas.datasets import VersionOut
from registry.api.schemas.first_seen import FirstSeenIn, FirstSeenOut
from registry.api.schemas.lookup import DuplicateOut, DuplicatesIn
from registry.api.schemas.versions import LineageOut, NumberedClaimOut, VersionRecordOut
from registry.query import catalogue, pages, show
from registry.query.first_seen.report import first_seen_record
from registry.query.texts import reading
from registry.query.whereis.duplicates import duplicates

router = APIRouter(prefix="/v1/datasets/{namespace}/{name}/versions", tags=["versions"])


@router.get("", responses=documented(304, 404, 422), dependencies=[ByState])
def list_versions(
    request: Request,
    session: PastSessionDep,
    caller: CallerDep,
    ref: DatasetDep,
    asked: Annotated[PastNumbersIn, Query()],
) -> Page[VersionOut]:
    """The versions of a dataset, oldest first."""
    page = pages.versions(session, ref, caller, after=asked.after, limit=asked.limit)
    return Page[VersionOut].model_validate(next_of(request, page))


@router.get("/{number}", responses=documented(304, 404, 409, 422), dependencies=[ByState])
def get_version(
    registry: RegistryDep, session: PastSessionDep, caller: CallerDep, ref: VersionDep
) -> VersionRecordOut:
    """Everything about a version, and what it adds up to under all live claims."""
    with tempfile.TemporaryDirectory() as scratch:
        again = reading(registry.database, registry.store, Path(scratch) / "again")
        record = show.version_record(session, registry.store, ref, caller, again=again)
    return VersionRecordOut.model_validate(record)


@router.get("/{number}/claims", responses=documented(304, 404, 422), dependencies=[ByState])
def list_claims(
    request: Request,
    session: PastSessionDep,
    caller: CallerDep,
    ref: VersionDep,
    asked: Annotated[PastNumbersIn, Query()],
) -> Page[NumberedClaimOut]:
    """The claims about a version, oldest first, those that a dispute has ended too."""
    page = pages.claims(session, ref, caller, after=asked.after, limit=asked.limit)
    return Page[NumberedClaimOut].model_validate(next_of(request, page))


@router.get("/{number}/lineage", responses=documented(304, 404, 422), dependencies=[ByState])
def get_lineage(session: PastSessionDep, caller: CallerDep, ref: VersionDep) -> LineageOut:
    """What a version came from, and what came from it."""
    version = catalogue.version(session, ref, caller)
    return LineageOut.model_validate(show.lineage_record(session, version, caller))


# The index is not in the log, but what it finds by content is: equal bytes are found without fail.
@router.get("/{number}/first-seen", responses=documented(304, 404, 409, 422))
def get_first_seen(
    registry: RegistryDep,
    caller: CallerDep,
    ref: VersionDep,
    asked: Annotated[FirstSeenIn, Query()],
) -> FirstSeenOut:
    """Since when the documents of a version are known to exist, by the same bytes anywhere."""
    with registry.look(caller) as looking:
        version = catalogue.version(looking.session, ref, caller)
        record, _ = first_seen_record(looking, version, before=asked.before)
    return FirstSeenOut.model_validate(record)


# The log's size does not name these answers: the index is not in the log.
@router.get("/{number}/duplicates", responses=documented(304, 404, 409, 422))
def list_duplicates(
    request: Request,
    registry: RegistryDep,
    caller: CallerDep,
    ref: VersionDep,
    asked: Annotated[DuplicatesIn, Query()],
) -> Page[DuplicateOut]:
    """The documents of a version that have equal or near ones anywhere, in reading order.

    A page goes through a bounded number of documents: it may be short or empty, and `next` leads
    on until it is null.
    """
    with registry.look(caller) as looking:
        page = duplicates(
            looking,
            catalogue.version(looking.session, ref, caller),
            after=asked.after,
            limit=asked.limit,
            min_similarity=asked.min_similarity,
        )
    return Page[DuplicateOut].model_validate(next_of(request, page))
