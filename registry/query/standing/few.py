"""Rows of some texts, for claims to be asked about instead of whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.core.contents import Hashes, Rows
from registry.db.models import DatasetVersion, Location
from registry.query.rows import RowReader
from registry.query.standing.part import EVERYTHING, Part


class FewTables:
    """The rows of a version that have some texts, as `Said` asks for them.

    Args:
        reader: Of document tables.
        rows: Which rows of each location; at every location they have the same texts.
        documents: How many of the first location there are.
    """

    def __init__(self, reader: RowReader, rows: Mapping[int, Rows], documents: int) -> None:
        self._reader = reader
        self._rows = rows
        self._documents = documents
        self._parts: dict[int, Part] = {}

    def documents(self, _version: DatasetVersion) -> int:
        """Return how many rows there are."""
        return self._documents

    def parts(self, location: Location, _columns: tuple[str, ...]) -> Iterable[Part]:
        """Give the rows of a location in one part, with all columns.

        All at once cost less than some of them several times: they are few.

        Raises:
            ConflictError: The table is missing or was changed.
        """
        part = self._parts.get(location.id)
        if part is None:
            taken = self._reader.take(location, self._rows[location.id], EVERYTHING)
            part = self._parts[location.id] = Part(taken)
        return [part]

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes, ascending."""
        return self._reader.selection(digest)

    def raw(self, digest: str) -> bytes:
        """Return a stored file that goes with a list of content hashes."""
        return self._reader.raw(digest)
