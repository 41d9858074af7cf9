"""The documents of a version, row by row, and what counts for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.claim import Mask, Numbers, OriginView, Property, combine
from registry.core.contents import Hashes
from registry.core.dataset import Origin
from registry.db.models import DatasetVersion, Location
from registry.errors import ConflictError
from registry.query import catalogue
from registry.query.standing.columns import Column
from registry.query.standing.dates import brackets
from registry.query.standing.equal import Texts
from registry.query.standing.everywhere import lower
from registry.query.standing.labels import LabelColumn, Labels
from registry.query.standing.part import EVERYTHING
from registry.query.standing.said import Said


@dataclass(frozen=True, slots=True)
class Standing:
    """The documents of a version, row by row, and what counts for each.

    Numbers are as narrow as their values, and those that are alike for all documents take no
    memory: sums are exact, for products make them 64 bits wide.

    Attributes:
        version: The version.
        location: The location whose reading order the rows have.
        hashes: Content hashes.
        bytes: Sizes.
        words: Word counts.
        view: Origin and human bytes under all live claims.
        generators: Who wrote the rows that are not human.
        licenses: What is claimed; several names mean that all of their terms apply.
        languages: Likewise.
        not_before: Microseconds since 1970 UTC, or `EVER`.
        not_after: The text existed by then: microseconds since 1970 UTC, or `NEVER`.
        tokens: Token counts, where a tokenizer was given.
    """

    version: DatasetVersion
    location: Location
    hashes: Hashes
    bytes: Numbers
    words: Numbers
    view: OriginView
    generators: Labels
    licenses: Labels
    languages: Labels
    not_before: Numbers
    not_after: Numbers
    tokens: Numbers | None = None

    def of(self, mask: Mask) -> Standing:
        """Return the masked rows alone; itself where all are."""
        if mask.all():
            return self

        def of(labels: Labels) -> Labels:
            return Labels(labels.names, labels.codes[mask])

        view = OriginView(
            self.view.ranks[mask], self.view.human_bytes[mask], self.view.contested[mask]
        )
        return replace(
            self,
            hashes=self.hashes[mask],
            bytes=self.bytes[mask],
            words=self.words[mask],
            view=view,
            not_before=self.not_before[mask],
            not_after=self.not_after[mask],
            tokens=None if self.tokens is None else self.tokens[mask],
            generators=of(self.generators),
            licenses=of(self.licenses),
            languages=of(self.languages),
        )


def standing(
    session: Session,
    store: Store,
    version: DatasetVersion,
    *,
    across: bool = True,
    caller: Caller = OPERATOR,
) -> Standing:
    """Return the documents of one version with what counts for each; see `standings`."""
    return standings(session, store, [version], across=across, caller=caller)[0]


def standings(
    session: Session,
    store: Store,
    versions: Sequence[DatasetVersion],
    *,
    across: bool = True,
    caller: Caller = OPERATOR,
) -> list[Standing]:
    """Return the documents of versions with what counts for each.

    A text that some live claim in the catalogue does not call human is human in none of them.
    Memory follows the documents of these versions alone: 32 bytes for each hash and 12 to look it
    up by, and some 10 to 30 more for sizes, origins and dates, as far as they differ.

    Args:
        session: A reading session.
        store: The registry's storage.
        versions: The versions.
        across: Whether the claims of the whole catalogue count, or only those about each version.
        caller: What the caller may not see does not count: neither claims about it, because a
            text must not tell that it occurs there, nor lineage from it.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    asked = (Said.of_version(session, store, version, caller) for version in versions)
    everything = (
        Said.of_version(session, store, version, caller)
        for version in catalogue.all_versions(session, caller)
    )
    return stand(asked, everything if across else ())


def stand(asked: Iterable[Said], everything: Iterable[Said]) -> list[Standing]:
    """Return the rows that are asked about with what counts for each.

    Args:
        asked: What is said about the rows of some versions.
        everything: What is said about every version that may have these texts.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    rows = [_Rows(said) for said in asked]
    lower([item.version for item in rows], [item.texts for item in rows], everything)
    return [item.standing() for item in rows]


class _Rows:
    """The rows of a version while what counts for each is put together."""

    def __init__(self, said: Said) -> None:
        """Read the version's document table and what the claims about it say."""
        count = said.documents
        self.version = said.version
        self._said = said
        hashes = np.empty(count, "S32")
        ranks, contested = np.empty(count, np.int8), np.empty(count, np.bool_)
        sizes, words, human, begins, ends = (Column(count) for _ in range(5))
        origins, licenses, languages = (
            said.of(name) for name in (Property.ORIGIN, Property.LICENSE, Property.LANGUAGE)
        )
        self._generators = LabelColumn(said, origins, "generators", "generator")
        self._licenses = LabelColumn(said, licenses, "license", None)
        self._languages = LabelColumn(said, languages, "language", "language")
        labels = (self._generators, self._licenses, self._languages)
        at = 0
        for part in said.parts(EVERYTHING):
            here = slice(at, at + len(part))
            at += len(part)
            if at > count:
                break
            view = combine(part.bytes, said.voices(part))
            hashes[here], ranks[here], contested[here] = part.hashes, view.ranks, view.contested
            bracket = brackets(said, part)
            for column, values in (
                (sizes, part.bytes),
                (words, part.integers("words")),
                (human, view.human_bytes),
                (begins, bracket[0]),
                (ends, bracket[1]),
            ):
                column.add(values)
            for label in labels:
                label.add(part)
        if at != count:
            raise ConflictError(
                f"the document table of `{catalogue.ref_of(said.version).short}` does not have the "
                f"{count:,} documents of the catalogue",
                hint="run `firsthand db check`, and restore the registry from a backup",
            )
        self._sizes, self._words = sizes.array(), words.array()
        self._begins, self._ends = begins.array(), ends.array()
        self.texts = Texts(hashes, ranks, human.array(), contested)

    def standing(self) -> Standing:
        """Return what counts for each row."""
        view = self.texts.view()
        return Standing(
            version=self.version,
            location=self._said.location,
            hashes=self.texts.hashes,
            bytes=self._sizes,
            words=self._words,
            view=view,
            generators=self._generators.labels().without(view.ranks == Origin.HUMAN.caution),
            licenses=self._licenses.labels(),
            languages=self._languages.labels(),
            not_before=self._begins,
            not_after=self._ends,
        )


def sums_by_origin(standing: Standing) -> dict[Origin, dict[str, Any]]:
    """Return documents, bytes and words of each origin, by caution."""
    sums = {}
    for origin in standing.view.origins():
        mask = standing.view.ranks == origin.caution
        sums[origin] = {
            "documents": int(np.count_nonzero(mask)),
            "bytes": int(standing.bytes[mask].sum()),
            "words": int(standing.words[mask].sum()),
            "human_bytes": int(standing.view.human_bytes[mask].sum()),
        }
    return sums
