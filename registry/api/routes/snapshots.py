"""Snapshots: the list, one of them, its certificate."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from registry.api.caching import ByState
from registry.api.deps import CallerDep, SessionDep, SnapshotRoot
from registry.api.links import next_of
from registry.api.problems import documented
from registry.api.schemas.base import Page
from registry.api.schemas.snapshots import SnapshotOut, SnapshotsIn
from registry.query import pages
from registry.query.certificates import certificate

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

_ENVELOPE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The signed envelope, byte by byte as it was written.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.get("", responses=documented(304, 404, 422), dependencies=[ByState])
def list_snapshots(
    request: Request,
    session: SessionDep,
    caller: CallerDep,
    asked: Annotated[SnapshotsIn, Query()],
) -> Page[SnapshotOut]:
    """Exported snapshots, oldest first."""
    page = pages.snapshots(session, caller, after=asked.after, limit=asked.limit)
    return Page[SnapshotOut].model_validate(next_of(request, page))


@router.get("/{snapshot_root}", responses=documented(304, 404, 422), dependencies=[ByState])
def get_snapshot(
    session: SessionDep, caller: CallerDep, snapshot_root: SnapshotRoot
) -> SnapshotOut:
    """A snapshot; of several exports of it, the newest."""
    return SnapshotOut.model_validate(pages.snapshot(session, snapshot_root, caller))


@router.get(
    "/{snapshot_root}/certificate",
    response_class=Response,
    responses=documented(304, 404, 422) | _ENVELOPE,
)
def get_certificate(
    session: SessionDep, caller: CallerDep, snapshot_root: SnapshotRoot
) -> Response:
    """The certificate of a snapshot: the exact bytes, to verify offline."""
    digest, data = certificate(session, snapshot_root, caller)
    return Response(data, media_type="application/json", headers={"ETag": f'"{digest}"'})
