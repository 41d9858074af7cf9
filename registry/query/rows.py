"""Single rows of document tables, in milliseconds: from decoded row groups that are kept.

A table is compared with the digest that the log binds once per process and state of its files;
what is decoded afterwards has its page checksums verified. Whole tables are for
`registry.query.standing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry import documents
from registry.blobs import Store
from registry.core.contents import Hashes, Rows, member
from registry.db.models import Location
from registry.errors import ConflictError
from registry.query.cached import Cached

KEPT_BYTES: Final = 256 << 20
"""How much of document tables is kept decoded: a million documents take some 60 MB."""
_TABLES: Final = 1 << 16
_SELECTIONS: Final = 64 << 20
_HINT: Final = "restore the storage folder from a backup"

_State = tuple[int, int, int, int]
"""What tells one state of a file from another: its number, size, and times of change."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group: where it is, and what its file was when the table was compared."""

    path: Path
    state: _State
    number: int


@dataclass(frozen=True, slots=True)
class _Table:
    """A document table whose digest was found right.

    Attributes:
        names: Its columns.
        groups: Its row groups, in order.
        ends: How many rows there are up to the end of each.
    """

    names: frozenset[str]
    groups: tuple[_Group, ...]
    ends: Rows

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return int(self.ends[-1]) if len(self.ends) else 0


class RowReader:
    """Reads rows of document tables and stored selections, and keeps what it decoded.

    Threads may share it.

    Args:
        store: The registry's storage.
        kept_bytes: How much may be kept.
    """

    def __init__(self, store: Store, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._store = store
        self._tables: Cached[str, _Table] = Cached(_TABLES)
        self._columns: Cached[tuple[str, int, _State, str], pa.Array] = Cached(kept_bytes)
        self._selections: Cached[tuple[str, _State], Hashes] = Cached(_SELECTIONS)

    def take(self, location: Location, rows: Rows, columns: Sequence[str]) -> pa.RecordBatch:
        """Return rows of a location's table, in the order asked for, with those columns it has.

        Args:
            location: The location.
            rows: Which rows, at least one, each any number of times.
            columns: Which columns.

        Raises:
            ConflictError: The table is missing or was changed, or has fewer rows.
        """
        table = self._table(location)
        if int(rows.min()) < 0 or int(rows.max()) >= table.rows:
            raise ConflictError(
                f"the document table `{self._store.documents(location.uid)}` has {table.rows:,} "
                f"rows, and row {int(rows.max()) + 1:,} was asked for",
                hint="run `firsthand index rebuild`",
            )
        owner = np.searchsorted(table.ends, rows, side="right")
        wanted = np.unique(owner).tolist()
        table = self._table(location, wanted)
        order = np.argsort(owner, kind="stable") if len(wanted) > 1 else np.arange(len(rows))
        names = [name for name in columns if name in table.names]
        pieces: dict[str, list[pa.Array]] = {name: [] for name in names}
        for number in wanted:
            begin = int(table.ends[number - 1]) if number else 0
            local = pa.array(rows[order][owner[order] == number] - begin)
            for name in names:
                column = self._column(location, table.groups[number], number, name)
                pieces[name].append(column.take(local))
        whole = [it[0] if len(it) == 1 else pa.concat_arrays(it) for it in pieces.values()]
        if len(wanted) > 1:
            back = pa.array(np.argsort(order, kind="stable"))
            whole = [column.take(back) for column in whole]
        return pa.record_batch(whole, names=names)

    def find(self, location: Location, ordered: Hashes) -> Rows:
        """Return the rows of a location that have one of some texts, by going through all of it.

        For locations that the index does not have.

        Args:
            location: The location.
            ordered: The content hashes, ascending.

        Raises:
            ConflictError: The table is missing or was changed.
        """
        table = self._table(location)
        table = self._table(location, range(len(table.groups)))
        found = []
        begin = 0
        for number, group in enumerate(table.groups):
            column = self._column(location, group, number, "content_hash")
            rows = np.flatnonzero(member(documents.hashes_of(column), ordered))
            if len(rows):
                found.append(rows + begin)
            begin = int(table.ends[number])
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes, ascending.

        Raises:
            ConflictError: It is missing or was changed.
        """
        path = self._store.root / "selections" / digest

        def read() -> tuple[Hashes, int]:
            raw = self._store.selection(digest)
            return documents.as_hashes(raw), len(raw)

        state = _state(path)
        return read()[0] if state is None else self._selections.get((digest, state), read)

    def raw(self, digest: str) -> bytes:
        """Return a stored file that goes with a list of content hashes.

        Raises:
            ConflictError: It is missing or was changed.
        """
        return self._store.selection(digest)

    def _table(self, location: Location, touched: Iterable[int] = ()) -> _Table:
        """Return a table, compared anew if the files of some row groups are no longer the same."""
        table = self._tables.get(location.uid, lambda: _checked(self._store, location))
        if any(
            _state(table.groups[number].path) != table.groups[number].state for number in touched
        ):
            self._tables.forget(location.uid)
            table = self._tables.get(location.uid, lambda: _checked(self._store, location))
        return table

    def _column(self, location: Location, group: _Group, number: int, name: str) -> pa.Array:
        def decode() -> tuple[pa.Array, int]:
            column = _decoded(group, name)
            return column, column.nbytes + 100

        return self._columns.get((location.uid, number, group.state, name), decode)


def _checked(store: Store, location: Location) -> tuple[_Table, int]:
    """Compare a table with its digest, and return it with its weight.

    Raises:
        ConflictError: It is missing or was changed.
    """
    folder = store.documents(location.uid)
    files = documents.files_of(folder)
    # Before they are read: what changes while they are is then found changed.
    states = [_state(path) for path in files]
    if not files or documents.digest_table(folder) != location.table_digest:
        problem = "was changed after it was registered" if files else "is missing"
        raise ConflictError(f"the document table `{folder}` {problem}", hint=_HINT)
    groups: list[_Group] = []
    ends: list[int] = []
    names: frozenset[str] = frozenset()
    end = 0
    try:
        for path, state in zip(files, states, strict=True):
            if state is None:
                raise FileNotFoundError(2, "it is gone")
            meta = pq.read_metadata(path)
            names = frozenset(meta.schema.names)
            # A table without rows is read as well: it has columns.
            for number in range(meta.num_row_groups):
                groups.append(_Group(path, state, number))
                end += meta.row_group(number).num_rows
                ends.append(end)
    except (OSError, pa.ArrowException) as error:
        raise ConflictError(
            f"the document table `{folder}` cannot be read: {error}", hint=_HINT
        ) from error
    return _Table(names, tuple(groups), np.array(ends, np.int64)), len(groups)


def _decoded(group: _Group, name: str) -> pa.Array:
    try:
        with pq.ParquetFile(group.path, page_checksum_verification=True, pre_buffer=False) as file:
            column = file.read_row_group(group.number, columns=[name], use_threads=False).column(0)
    except (OSError, pa.ArrowException) as error:
        raise ConflictError(
            f"the document table `{group.path.parent}` cannot be read: {error}", hint=_HINT
        ) from error
    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
