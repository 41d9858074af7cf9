"""Strong ETags and conditional requests, for every answer.

An answer is named by its content. For a caller from whom nothing is hidden the state of the
catalogue names it before it is computed, and a match saves the work. Others get no such name:
when it changes, something was recorded, and that may be what they must not notice.
"""

from __future__ import annotations

import hashlib
from typing import Final

from fastapi import Depends, Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry import __version__
from registry.api.deps import CallerDep, SessionDep
from registry.query import catalogue

REVALIDATE: Final = "private, no-cache"
"""May be stored by whoever asked, and must be asked about before it is used again."""


class NotModifiedError(Exception):
    """The caller has this answer already.

    Args:
        etag: What it is called.
    """

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


def not_modified(_request: Request, error: Exception) -> Response:
    """Answer 304."""
    assert isinstance(error, NotModifiedError)  # noqa: S101 - what the handler is installed for
    return Response(status_code=304, headers={"ETag": error.etag, "Cache-Control": REVALIDATE})


def by_state(request: Request, response: Response, session: SessionDep, caller: CallerDep) -> None:
    """Name the answer by the state of the catalogue, if the caller may see all of it.

    Raises:
        NotModifiedError: The caller has the answer.
    """
    if not caller.sees_all:
        return
    asked = f"{request.scope['path']}?{request.url.query}"
    etag = tag(f"{__version__}\n{catalogue.state(session)}\n{asked}".encode())
    if etag in _tags(request.headers):
        raise NotModifiedError(etag)
    response.headers["ETag"] = etag


ByState = Depends(by_state)


def tag(data: bytes) -> str:
    """Return the strong ETag of an answer that these bytes determine."""
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def _tags(headers: Headers) -> set[str]:
    """Return the tags of `If-None-Match`, which are compared weakly (RFC 9110, 13.1.2)."""
    return {part.strip().removeprefix("W/") for part in headers.get("if-none-match", "").split(",")}


class Conditional:
    """Middleware that names answers, compares names, and answers HEAD like GET without a body.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given, head = Headers(scope=scope), scope["method"] == "HEAD"
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                body = _finish(start, b"".join(parts), given)
                await send(start)
                await send({"type": "http.response.body", "body": b"" if head else body})

        await self.app({**scope, "method": "GET"} if head else scope, receive, collect)


def _finish(start: Message, body: bytes, given: Headers) -> bytes:
    """Complete the head of an answer and return the body that goes with it."""
    headers = MutableHeaders(scope=start)
    headers["X-Content-Type-Options"] = "nosniff"
    if start["status"] != 200:
        return body
    headers.setdefault("Cache-Control", REVALIDATE)
    if headers["Cache-Control"] == "no-store":
        return body
    headers.setdefault("ETag", tag(body))
    if not _tags(given) & {headers["ETag"], "*"}:
        return body
    start["status"] = 304
    for name in ("content-length", "content-type"):
        del headers[name]
    return b""
