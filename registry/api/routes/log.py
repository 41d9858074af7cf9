"""The published log, as the static files that any web host could serve instead.

Its growth tells that something was recorded, so only those from whom nothing is hidden are given
it here; for everybody else the operator decides, by publishing it (`firsthand log publish`).
"""

from __future__ import annotations

import re
from pathlib import Path as Folder
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response

from registry.api.deps import CallerDep, RegistryDep
from registry.api.problems import documented
from registry.core.caller import Caller
from registry.core.note import MAX_NOTE
from registry.core.tiles import MAX_ENTRY, WIDTH
from registry.errors import NotFoundError, VerificationError
from registry.log_files import CHECKPOINT
from registry.plain_files import read_small

router = APIRouter(prefix="/v1/log", tags=["log"])

_NUMBER: Final = r"(?:x[0-9]{3}/){0,6}[0-9]{3}"
_PART: Final = r"(?:\.p/(?:[1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
TILE_PATTERN: Final = rf"^(?:entries|[0-9]|[1-5][0-9]|6[0-3])/{_NUMBER}{_PART}$"
_LARGEST: Final = WIDTH * (MAX_ENTRY + 2)
FOR_EVER: Final = "private, max-age=31536000, immutable"
"""A tile never changes. It is nobody's but the caller's: see above."""


def _answer(description: str, media_type: str, **schema: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", **schema}}}
    return {200: {"description": description, "content": content}}


@router.get(
    "/checkpoint",
    response_class=Response,
    responses=documented(304, 404) | _answer("The signed note.", "text/plain"),
)
def get_checkpoint(registry: RegistryDep, caller: CallerDep) -> Response:
    """The newest checkpoint of the log, signed, with its cosignatures (C2SP tlog-checkpoint)."""
    data = _read(registry.log, CHECKPOINT, caller, limit=MAX_NOTE)
    return Response(data, media_type="text/plain; charset=utf-8")


@router.get(
    "/tile/{path:path}",
    response_class=Response,
    responses=documented(304, 404, 422)
    | _answer("The bytes of the tile.", "application/octet-stream", format="binary"),
)
def get_tile(
    registry: RegistryDep,
    caller: CallerDep,
    path: Annotated[
        str,
        Path(
            description="Level or `entries`, and number, as C2SP tlog-tiles writes them.",
            json_schema_extra={"pattern": TILE_PATTERN},
        ),
    ],
) -> Response:
    """A tile of hashes, or a bundle of entries (C2SP tlog-tiles)."""
    if not re.fullmatch(TILE_PATTERN[1:-1], path):
        raise _nothing(f"tile/{path}")
    data = _read(registry.log, f"tile/{path}", caller, limit=_LARGEST)
    headers = {"Cache-Control": FOR_EVER}
    return Response(data, media_type="application/octet-stream", headers=headers)


def _read(log: Folder, name: str, caller: Caller, *, limit: int) -> bytes:
    if not caller.sees_all:
        raise _nothing(name)
    try:
        return read_small(log / name, name, limit=limit, missing="E_INCLUSION")
    except VerificationError as error:
        raise _nothing(name) from error


def _nothing(name: str) -> NotFoundError:
    return NotFoundError(
        f"there is no `{name}` in the log", hint="`firsthand log checkpoint` signs what there is"
    )
