"""Whether the server and its database answer."""

from __future__ import annotations

from fastapi import APIRouter, Response

from registry import __version__
from registry.api.deps import CallerDep, RegistryDep
from registry.api.problems import documented
from registry.api.schemas.base import HealthOut
from registry.db.session import HEAD
from registry.errors import ConflictError, UnavailableError

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=documented())
def get_health(registry: RegistryDep, _caller: CallerDep, response: Response) -> HealthOut:
    """Whether the database answers and has the schema that this version works with."""
    try:
        registry.database.check_revision()
    except ConflictError as error:
        raise UnavailableError(error.message, hint=error.hint) from error
    response.headers["Cache-Control"] = "no-store"
    return HealthOut(status="ok", version=__version__, revision=HEAD)
