"""Print: data to stdout, messages to stderr, on any terminal and none.

What others wrote (names, file names, messages about their files) passes through `clean`, so that
no control character reaches the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, TypeVar

import click

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


def clean(text: str, *, limit: int = 2000) -> str:
    """Return somebody else's text on one line, without control or invisible direction marks."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    if shown.isprintable():
        return shown
    return "".join(it if it.isprintable() else _escaped(it) for it in shown)


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(number: int) -> str:
    """Return a count as people read it: `1,204,118`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 document`, `1,204,118 documents`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def not_valid(number: int) -> str:
    """Return how much was left out: `1 record or file that is not valid`."""
    return plural(number, "record or file that is not valid", "records or files that are not valid")


def size(number: int) -> str:
    """Return bytes in powers of 1,000 and three digits: `3.71 GB`."""
    if number < 1000:
        return plural(number, "byte")
    value, unit = number / 1000, "kB"
    for larger in ("MB", "GB", "TB", "PB", "EB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f} {unit}"


def share(part: int, whole: int, *, digits: int = 1) -> str:
    """Return a share in percent, rounded down: 89.96 % is never shown as `90.0 %`.

    What is too little for the digits is not shown as nothing: `<0.1 %`.
    """
    scale = 10**digits
    if not whole:
        return f"{0:.{digits}f} %"
    units = 100 * scale * part // whole
    if part > 0 and not units:
        return f"<{1 / scale:.{digits}f} %"
    return f"{units // scale}.{units % scale:0{digits}d} %" if digits else f"{units} %"


def probability(share_found: float) -> str:
    """Return a probability with three digits, rounded down: what is not certain is not 1."""
    return f"{int(share_found * 1000) / 1000:.3f}"


def percent(decimal: str) -> str:
    """Return a share that stands as a decimal, such as `0.8`, in percent and exactly: `80 %`."""
    whole, _, part = decimal.partition(".")
    digits = part.ljust(2, "0")
    exact = f"{int(whole + digits[:2])}.{digits[2:]}".rstrip("0").rstrip(".")
    return f"{exact} %"


def block(lines: Iterable[tuple[str, str]], *, indent: str = "") -> list[str]:
    """Return `Label   value` lines with aligned values; an empty label continues the one above."""
    pairs = list(lines)
    width = max((len(label) for label, _ in pairs), default=0)
    return [f"{indent}{label:<{width}}  {value}".rstrip() for label, value in pairs]


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
