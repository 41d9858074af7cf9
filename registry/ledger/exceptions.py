"""Rows that may be missing: what was erased, and what a recovery could not bring back.

Both are told by entries of the log, and only what these name is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.entry import Entry, EntryKind, parse_leaf
from registry.db.models import LogEntry
from registry.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Exemption:
    """An entry that says why rows are missing.

    Attributes:
        position: Where it is.
        entry: The entry.
    """

    position: int
    entry: Entry

    def __str__(self) -> str:
        """Return what it excuses, for people."""
        if self.entry.kind == EntryKind.ROWS_REDACTED:
            rows = redacted(self.entry)
            return f"entry {self.position}: {len(rows)} row{'s' * (len(rows) != 1)} erased"
        ranges = lost(self.entry)
        if not ranges:
            return f"entry {self.position}: a recovery, which lost no entry that is in the log"
        shown = ", ".join(
            f"entry {begin}" if end - begin == 1 else f"entries {begin} to {end - 1}"
            for begin, end in ranges
        )
        return f"entry {self.position}: a recovery, which lost the rows of {shown}"


def exemptions(session: Session) -> list[Exemption]:
    """Return the entries about erased and lost rows, in order."""
    kinds = [str(EntryKind.ROWS_REDACTED), str(EntryKind.LOG_RECOVERED)]
    found = []
    for position, kind, leaf in session.execute(
        sa.select(LogEntry.position, LogEntry.kind, LogEntry.leaf)
        .where(LogEntry.kind.in_(kinds))
        .order_by(LogEntry.position)
    ):
        try:
            entry = parse_leaf(leaf)
        except ConflictError:
            continue
        if entry.kind == kind:
            found.append(Exemption(position, entry))
    return found


def lost(entry: Entry) -> list[tuple[int, int]]:
    """Return the ranges of positions whose rows a recovery lost; none of what cannot be read."""
    ranges = entry.facts.get("lost", [])
    if not isinstance(ranges, list):
        return []
    return [
        (item[0], item[1])
        for item in ranges
        if isinstance(item, list)
        and len(item) == 2
        and all(type(end) is int for end in item)
        and 0 <= item[0] < item[1]
    ]


def redacted(entry: Entry) -> list[tuple[int, str, int]]:
    """Return position, table and id of each binding that was erased."""
    rows = entry.facts.get("rows", [])
    if not isinstance(rows, list):
        return []
    return [_named(row) for row in rows if isinstance(row, dict) and set(row) == _KEYS]


_KEYS = {"id", "position", "table"}


def _named(row: dict[str, Any]) -> tuple[int, str, int]:
    return int(row["position"]), str(row["table"]), int(row["id"])


@dataclass
class Excused:
    """What is excused, looked up by position and name.

    Attributes:
        bindings: Bindings that were erased: position, table, id, and which entry says so.
        ranges: Positions whose rows were lost.
    """

    bindings: dict[tuple[int, str, int], int] = field(default_factory=dict)
    ranges: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(cls, items: Sequence[Exemption]) -> Excused:
        """Return what some entries excuse: only what is before them."""
        made = cls()
        for item in items:
            if item.entry.kind == EntryKind.ROWS_REDACTED:
                for row in redacted(item.entry):
                    if row[0] < item.position:
                        made.bindings.setdefault(row, item.position)
            else:
                made.ranges += [it for it in lost(item.entry) if it[1] <= item.position]
        return made

    def is_lost(self, position: int) -> bool:
        """Return whether the rows of an entry were lost."""
        return any(begin <= position < end for begin, end in self.ranges)
