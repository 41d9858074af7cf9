"""Facts about a few texts: where each stands in every version that has it, and who says what.

The rules are those of `registry.query.standing`, applied to the rows of these texts alone: what a
text counts as depends on what is said about that text, anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from sqlalchemy.orm import Session

from registry.core.contents import Rows
from registry.core.dataset import ORIGINS_BY_CAUTION, Origin
from registry.errors import ConflictError
from registry.query import catalogue
from registry.query.rows import RowReader
from registry.query.standing import EVER, NEVER, Standing
from registry.query.standing.few import FewTables
from registry.query.standing.part import EVERYTHING, Part
from registry.query.standing.rows import stand
from registry.query.standing.said import Said
from registry.query.whereis.occurrences import Occurrences
from registry.query.whereis.place import Place
from registry.query.whereis.seen import Known, Seen
from registry.query.whereis.sides import Conflict, Voice, conflicts, voices

_SOURCE: Final = ("file", "record")


@dataclass(frozen=True, slots=True)
class Text:
    """One text, and what is known of it.

    Attributes:
        content_hash: The SHA-256 of its bytes.
        bytes: Its size.
        words: Its words.
        places: Where it is, the earliest date first, and of equal ones what was registered first.
        conflicts: On what those who speak about it differ.
    """

    content_hash: bytes
    bytes: int
    words: int
    places: tuple[Place, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def origin(self) -> Origin:
        """Return the most cautious of what it counts as anywhere."""
        return max((place.origin for place in self.places), key=lambda origin: origin.caution)

    @property
    def documents(self) -> int:
        """Return how many documents have it."""
        return sum(place.documents for place in self.places)

    @property
    def earliest(self) -> Place | None:
        """Return the place with the earliest date, if any has one."""
        return self.places[0] if self.places[0].not_after is not None else None


class Facts:
    """What is known of some texts.

    Args:
        session: A reading session.
        seen: What the caller may see.
        reader: Of document tables.
        found: Where the texts are, at all locations, withdrawn ones too (`everywhere`): these are
            not shown, and what is claimed about them counts.

    Raises:
        ConflictError: A table is missing or was changed, or `found` cannot be right.
    """

    def __init__(self, session: Session, seen: Seen, reader: RowReader, found: Occurrences) -> None:
        self._reader, self._seen = reader, seen
        self._found = found
        self._versions = [
            _Rows(seen.known(session, version), found, reader, seen)
            for version in np.unique(seen.version_of(found.location)).tolist()
        ]
        said = [item.said for item in self._versions]
        for item, standing in zip(self._versions, stand(said, said), strict=True):
            item.standing = standing

    @cached_property
    def standings(self) -> list[tuple[Known, Rows, Standing]]:
        """Return for each version the rows that were looked at, and where they stand.

        Where nothing is said per document, of equal rows only the first is looked at.
        """
        return [
            (item.known, item.rows[~item.hidden], item.standing.of(~item.hidden))
            for item in self._versions
            if not item.hidden.all()
        ]

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Return the location, row and text of each document that has one of the texts.

        A document is a row of the first location of a version.
        """
        firsts = [item.location.id for item in self._versions]
        mine = np.isin(self._found.location, firsts)
        mine &= ~self._seen.is_hidden(self._found.location, self._found.row)
        return self._found.location[mine], self._found.row[mine], self._found.text[mine]

    def text(self, at: int) -> Text | None:
        """Return what is known of the text at a position, or None if nothing has it."""
        places: list[Place] = []
        spoken: list[Voice] = []
        size = words = 0
        for item in self._versions:
            rows = np.flatnonzero((item.text == at) & ~item.hidden)
            if not len(rows):
                continue
            size, words = int(item.standing.bytes[rows[0]]), int(item.standing.words[rows[0]])
            places += item.places(rows)
            spoken += item.voices(rows)
        if not places:
            return None
        places.sort(key=_by_date)
        content_hash = bytes(self._found.hashes[at : at + 1].tobytes())
        found = conflicts(spoken, places)
        return Text(content_hash, size, words, tuple(places), tuple(found))


def _by_date(place: Place) -> tuple[int, int, int]:
    """Order by date, and equal dates by who registered first: a copy never before its source."""
    end = NEVER if place.not_after is None else place.not_after
    return end, place.version.id, place.row


class _Rows:
    """The rows of a version that are looked at."""

    standing: Standing

    def __init__(self, known: Known, found: Occurrences, reader: RowReader, seen: Seen) -> None:
        self.known = known
        self._reader = reader
        about = known.about
        self.location = about.locations[0]
        per_document = {claim.location_id for claim in about.claims} - {None}
        at = {place.id: found.at(place.id) for place in about.locations}
        self._check(at, len(found.hashes))
        text, rows = at[self.location.id]
        self._each = np.bincount(text, minlength=len(found.hashes))
        self._counted = not per_document
        if self._counted:
            # All rows of a text stand alike, so the first one will do.
            _, first = np.unique(text, return_index=True)
            text, rows = text[first], rows[first]
        self.text, self.rows = text, rows
        self.hidden = seen.is_hidden(np.full(len(rows), self.location.id), rows)
        few = {place: it[1] for place, it in at.items()} | {self.location.id: rows}
        self.said = Said(about, FewTables(reader, few, len(rows)))

    def _check(self, at: dict[int, tuple[Rows, Rows]], texts: int) -> None:
        """Refuse answers of the index that cannot be: the content is the same at each place."""
        counts = [np.bincount(text, minlength=texts) for text, _ in at.values()]
        if any((count != counts[0]).any() for count in counts):
            ref = catalogue.ref_of(self.known.about.version)
            raise ConflictError(
                f"the index does not have the same texts of `{ref.short}` at each of its places",
                hint="run `firsthand index rebuild`",
            )

    def places(self, rows: Rows) -> list[Place]:
        """Return where the rows of one text are and how they stand; those alike together."""
        it = self.standing
        facts = np.stack(
            [
                np.asarray(values[rows], np.int64)
                for values in (
                    it.view.ranks, it.view.human_bytes, it.view.contested, it.generators.codes,
                    it.licenses.codes, it.languages.codes, it.not_before, it.not_after,
                )
            ],
            axis=1,
        )  # fmt: skip
        _, first, counts = np.unique(facts, axis=0, return_index=True, return_counts=True)
        if self._counted:
            counts = self._each[self.text[rows[first]]]
        source = self._reader.take(self.location, self.rows[rows[first]], _SOURCE)
        files, records = source.column(0).to_pylist(), source.column(1).to_pylist()
        return [
            Place(
                self.known,
                row=int(self.rows[row]),
                documents=int(count),
                file=self.location.files[file]["name"],
                record=record,
                origin=ORIGINS_BY_CAUTION[it.view.ranks[row]],
                human_bytes=int(it.view.human_bytes[row]),
                contested=bool(it.view.contested[row]),
                generators=it.generators.names[it.generators.codes[row]],
                licenses=it.licenses.names[it.licenses.codes[row]],
                languages=it.languages.names[it.languages.codes[row]],
                not_before=None if it.not_before[row] == EVER else int(it.not_before[row]),
                not_after=None if it.not_after[row] == NEVER else int(it.not_after[row]),
            )
            for row, count, file, record in zip(
                rows[first].tolist(), counts.tolist(), files, records, strict=True
            )
        ]

    @cached_property
    def _part(self) -> Part:
        (part,) = self.said.parts(EVERYTHING)
        return part

    def voices(self, rows: Rows) -> list[Voice]:
        """Return what is said about the origin of the rows of one text."""
        return voices(self.known.about, self.said, self._part, rows)
