"""Which documents of versions other versions have too."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from registry.api.deps import CallerDep, RegistryDep
from registry.api.problems import documented
from registry.api.schemas.overlap import MOST_DOCUMENTS, MOST_VERSIONS, MatrixIn, MatrixOut
from registry.query.matrix.table import matrix

router = APIRouter(prefix="/v1/overlap", tags=["documents"])


# The log's size does not name the answer: the index is not in the log.
@router.get("", responses=documented(304, 404, 409, 422))
def get_overlap(
    registry: RegistryDep, caller: CallerDep, asked: Annotated[MatrixIn, Query()]
) -> MatrixOut:
    """How many documents of each version have an equal or a near one in each other version."""
    with registry.look(caller) as looking:
        found = matrix(
            looking.session,
            looking.store,
            looking.index,
            asked.ref,
            caller,
            most_versions=MOST_VERSIONS,
            most_documents=MOST_DOCUMENTS,
        )
        return MatrixOut.model_validate(found.to_json())
