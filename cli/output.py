"""Print: data to stdout, messages to stderr, on any terminal and none.

What others wrote (names, file names, messages about their files) passes through `clean`, so that
no control character reaches the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, TypeVar

import click

from registry.plain_words import (
    block,
    clean,
    count,
    percent,
    plural,
    probability,
    share,
    size,
)

__all__ = [
    "block",
    "clean",
    "count",
    "emit",
    "json_option",
    "not_valid",
    "percent",
    "plural",
    "probability",
    "progress",
    "report",
    "say",
    "share",
    "size",
    "tell",
    "wants_json",
]

_F = TypeVar("_F", bound=Callable[..., Any])

# What to write where the terminal does not have the character.
_PLAIN: Final = str.maketrans(
    {"…": "...", "·": "-", "≥": ">=", "≤": "<=", "→": "->", "–": "-", "×": "x", "−": "-"}
)


def json_option(command: _F) -> _F:
    """Add `--json` to a command, as the argument `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        envvar="FIRSTHAND_JSON",
        help="Print one JSON document instead of text.",
    )(command)


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether `--json` was asked for, also where the arguments do not parse."""
    asked = os.environ.get("FIRSTHAND_JSON", "").lower() in ("1", "true", "t", "yes", "y", "on")
    return asked or "--json" in arguments


def emit(document: Any) -> None:
    """Print one JSON document to stdout."""
    import json

    text = json.dumps(document, indent=2, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        # JSON lets some control characters stand as they are; a terminal would obey them.
        text = "".join(
            it if it.isprintable() or it == "\n" else json.dumps(it)[1:-1] for it in text
        )
    try:
        text.encode(_encoding(sys.stdout))
    except UnicodeError:
        text = json.dumps(document, indent=2, ensure_ascii=True)
    _write(sys.stdout, text)


def say(text: str = "") -> None:
    """Print a line of text to stdout."""
    _write(sys.stdout, _printable(text, sys.stdout))


def tell(text: str) -> None:
    """Print a message to stderr."""
    _write(sys.stderr, _printable(text, sys.stderr))


def report(message: str, hint: str | None = None) -> None:
    """Print an error, and what to do next, to stderr."""
    tell(f"error: {clean(message)}")
    if hint:
        tell(f"hint: {clean(hint)}")


def _write(stream: IO[str] | None, text: str) -> None:
    if stream is not None:
        stream.write(text + "\n")


def _encoding(stream: IO[str] | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _printable(text: str, stream: IO[str] | None) -> str:
    """Return the text with only such characters as the stream can take."""
    encoding = _encoding(stream)
    try:
        text.encode(encoding)
    except UnicodeError:
        text = text.translate(_PLAIN)
        text = text.encode(encoding, errors="backslashreplace").decode(encoding)
    return text


def not_valid(number: int) -> str:
    """Return how much was left out: `1 record or file that is not valid`."""
    return plural(number, "record or file that is not valid", "records or files that are not valid")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows progress on stderr, or None where nobody watches.

    The line is wiped in the end, however it ends.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    shown = -1

    def update(done: int, of: int) -> None:
        nonlocal shown
        percent = 100 * done // of if of else 100
        if percent == shown:
            return
        shown = percent
        sys.stderr.write(f"\r\x1b[K{what} {percent} %")
        sys.stderr.flush()

    try:
        yield update
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
