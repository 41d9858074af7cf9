"""Requests have a body of bounded size, which is known before anything reads it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.api import problems

MOST_BYTES: Final = 16 << 20
"""How large the body of a request may be."""


class Bounded:
    """Middleware that refuses bodies that are too large, as they come or by what they say.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        body = bytearray()
        more = True
        while more and not (said.isdecimal() and int(said) > MOST_BYTES):
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BYTES:
                break
        else:
            if not more:
                await self.app(scope, _replay(bytes(body), receive), send)
                return
        answer = problems.answer(
            Request(scope),
            problems.TOO_LARGE,
            f"the request has more than {MOST_BYTES >> 20} MiB",
            hint="ask about fewer or shorter texts at once",
            headers={"Connection": "close"},
        )
        await answer(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body once, and then what comes after it."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
