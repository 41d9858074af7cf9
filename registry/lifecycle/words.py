"""Texts that people write for people: reasons, notes, roles."""

from __future__ import annotations

from registry.errors import InvalidInputError


def readable(text: str) -> bool:
    """Return whether a text has no control characters but newlines and tabs."""
    return all(c.isprintable() or c in "\n\t" for c in text)


def check_reason(text: str, *, of: str) -> None:
    """Refuse a reason that says nothing.

    Args:
        text: The reason.
        of: What needs one, such as `a correction`.

    Raises:
        InvalidInputError: It is blank, or has control characters.
    """
    if not text.strip() or not readable(text):
        raise InvalidInputError(
            f"{of} needs a reason that people can read", hint="say why with `--reason`"
        )
