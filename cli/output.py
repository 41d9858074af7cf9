"""Print: data to stdout, messages to stderr, on any terminal and none.

What others wrote (names, file names, messages about their files) passes through `clean`, so that
no control character reaches the terminal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from registry.plain_output import emit, progress, report, say, tell
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


def not_valid(number: int) -> str:
    """Return how much was left out: `1 record or file that is not valid`."""
    return plural(number, "record or file that is not valid", "records or files that are not valid")
