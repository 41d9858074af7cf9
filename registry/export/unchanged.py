"""Whether what was planned still stands when it is about to be recorded."""

from __future__ import annotations

from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.entry import EntryKind
from registry.db.models import LogEntry
from registry.db.session import Database
from registry.errors import ConflictError
from registry.query.again import Again
from registry.query.eligible import still_passes
from registry.query.plan import Plan, PlannedInput, Rows
from registry.query.standing import Labels, Standing, standing

_OF_NO_TEXT: Final = (
    EntryKind.KEY_CREATED,
    EntryKind.KEY_REVOKED,
    EntryKind.KEY_TRUSTED,
    EntryKind.LOG_RECOVERED,
    EntryKind.SNAPSHOT_EXPORTED,
    EntryKind.TIMESTAMP_ATTACHED,
)


def claims_since(session: Session, size: int) -> bool:
    """Return whether the log got an entry that may change what counts for some text."""
    kinds = [str(kind) for kind in _OF_NO_TEXT]
    found = sa.select(LogEntry.position).where(
        LogEntry.position >= size, LogEntry.kind.not_in(kinds)
    )
    return session.execute(found.limit(1)).first() is not None


def check_unchanged(database: Database, store: Store, plan: Plan, seen: int, again: Again) -> int:
    """Return the size of a log under which the plan's rows still stand as they were planned.

    Writing may take hours, and a correction that came meanwhile must not be exported over, nor
    an evaluation set.

    Raises:
        ConflictError: Something recorded since changes what counts for a drawn document, or
            whether it may be drawn.
    """
    with database.read() as session:
        size = ledger.size(session)
        if not claims_since(session, seen):
            return size
        for item in plan.inputs:
            now = standing(session, store, item.standing.version)
            if not _same_rows(item, now):
                raise ConflictError(
                    f"claims about `{item.ref.short}` changed while it was exported",
                    hint="nothing was exported; run the command again to plan anew",
                )
        if not still_passes(session, store, plan, again=again):
            raise ConflictError(
                "what the recipe leaves out changed while it was exported: evaluation sets, "
                "protected versions or dates",
                hint="nothing was exported; run the command again to plan anew",
            )
    return size


def _same_rows(item: PlannedInput, now: Standing) -> bool:
    """Return whether everything that an export says about the drawn rows is as it was."""
    was, rows = item.standing, item.rows
    labels = ((was.generators, now.generators), (was.licenses, now.licenses))
    return (
        np.array_equal(was.view.ranks[rows], now.view.ranks[rows])
        and np.array_equal(was.view.human_bytes[rows], now.view.human_bytes[rows])
        and np.array_equal(was.view.contested[rows], now.view.contested[rows])
        and np.array_equal(was.not_before[rows], now.not_before[rows])
        and np.array_equal(was.not_after[rows], now.not_after[rows])
        and all(_same_names(one, two, rows) for one, two in labels)
    )


def _same_names(one: Labels, two: Labels, rows: Rows) -> bool:
    pairs = np.unique(np.stack([one.codes[rows], two.codes[rows]]), axis=1)
    return all(one.names[left] == two.names[right] for left, right in pairs.T.tolist())
