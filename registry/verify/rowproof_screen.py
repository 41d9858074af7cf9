"""What `screen` says of a proof: what is shown, and what is only declared of the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.plain_words import block, clean, count, plural
from registry.verify.shown import as_text

if TYPE_CHECKING:
    from registry.verify.shown import Shown

_MOST_COLUMNS: Final = 40
_PASSED_OVER: Final = ("content_hash", "text")


def checked(proven: Shown) -> list[str]:
    """Return the lines of what a proof shows."""
    row = proven.row
    lines = [
        f"none of {plural(proven.documents, 'row')} has the text with the SHA-256 below"
        if row is None
        else f"row {count(row.number)} of {plural(proven.documents, 'row')}, "
        f"row {count(row.in_shard)} of {clean(row.shard.name, limit=130)}, counting from 0",
        *block([("snapshot", proven.snapshot_root), ("text", proven.content_hash)]),
    ]
    if proven.compared:
        lines.append("the text you gave is that text")
    if proven.text is not None:
        lines.append(f"the text in the proof is that text: {_quoted(proven.shown_text)}")
    if not proven.compared and proven.text is None:
        lines.append("no text was there to compare  → --text FILE")
    return lines


def declared(proven: Shown) -> list[str]:
    """Return what the signer says of the row."""
    if proven.row is None:
        return []
    cells = [
        (column.name, as_text(proven.row.cells[column.name], column))
        for column in proven.columns
        if column.name not in _PASSED_OVER
    ]
    pairs = [
        (clean(name, limit=60), "not stated" if value is None else clean(str(value), limit=200))
        for name, value in cells[:_MOST_COLUMNS]
    ]
    more = len(cells) - len(pairs)
    return block(pairs) + (
        [f"and {plural(more, 'more column')}; `--json` lists all"] if more else []
    )


def _quoted(text: str) -> str:
    return f'"{clean(text, limit=120)}"'
