"""A page of a long list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list.

    Attributes:
        items: The records, in the order of the list.
        last: The key of the last of them when there are more, to go on from; else None.
    """

    items: list[dict[str, Any]]
    last: str | None
