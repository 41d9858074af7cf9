"""Which names the claims give each document: generators, licenses, languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from registry.core.claim import Mask, Numbers
from registry.db.models import Claim
from registry.query.standing.columns import Column, constant, width
from registry.query.standing.part import Codes, Part
from registry.query.standing.said import Said

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labels:
    """A set of names per document: `names[codes[i]]` are those of document i."""

    names: tuple[Names, ...]
    codes: Numbers

    def within(self, admitted: Iterable[str]) -> Mask:
        """Return the documents that have labels, all of them among those admitted."""
        wanted = set(admitted)
        good = [bool(names) and set(names) <= wanted for names in self.names]
        return np.array(good, np.bool_)[self.codes]

    def used(self) -> list[str]:
        """Return every name that some document has."""
        present = set(np.unique(self.codes).tolist())
        return sorted(
            {name for code, names in enumerate(self.names) if code in present for name in names}
        )

    def without(self, mask: Mask) -> Labels:
        """Return the labels with those of the masked documents taken away."""
        if not any(self.names) or not mask.any():
            return self
        nothing = len(self.names)
        if mask.all():
            return Labels(((),), constant(0, len(mask)))
        codes = self.codes.astype(np.promote_types(self.codes.dtype, width(0, nothing)))
        codes[mask] = nothing
        return Labels((*self.names, ()), codes)


class LabelColumn:
    """Takes the labels of a version's rows part by part."""

    def __init__(self, said: Said, claims: Sequence[Claim], key: str, column: str | None) -> None:
        """Start with no rows.

        Args:
            said: The claims about the version.
            claims: Those of them that give labels.
            key: Where the value of a claim has the name, or a list of names.
            column: The column in which the data gives names per document, or None.
        """
        self._said = said
        self._claims = claims
        self._key = key
        self._source = column
        self._known: dict[Names, int] = {}
        self._column = Column(said.documents)

    def add(self, part: Part) -> None:
        """Append the labels of the next rows."""
        names, codes = self.combined(part)
        place = np.zeros(len(names), np.int32)
        for code in np.unique(codes).tolist():
            place[code] = self._known.setdefault(tuple(sorted(names[code])), len(self._known))
        self._column.add(place[codes])

    def labels(self) -> Labels:
        """Return the labels of all rows."""
        return Labels(tuple(self._known) or ((),), self._column.array())

    def combined(self, part: Part) -> tuple[list[frozenset[str]], Codes]:
        """Return the sets of names that rows have from all claims together, and which each has."""
        names: list[frozenset[str]] = [frozenset()]
        codes = np.zeros(len(part), np.int32)
        for own, spoken in self._layers(part):
            if len(names) == 1:
                names, codes = [names[0] | _named(name) for name in own], spoken
                continue
            pairs, inverse = np.unique(
                codes.astype(np.int64) * len(own) + spoken, return_inverse=True
            )
            names = [
                names[left] | _named(own[right])
                for left, right in (divmod(pair, len(own)) for pair in pairs.tolist())
            ]
            codes = inverse.astype(np.int32)
        return names, codes

    def _layers(self, part: Part) -> Iterable[tuple[list[str | None], Codes]]:
        """Give what each claim says: names, and which of them each row has."""
        for claim in self._claims:
            if claim.location_id is None:
                said = claim.value.get(self._key)
                if said:
                    mask = self._said.scope(part, claim).astype(np.int32)
                    for name in said if isinstance(said, list) else [said]:
                        yield [None, name], mask
            elif self._source is not None:
                yield self._said.names(part, claim, self._source)


def _named(name: str | None) -> set[str]:
    return set() if name is None else {name}
