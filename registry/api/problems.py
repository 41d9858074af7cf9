"""Errors as `application/problem+json` (RFC 9457): one table from our exceptions to statuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from registry.errors import (
    ConflictError,
    GuaranteeError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    RegistryError,
    UnavailableError,
    VerificationError,
)

MEDIA_TYPE: Final = "application/problem+json"
BASE: Final = "https://firsthand.dev/problems/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of problem: the end of its URI, its title, its status."""

    name: str
    title: str
    status: int

    @property
    def type(self) -> str:
        """Return the URI that names it."""
        return BASE + self.name


KINDS: Final[dict[type[RegistryError], Kind]] = {
    InvalidInputError: Kind("invalid-input", "What was sent cannot be accepted", 422),
    NotAllowedError: Kind("not-allowed", "The caller may not do this", 403),
    NotFoundError: Kind("not-found", "Nothing is recorded under that name", 404),
    ConflictError: Kind("conflict", "It contradicts what is recorded", 409),
    GuaranteeError: Kind("guarantee", "What was asked for cannot be kept", 409),
    VerificationError: Kind("verification", "A signature, digest or proof does not hold", 422),
    UnavailableError: Kind("unavailable", "A store or service did not answer", 503),
}
METHOD: Final = Kind("method-not-allowed", "This path has no such method", 405)
REQUEST: Final = Kind("bad-request", "The request cannot be read", 400)
TOO_LARGE: Final = Kind("too-large", "The request is too large", 413)
UNEXPECTED: Final = Kind("unexpected", "The server made a mistake", 500)
ALL: Final = (*KINDS.values(), METHOD, REQUEST, TOO_LARGE, UNEXPECTED)


class FieldProblem(BaseModel):
    """What is wrong with one part of a request."""

    field: str = Field(description="Where it stands, as in `query.limit`.")
    problem: str


class Problem(BaseModel):
    """An error, as RFC 9457 shapes it."""

    type: str = Field(description="Names the type of problem.", json_schema_extra={"format": "uri"})
    title: str
    status: int
    detail: str = Field(description="What was found and what was expected.")
    instance: str = Field(description="The path that was asked for.")
    hint: str | None = Field(None, description="What to do next.")
    code: str | None = Field(None, description="The reason code of a verification.")
    errors: list[FieldProblem] | None = Field(None, description="Each part that is wrong.")


def install(app: FastAPI) -> None:
    """Answer every error of an application with a problem."""
    app.add_exception_handler(RegistryError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers when it fails, for its `responses`.

    Args:
        statuses: Those of its own; a wrong method, a caller who is refused, a store that does not
            answer and our own mistakes are added.
    """
    body = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase}
        | ({} if status == HTTPStatus.NOT_MODIFIED else {"content": body})
        for status in sorted({*statuses, 403, 405, 500, 503})
    }


def kind_of(error: RegistryError) -> Kind:
    """Return the type of problem that an error is."""
    return next(KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)


def answer(
    request: Request,
    kind: Kind,
    detail: str,
    *,
    hint: str | None = None,
    code: str | None = None,
    errors: Sequence[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return a problem as a response."""
    problem = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=quote(request.scope["path"], safe="/:@!$&'()*+,;=~"),
        hint=hint,
        code=code,
        errors=list(errors) if errors is not None else None,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        kind.status,
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | (headers or {}),
        MEDIA_TYPE,
    )


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RegistryError)  # noqa: S101 - what the handler is installed for
    code = error.code if isinstance(error, VerificationError) else None
    return answer(request, kind_of(error), error.message, hint=error.hint, code=code)


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"]),
            problem=item["msg"].removeprefix("Value error, "),
        )
        for item in error.errors()
    ]
    first = errors[0]
    return answer(
        request,
        KINDS[InvalidInputError],
        f"`{first.field}` is not accepted: {first.problem[:1].lower()}{first.problem[1:]}",
        hint="`/openapi.json` describes every parameter",
        errors=errors,
    )


def _http(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: unknown paths, wrong methods, broken requests."""
    assert isinstance(error, HTTPException)  # noqa: S101
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(
            request,
            KINDS[NotFoundError],
            "nothing is at this path",
            hint="`/openapi.json` describes every path; `/v1/datasets` is one",
        )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"`{request.method[:20]}` is not a method of this path"
        allowed = next((value for name, value in headers.items() if name.lower() == "allow"), "GET")
        hint = f"use {allowed}"
        return answer(request, METHOD, detail, hint=hint, headers=headers)
    kind = Kind(REQUEST.name, REQUEST.title, error.status_code)
    return answer(request, kind, str(error.detail), headers=headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return answer(
        request,
        UNEXPECTED,
        f"unexpected {type(error).__name__}",
        hint="this is our mistake: please report it, with what the server printed",
    )
