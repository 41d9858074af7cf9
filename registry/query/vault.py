"""What the vault has of a version, and whether it is what was registered, text by text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.contents import Hashes
from registry.db.models import DatasetVersion, Location
from registry.documents import as_hashes, hash_texts, read_texts
from registry.errors import ConflictError
from registry.query import catalogue


@dataclass(frozen=True, slots=True)
class Held:
    """What the vault has of a version.

    Attributes:
        whole: The location whose texts it has, all of them as registered; None if of none.
        problems: What is wrong with the texts it should have, a sentence for each location.
    """

    whole: Location | None
    problems: tuple[str, ...]


def held(
    session: Session,
    store: Store,
    version: DatasetVersion,
    *,
    on_rows: Callable[[int], None] | None = None,
) -> Held:
    """Read the kept texts of a version until those of one location are found to be whole.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        on_rows: Called with how many more texts were checked; what it raises ends everything.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    kept = catalogue.kept(session, version)
    problems: list[str] = []
    for place in catalogue.locations(session, version):
        if place.id not in kept:
            continue
        problem = _problem(store, kept[place.id], hashes_of(store, place), on_rows)
        if problem is None:
            return Held(place, tuple(problems))
        problems.append(problem)
    return Held(None, tuple(problems))


def is_there(session: Session, store: Store, version: DatasetVersion) -> bool:
    """Return whether the vault has files of a version; nothing is read."""
    kept = catalogue.kept(session, version)
    return any(documents.files_of(store.vault(uid)) for uid in kept.values())


def hashes_of(store: Store, location: Location) -> Hashes:
    """Return the contents of a location's documents in order.

    Raises:
        ConflictError: Its document table is missing or was changed.
    """
    read = documents.read(
        store.documents(location.uid), digest=location.table_digest, columns=["content_hash"]
    )
    found = [documents.hashes_of(batch.column("content_hash")) for batch in read]
    return np.concatenate(found) if found else np.empty(0, "S32")


def _problem(
    store: Store, uid: str, hashes: Hashes, on_rows: Callable[[int], None] | None
) -> str | None:
    """Return what is wrong with kept texts, or None if they are the ones with these hashes."""
    at = 0
    try:
        for batch in read_texts(store.vault(uid)):
            found = as_hashes(hash_texts(batch.column("text")))
            expected = hashes[at : at + len(found)]
            if len(expected) < len(found):
                return f"there are more than the {len(hashes):,} texts that were registered"
            if found.tobytes() != expected.tobytes():
                row = at + int(np.flatnonzero(found != expected)[0]) + 1
                return f"document {row:,} is not the text that was registered"
            at += len(found)
            if on_rows is not None:
                on_rows(len(found))
    except ConflictError as error:
        return error.message
    return None if at == len(hashes) else f"only {at:,} of {len(hashes):,} texts are there"
