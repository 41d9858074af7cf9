"""What a process that answers many questions keeps between them. Threads may share it."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.dataset import Visibility
from registry.db.models import LogState, Segment, SketchTable
from registry.index.reading import Cache, Index
from registry.query.cached import Cached
from registry.query.rows import RowReader
from registry.query.whereis.places import Places
from registry.query.whereis.seen import Seen

_STATES: Final = 8

# Everything that counts about versions is in the log, so its size names their state. The index is
# not in the log. Ids alone would not tell what was made anew: some databases give them again.
_STATE: Final = sa.select(
    sa.select(LogState.size).where(LogState.id == 1).scalar_subquery(),
    *(
        sa.select(what).select_from(table).scalar_subquery()
        for table in (Segment, SketchTable)
        for what in (sa.func.count(), sa.func.max(table.id), sa.func.max(table.made_at))
    ),
)


@dataclass(frozen=True, slots=True)
class Looking:
    """The catalogue as one caller sees it now, with its index.

    Attributes:
        session: A reading session.
        store: The registry's storage.
        seen: What the caller may see.
        index: The index, without documents that were withdrawn from versions that were not.
        places: What of it can be searched how.
        reader: Of single rows.
        everything: The index with withdrawn documents, for what is claimed about their texts.
    """

    session: Session
    store: Store
    seen: Seen
    index: Index
    places: Places
    reader: RowReader
    everything: Index


class _Shared:
    """An open index, and how many use it."""

    def __init__(self, index: Index, state: Hashable) -> None:
        self.index = index
        self.state = state
        self.users = 0
        self.retired = False


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
        self._places: Cached[Hashable, Places] = Cached(_STATES)
        self._lock = threading.Lock()
        self._shared: _Shared | None = None

    @contextmanager
    def look(self, session: Session, caller: Caller) -> Iterator[Looking]:
        """Give the catalogue as the session and the caller see it.

        Raises:
            ConflictError: A file of the index is missing or damaged.
        """
        size, *state = session.execute(_STATE).one()
        seen = self._seen.get((size, caller.sees), lambda: (Seen(session, caller), 1))
        hidden = seen.hide(session, self._reader)
        shared = self._take(session, tuple(state))
        try:
            places = self._places.get(
                (size, caller.sees, shared.state), lambda: (Places(seen, shared.index), 1)
            )
            index = shared.index.without(hidden) if hidden else shared.index
            yield Looking(session, self._store, seen, index, places, self._reader, shared.index)
        finally:
            self._give_back(shared)

    def close(self) -> None:
        """Let go of everything; nobody may be looking."""
        with self._lock:
            self._retire()
        self._cache.close()

    def _take(self, session: Session, state: Hashable) -> _Shared:
        """Return the index as the session sees it, opened anew only if it has changed."""
        with self._lock:
            if self._shared is None or self._shared.state != state:
                opened = _Shared(Index.open(session, self._store, cache=self._cache), state)
                # Its rows outlive this session, also one that is rolled back.
                session.expunge_all()
                self._retire()
                self._shared = opened
            self._shared.users += 1
            return self._shared

    def _give_back(self, shared: _Shared) -> None:
        with self._lock:
            shared.users -= 1
            if shared.retired and not shared.users:
                shared.index.close()

    def _retire(self) -> None:
        """Close the index when its last user is done with it."""
        if self._shared is not None:
            self._shared.retired = True
            if not self._shared.users:
                self._shared.index.close()
            self._shared = None
