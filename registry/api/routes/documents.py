"""Documents by their content hash."""

from __future__ import annotations

from fastapi import APIRouter

from registry.api.deps import CallerDep, ContentHash, RegistryDep
from registry.api.problems import documented
from registry.api.schemas.lookup import TextOut
from registry.query.whereis.answer import text_record
from registry.query.whereis.search import known_text

router = APIRouter(prefix="/v1/documents", tags=["documents"])


@router.get("/{content_hash}", responses=documented(304, 404, 409, 422))
def get_document(registry: RegistryDep, caller: CallerDep, content_hash: ContentHash) -> TextOut:
    """What is known of a text, wherever it is: origin, conflicts, dates, licenses, snapshots."""
    with registry.look(caller) as looking:
        return TextOut.model_validate(text_record(known_text(looking, content_hash)))
