"""What is wrong with a document that people write: the place, and the nearest key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from registry.errors import InvalidInputError

Keys = Callable[[tuple[int | str, ...]], Sequence[str]]
"""Gives the keys that a document may have at a place."""


def explained(
    error: ValidationError, name: str, *, what: str, page: str, keys: Keys
) -> InvalidInputError:
    """Return the error for a document that does not fit its model; unknown keys come first.

    Args:
        error: What pydantic found.
        name: The file.
        what: What it should be, such as `a recipe`.
        page: The page that lists its keys.
        keys: What may stand where.
    """
    details = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    first = details[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = keys(first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        return InvalidInputError(
            f"`{name}` has the unknown key `{place}`{more}",
            hint=f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}",
        )
    message = str(first["msg"]).removeprefix("Value error, ")
    where = f" at `{place}`" if place else ""
    if first["type"] == "missing":
        message = "this key is missing"
    return InvalidInputError(
        f"`{name}` is not {what} we can follow{where}: {message[0].lower()}{message[1:]}{more}",
        hint=f"{page} lists every key",
    )
