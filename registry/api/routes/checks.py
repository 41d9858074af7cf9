"""Compare texts with registered documents, registering nothing."""

from __future__ import annotations

from fastapi import APIRouter, Response

from registry import check
from registry.api.deps import CallerDep, RegistryDep
from registry.api.problems import documented
from registry.api.schemas.checks import CheckIn, CheckOut

router = APIRouter(prefix="/v1/checks", tags=["documents"])
MOST_REREAD = 64 << 20
"""Of versions with more bytes than this, texts are not read again while somebody waits."""


@router.post("", responses=documented(400, 404, 409, 413, 422))
def check_texts(
    registry: RegistryDep, caller: CallerDep, asked: CheckIn, response: Response
) -> CheckOut:
    """Whether texts hold what must not be in new data, or what is registered already."""
    wanted = check.Wanted(
        fail_on=asked.fail_on,
        allow_incomplete=asked.allow_incomplete,
        min_similarity=asked.min_similarity,
        run=asked.min_run,
        limit=asked.limit,
        threads=1,
    )
    with registry.look(caller) as looking:
        against = check.selected(
            registry.database, looking, asked.against, caller, most_reread=MOST_REREAD
        )
        report = check.check(check.from_texts(asked.texts), [against], wanted)
    response.headers["Cache-Control"] = "no-store"
    return CheckOut.model_validate(report.record())
