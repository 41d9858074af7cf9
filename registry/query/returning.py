"""Texts that were withdrawn and come again: noticed by their hash, or by a salted one if erased."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.contents import Hashes, member
from registry.db.models import DatasetVersion, ErasedText, Withdrawal
from registry.documents import salted
from registry.query import catalogue, withdrawn


@dataclass(frozen=True, slots=True)
class Returned:
    """Texts that a withdrawal is about.

    Attributes:
        withdrawal: The number of the tombstone.
        words: The version's name and what became of it.
        documents: How many documents have them.
        erased: Whether they had been erased.
    """

    withdrawal: int
    words: str
    documents: int
    erased: bool


def returning(session: Session, store: Store, batches: Iterable[Hashes]) -> list[Returned]:
    """Return which withdrawals some documents come again after.

    Args:
        session: A reading session.
        store: The registry's storage.
        batches: The content hashes of the documents.

    Raises:
        ConflictError: A document table or a stored list is missing or was changed.
    """
    stones = [it for each in withdrawn.tombstones(session).values() for it in each]
    if not stones:
        return []
    erased = {
        row.withdrawal_id: (row.salt, np.sort(documents.as_hashes(store.selection(row.digest))))
        for row in session.scalars(sa.select(ErasedText))
    }
    lists = {
        it.number: _texts(session, store, it)
        for it in stones
        if it.number not in erased and not it.erased
    }
    counts: dict[int, int] = dict.fromkeys([*erased, *lists], 0)
    for hashes in batches:
        for number, texts in lists.items():
            counts[number] += int(np.count_nonzero(member(hashes, texts)))
        for number, (salt, texts) in erased.items():
            counts[number] += int(np.count_nonzero(member(salted(salt, hashes), texts)))
    by_number = {it.number: it for it in stones}
    found = []
    for number, count in sorted(counts.items()):
        if count:
            row = session.get_one(Withdrawal, number)
            name = catalogue.ref_of(row.version).short
            words = f"`{name}`, {by_number[number].words}"
            found.append(Returned(number, words, count, number in erased))
    return found


def _texts(session: Session, store: Store, stone: withdrawn.Tombstone) -> Hashes:
    """Return the texts that a tombstone is about, ascending."""
    if stone.selection is not None:
        return documents.as_hashes(store.selection(stone.selection))
    version = session.get_one(DatasetVersion, stone.version_id)
    place = catalogue.locations(session, version)[0]
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    return np.unique(documents.hashes_of(table.column("content_hash")))
