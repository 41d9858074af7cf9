"""Look texts up: where they come from."""

from __future__ import annotations

from fastapi import APIRouter, Response

from registry.api.deps import CallerDep, RegistryDep
from registry.api.problems import documented
from registry.api.schemas.lookup import LookupIn, LookupOut
from registry.query.whereis.answer import answer_record, searched_record
from registry.query.whereis.question import Question
from registry.query.whereis.search import search

router = APIRouter(prefix="/v1/lookup", tags=["documents"])


@router.post("", responses=documented(400, 409, 413, 422))
def lookup(
    registry: RegistryDep, caller: CallerDep, asked: LookupIn, response: Response
) -> LookupOut:
    """Where texts come from: equal and near documents, shared passages, and who claims what."""
    questions = [Question.of_text(text.encode("utf-8")) for text in asked.texts]
    questions += [Question.of_hash(digest) for digest in asked.hashes]
    with registry.look(caller) as looking:
        answers, searched = search(
            looking,
            questions,
            min_similarity=asked.min_similarity,
            limit=asked.limit,
            thorough=asked.thorough,
        )
    response.headers["Cache-Control"] = "no-store"
    return LookupOut.model_validate(
        {
            "answers": [answer_record(answer, searched) for answer in answers],
            "searched": searched_record(searched),
        }
    )
