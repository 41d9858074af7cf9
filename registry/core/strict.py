"""Take JSON objects apart key by key and refuse what does not belong."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

from registry.core.digest import MAX_INT, is_sha256_hex
from registry.errors import VerificationError

_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{6})?Z", re.ASCII)


class ObjectReader:
    """Takes a JSON object apart key by key and refuses what does not belong.

    Every error carries the same reason code, that of the document being read.
    """

    def __init__(self, value: Any, what: str, code: str, keys: set[str]) -> None:
        self._what, self._code = what, code
        if not isinstance(value, dict):
            raise self.bad("is not an object")
        if set(value) != keys:
            odd = sorted(set(value) ^ keys)
            raise self.bad(f"has missing or unknown keys: {', '.join(odd)[:200]}")
        self._value = value

    def bad(self, message: str) -> VerificationError:
        """Return the error that says what is wrong."""
        return VerificationError(f"{self._what} {message}", code=self._code)

    def take(self, key: str) -> Any:
        """Return any value."""
        return self._value[key]

    def text(self, key: str) -> str:
        """Return a text."""
        value = self._value[key]
        if not isinstance(value, str):
            raise self.bad(f"has no text in `{key}`")
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a text or None."""
        return None if self._value[key] is None else self.text(key)

    def time(self, key: str) -> str:
        """Return an RFC 3339 time in UTC, as text: `2026-11-21T09:30:00Z`."""
        text = self.text(key)
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            dt.datetime.fromisoformat(text)
        except ValueError as error:
            raise self.bad(f"has no time in UTC in `{key}`") from error
        return text

    def constant(self, key: str, expected: str, code: str) -> None:
        """Refuse any value but one."""
        if self._value[key] != expected:
            raise VerificationError(
                f"{self._what} says `{str(self._value[key])[:80]}` for `{key}`, "
                f"expected `{expected}`",
                code=code,
            )

    def digest(self, key: str) -> str:
        """Return a SHA-256 in hexadecimal."""
        value = self._value[key]
        if not is_sha256_hex(value):
            raise self.bad(f"has no SHA-256 in `{key}`")
        return str(value)

    def count(self, key: str) -> int:
        """Return an integer from 0 that JSON keeps exactly."""
        value = self._value[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INT:
            raise self.bad(f"has no count in `{key}`")
        return value

    def items(self, key: str) -> list[Any]:
        """Return a list."""
        value = self._value[key]
        if not isinstance(value, list):
            raise self.bad(f"has no list in `{key}`")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            raise self.bad(f"has something other than texts in `{key}`")
        return tuple(items)

    def mapping(self, key: str) -> dict[str, Any]:
        """Return an object."""
        value = self._value[key]
        if not isinstance(value, dict):
            raise self.bad(f"has no object in `{key}`")
        return value
