"""Rows of a version that have one text, and what counts for them."""

from __future__ import annotations

from dataclasses import dataclass

from registry.core.dataset import Origin
from registry.core.evidence import iso_date
from registry.db.models import DatasetVersion, Location
from registry.query.whereis.seen import Known


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of a version that have a text, and all of which stand alike.

    Attributes:
        known: The version, and what the catalogue knows about it.
        row: The first of them, from 0 in the reading order of the version's first location.
        documents: How many they are.
        file: The file the first of them was read from, as its location names it.
        record: The record in that file, from 0.
        origin: What counts under all live claims.
        human_bytes: The bytes that count as human.
        contested: Some claim calls it human, wholly or in part, and another does not.
        generators: Who wrote it, where it is not human.
        licenses: What is claimed; several mean that all of their terms apply.
        languages: Likewise.
        not_before: Microseconds since 1970 UTC, or None.
        not_after: The text existed by then, or None.
    """

    known: Known
    row: int
    documents: int
    file: str
    record: int
    origin: Origin
    human_bytes: int
    contested: bool
    generators: tuple[str, ...]
    licenses: tuple[str, ...]
    languages: tuple[str, ...]
    not_before: int | None
    not_after: int | None

    @property
    def version(self) -> DatasetVersion:
        """Return the version."""
        return self.known.about.version

    @property
    def dates(self) -> tuple[str, ...]:
        """Return the bracket of its dates in words; none where no date is claimed."""
        if self.not_after is None:
            return ()
        begin = "" if self.not_before is None else iso_date(self.not_before)
        return (f"{begin}..{iso_date(self.not_after)}",)

    @property
    def location(self) -> Location:
        """Return the place that `row`, `file` and `record` are of."""
        return self.known.about.locations[0]
