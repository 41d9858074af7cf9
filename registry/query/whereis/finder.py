"""What a process that answers many questions keeps between them. Threads may share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.dataset import Visibility
from registry.index.reading import Cache, Index
from registry.query.cached import Cached
from registry.query.rows import RowReader
from registry.query.whereis.seen import Seen

_STATES: Final = 8


@dataclass(frozen=True, slots=True)
class Looking:
    """The catalogue as one caller sees it now, with its index.

    Attributes:
        session: A reading session.
        store: The registry's storage.
        seen: What the caller may see.
        index: The index.
        reader: Of single rows.
    """

    session: Session
    store: Store
    seen: Seen
    index: Index
    reader: RowReader


class Finder:
    """Opens the catalogue for questions.

    Args:
        store: The registry's storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = RowReader(store)
        self._cache = Cache()
        self._seen: Cached[tuple[int, frozenset[Visibility]], Seen] = Cached(_STATES)

    @contextmanager
    def look(self, session: Session, caller: Caller) -> Iterator[Looking]:
        """Give the catalogue as the session and the caller see it.

        Raises:
            ConflictError: A file of the index is missing or damaged.
        """
        # Everything that counts about versions is in the log, so its size names their state.
        state = ledger.size(session), caller.sees
        seen = self._seen.get(state, lambda: (Seen(session, caller), 1))
        with Index.open(session, self._store, cache=self._cache) as index:
            yield Looking(session, self._store, seen, index, self._reader)

    def close(self) -> None:
        """Let go of everything."""
        self._cache.close()
