"""What the live claims about a version say about some of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.claim import (
    UNSAID,
    Mask,
    OriginVoice,
    Property,
    uniform,
)
from registry.core.contents import Hashes, member
from registry.core.dataset import Origin
from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.core.lineage import EdgeKind
from registry.db.models import Claim, DatasetVersion, Location
from registry.errors import ConflictError
from registry.query import catalogue
from registry.query.standing.elsewhere import Elsewhere
from registry.query.standing.part import Codes, Part, parts


class Said:
    """The live claims about a version, to be asked about parts of its first location's table.

    Attributes:
        version: The version.
        claims: All live claims about it.
        location: The location whose reading order the rows have.
        by_model: Lineage says that a model made all of it: then no claim makes it human.
    """

    def __init__(
        self, session: Session, store: Store, version: DatasetVersion, caller: Caller
    ) -> None:
        """Read the claims; lineage from what the caller may not see does not count."""
        self.version = version
        self.claims = catalogue.claims(session, version)
        self.location = catalogue.locations(session, version)[0]
        edges = catalogue.sources_of(session, version, caller)
        self.by_model = any(edge.kind is EdgeKind.GENERATED for edge in edges)
        self._store = store
        self._selections: dict[str, Hashes] = {}
        self._elsewhere: dict[int, Elsewhere] = {}

    def parts(self, columns: tuple[str, ...]) -> Iterator[Part]:
        """Give the rows of the version in parts.

        Raises:
            ConflictError: The document table is missing or was changed.
        """
        return parts(self._store, self.location, columns)

    def of(self, property: Property) -> list[Claim]:
        """Return the claims about one property."""
        return [item for item in self.claims if item.property is property]

    def here(self, claim: Claim) -> bool:
        """Return whether a claim is what the data of the first location says per document."""
        return claim.location_id == self.location.id

    def elsewhere(self, claim: Claim) -> Elsewhere:
        """Return the location whose data a claim stands for.

        Raises:
            ConflictError: Its document table is missing or was changed.
        """
        place = _place(claim)
        if place.id not in self._elsewhere:
            self._elsewhere[place.id] = Elsewhere(self._store, place)
        return self._elsewhere[place.id]

    def scope(self, part: Part, claim: Claim) -> Mask:
        """Return the rows that a claim is about.

        Raises:
            ConflictError: The stored selection is missing or was changed.
        """
        if claim.selection is None:
            return np.ones(len(part), np.bool_)
        digest = claim.selection.digest
        if digest not in self._selections:
            raw = self._store.selection(digest)
            if sha256_hex(SELECTION_PREFIX + raw) != digest:
                raise ConflictError(
                    f"the stored selection `{digest[:16]}…` was changed after it was claimed",
                    hint="restore the storage folder from a backup",
                )
            self._selections[digest] = documents.as_hashes(raw)
        return member(part.hashes, self._selections[digest])

    def voice(self, part: Part, claim: Claim) -> OriginVoice:
        """Return what an origin claim says about each row."""
        if claim.location_id is None:
            said = claim.value.get("origin")
            mask = self.scope(part, claim)
            return uniform(Origin(said), mask) if said else uniform(Origin.UNKNOWN, mask & False)
        return part.voice() if self.here(claim) else self.elsewhere(claim).voice(part.hashes)

    def voices(self, part: Part) -> list[OriginVoice]:
        """Return all that is said about the origin of each row."""
        about = self.of(Property.ORIGIN)
        voices = [self.voice(part, item) for item in about]
        voices.append(self.named_generator(part, about, voices))
        if self.by_model:
            voices.append(uniform(Origin.AI, np.ones(len(part), np.bool_)))
        return voices

    def named_generator(
        self, part: Part, claims: Sequence[Claim], voices: Sequence[OriginVoice]
    ) -> OriginVoice:
        """Return what records say that name a generator and no origin: not human, whatever else.

        It contradicts a claim of human and fills silence; it does not speak where the origin is
        said to be anything else. A record that is itself labelled human keeps its label: corpora
        of pairs name beside a human text the model that answered it.

        Args:
            part: The rows.
            claims: The claims about origin.
            voices: What they say about the rows.
        """
        named = np.zeros(len(part), np.bool_)
        for claim in claims:
            if "origins" not in claim.value:
                named |= self._generated(part, claim)
        highest = np.full(len(part), UNSAID, np.int8)
        for voice in voices:
            highest = np.maximum(highest, voice.ranks)
        return uniform(Origin.UNKNOWN, named & (highest <= Origin.HUMAN.caution))

    def _generated(self, part: Part, claim: Claim) -> Mask:
        """Return the rows whose generator is named by what a claim says per document."""
        if claim.location_id is None:
            return np.zeros(len(part), np.bool_)
        return (
            part.generated() if self.here(claim) else self.elsewhere(claim).generated(part.hashes)
        )

    def names(self, part: Part, claim: Claim, column: str) -> tuple[list[str | None], Codes]:
        """Return the names that the data itself gives each row."""
        if self.here(claim):
            return part.names(column)
        return self.elsewhere(claim).names(part.hashes, column)


def _place(claim: Claim) -> Location:
    """Return the location whose table holds what a claim says per document."""
    if claim.location is None:
        raise ConflictError(
            f"claim {claim.id} has lost its location", hint="run `firsthand db check`"
        )
    return claim.location
