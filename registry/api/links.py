"""The links from one page of a list to the next."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import Request

from registry.query.page import Page


def next_of(request: Request, page: Page) -> dict[str, Any]:
    """Return a page as it is answered: the items, and the path of the next ones or None."""
    if page.last is None:
        return {"items": page.items, "next": None}
    asked = {**request.query_params, "after": page.last}
    return {"items": page.items, "next": f"{request.scope['path']}?{urlencode(asked)}"}
