"""Datasets: the list, one of them, what happened to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from registry.api.caching import ByState
from registry.api.deps import CallerDep, DatasetDep, PastSessionDep
from registry.api.links import next_of
from registry.api.problems import documented
from registry.api.schemas.base import Page, PastNumbersIn
from registry.api.schemas.datasets import DatasetOut, DatasetsIn
from registry.api.schemas.history import AnyEventOut
from registry.query import pages

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], dependencies=[ByState])


@router.get("", responses=documented(304, 422))
def list_datasets(
    request: Request,
    session: PastSessionDep,
    caller: CallerDep,
    asked: Annotated[DatasetsIn, Query()],
) -> Page[DatasetOut]:
    """Datasets by name, each with its latest version."""
    wanted = pages.Wanted(asked.q, asked.namespace, asked.visibility, asked.origin, asked.license)
    page = pages.datasets(session, caller, wanted, after=asked.start, limit=asked.limit)
    return Page[DatasetOut].model_validate(next_of(request, page))


@router.get("/{namespace}/{name}", responses=documented(304, 404, 422))
def get_dataset(session: PastSessionDep, caller: CallerDep, ref: DatasetDep) -> DatasetOut:
    """A dataset with its latest version."""
    return DatasetOut.model_validate(pages.dataset(session, ref, caller))


@router.get("/{namespace}/{name}/history", responses=documented(304, 404, 422))
def get_history(
    request: Request,
    session: PastSessionDep,
    caller: CallerDep,
    ref: DatasetDep,
    asked: Annotated[PastNumbersIn, Query()],
) -> Page[AnyEventOut]:
    """What happened to a dataset, oldest first."""
    page = pages.history(session, ref, caller, after=asked.after, limit=asked.limit)
    return Page[AnyEventOut].model_validate(next_of(request, page))
