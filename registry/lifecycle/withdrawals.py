"""Withdrawals: documents that are to be used no more, hidden from the moment they are recorded.

What they hold stays, until it is erased (`erasing`); what is claimed about them counts on, so that
nothing becomes human because something was withdrawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.entry import EntryKind
from registry.db.base import Base
from registry.db.models import DatasetVersion, Withdrawal
from registry.documents import Hashes
from registry.errors import ConflictError
from registry.lifecycle.selections import stored
from registry.lifecycle.words import check_reason
from registry.query import catalogue, withdrawn


def withdraw(
    session: Session,
    store: Store,
    texts: Mapping[int, Hashes | None],
    *,
    reason: str,
    withdrawn_by: str,
    now: dt.datetime,
) -> list[Withdrawal]:
    """Withdraw versions, or some of their texts, in one log entry.

    Args:
        session: A writing session.
        store: The registry's storage.
        texts: The versions, by their ids, and the texts of each; None for all of them.
        reason: Why; plans and exports will say it.
        withdrawn_by: Who says so.
        now: The registry's clock.

    Raises:
        InvalidInputError: No reason, or texts that a version does not hold.
        ConflictError: All of it was withdrawn before.
    """
    check_reason(reason, of="a withdrawal")
    rows: list[Base] = []
    made: list[Withdrawal] = []
    before = withdrawn.tombstones(session, list(texts))
    gone = None
    for version_id, chosen in texts.items():
        version = session.get_one(DatasetVersion, version_id)
        stones = before.get(version_id, [])
        selection = None if chosen is None else stored(session, store, version, chosen, rows)
        digest = None if selection is None else selection.digest
        same = [it for it in stones if it.selection in (None, digest)]
        if same:
            gone = gone or (version, same[0])
            continue
        row = Withdrawal(
            version_id=version_id,
            selection_id=None if selection is None else selection.id,
            reason=reason,
            erased=False,
            withdrawn_by=withdrawn_by,
            withdrawn_at=now,
        )
        row.version, row.selection = version, selection
        made.append(row)
    if not made and gone is not None:
        version, stone = gone
        raise ConflictError(
            f"`{catalogue.ref_of(version).short}` was {stone.words} already",
            hint="with `--erase` its bytes are removed as well",
        )
    session.add_all(made)
    rows += made
    ledger.append(session, EntryKind.WITHDRAWN, now=now, facts={"erased": False}, rows=rows)
    return made
