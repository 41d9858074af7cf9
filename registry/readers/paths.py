"""Paths to fields, as the options write them: `a.b`, `messages[-1].content`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_INDEXED: Final = re.compile(r"(.+)\[(-?[0-9]{1,9})\]", re.DOTALL)


def index_of(step: str) -> tuple[str, int] | None:
    """Return what comes before the last index of a step, and that index; or None without one."""
    found = _INDEXED.fullmatch(step)
    return (found[1], int(found[2])) if found else None


def leading_steps(path: str) -> Iterator[tuple[str, str]]:
    """Give each way to take a first step: what may be its name, and the rest of the path."""
    end = path.find(".")
    while end != -1:
        yield path[:end], path[end + 1 :]
        end = path.find(".", end + 1)
