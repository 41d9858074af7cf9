"""What the live claims about a version say about some of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

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
from registry.core.lineage import EdgeKind
from registry.db.models import Claim, DatasetVersion, LineageEdge, Location
from registry.errors import ConflictError
from registry.query import catalogue
from registry.query.standing.elsewhere import Elsewhere
from registry.query.standing.fields import FieldShares, granted_by_others
from registry.query.standing.part import EVERYTHING, Codes, Part, parts


class Tables(Protocol):
    """Where rows of document tables come from: all of a version's, or those that are asked about.

    Whatever rows they are, every location of a version gives rows with the same texts, and all
    that it has of them.
    """

    def documents(self, version: DatasetVersion) -> int:
        """Return how many rows of a version there are."""
        ...

    def parts(self, location: Location, columns: tuple[str, ...]) -> Iterable[Part]:
        """Give the rows of a location in parts; at least one.

        Raises:
            ConflictError: The table is missing or was changed.
        """
        ...

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes, ascending.

        Raises:
            ConflictError: It is missing or was changed.
        """
        ...

    def raw(self, digest: str) -> bytes:
        """Return a stored file that goes with a list of content hashes.

        Raises:
            ConflictError: It is missing or was changed.
        """
        ...


class WholeTables:
    """Document tables as the storage has them, with all their rows.

    Args:
        store: The registry's storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def documents(self, version: DatasetVersion) -> int:
        """Return how many documents a version has."""
        return version.documents

    def parts(self, location: Location, columns: tuple[str, ...]) -> Iterable[Part]:
        """Give all rows of a location."""
        return parts(self._store, location, columns)

    def selection(self, digest: str) -> Hashes:
        """Return a stored list of content hashes."""
        return documents.as_hashes(self._store.selection(digest))

    def raw(self, digest: str) -> bytes:
        """Return a stored file that goes with a list of content hashes."""
        return self._store.selection(digest)


@dataclass(frozen=True, slots=True)
class About:
    """What the catalogue knows about a version's texts as a whole.

    Attributes:
        version: The version.
        claims: All live claims about it.
        locations: The places it was found at; the rows have the reading order of the first one.
        sources: What it was derived from.
        salts: Of erased texts the table has salted hashes: with which salts.
    """

    version: DatasetVersion
    claims: Sequence[Claim]
    locations: Sequence[Location]
    sources: Sequence[LineageEdge]
    salts: Sequence[bytes] = ()

    @classmethod
    def of(cls, session: Session, version: DatasetVersion, caller: Caller) -> Self:
        """Read it; lineage from what the caller may not see does not count."""
        return cls(
            version,
            catalogue.claims(session, version),
            catalogue.locations(session, version),
            catalogue.sources_of(session, version, caller),
            catalogue.salts(session, [version.id]).get(version.id, ()),
        )

    @classmethod
    def of_all(cls, session: Session, caller: Caller) -> list[Self]:
        """Read it of every version that the caller may see, with six statements."""
        versions = catalogue.all_versions(session, caller)
        claims = catalogue.claims_of_all(session, caller)
        locations = catalogue.locations_of_all(session, caller)
        sources = catalogue.sources_of_all(session, caller)
        salts = catalogue.salts(session)
        return [
            cls(
                it,
                claims.get(it.id, []),
                locations[it.id],
                sources.get(it.id, []),
                salts.get(it.id, ()),
            )
            for it in versions
        ]

    @property
    def by_model(self) -> list[LineageEdge]:
        """Return the edges that say that a model made all of it: no claim makes it human then."""
        return [edge for edge in self.sources if edge.kind is EdgeKind.GENERATED]


class Said:
    """The live claims about a version, to be asked about parts of its first location's table.

    Attributes:
        version: The version.
        documents: How many rows `parts` gives.
        claims: All live claims about it.
        location: The location whose reading order the rows have.
        by_model: Lineage says that a model made all of it: then no claim makes it human.
    """

    def __init__(self, about: About, tables: Tables) -> None:
        """Ask claims about the rows that the tables give."""
        self.version = about.version
        self.documents = tables.documents(about.version)
        self.claims = about.claims
        self.location = about.locations[0]
        self.by_model = bool(about.by_model)
        self.salts = about.salts
        self._tables = tables
        self._selections: dict[str, Hashes] = {}
        self._fields: dict[str, FieldShares] = {}
        self._elsewhere: dict[int, Elsewhere] = {}

    @classmethod
    def of_version(
        cls, session: Session, store: Store, version: DatasetVersion, caller: Caller
    ) -> Self:
        """Ask the claims about all rows of a version."""
        return cls(About.of(session, version, caller), WholeTables(store))

    def parts(self, columns: tuple[str, ...]) -> Iterable[Part]:
        """Give the rows in parts.

        Raises:
            ConflictError: The document table is missing or was changed.
        """
        return self._tables.parts(self.location, columns)

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
            self._elsewhere[place.id] = Elsewhere(self._tables.parts(place, EVERYTHING))
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
            self._selections[digest] = self._tables.selection(digest)
        return member(part.hashes, self._selections[digest])

    def voice(self, part: Part, claim: Claim) -> OriginVoice:
        """Return what an origin claim says about each row."""
        if claim.location_id is None:
            said = claim.value.get("origin")
            mask = self.scope(part, claim)
            if FieldShares.KEY in claim.value:
                return self._shares(claim).voice(part.hashes, mask)
            return uniform(Origin(said), mask) if said else uniform(Origin.UNKNOWN, mask & False)
        return part.voice() if self.here(claim) else self.elsewhere(claim).voice(part.hashes)

    def voices(self, part: Part) -> list[OriginVoice]:
        """Return all that is said about the origin of each row."""
        about = self.of(Property.ORIGIN)
        voices = [self.voice(part, item) for item in about]
        voices = granted_by_others(voices, [FieldShares.KEY in item.value for item in about])
        voices.append(self.named_generator(part, about, voices))
        if self.by_model:
            voices.append(uniform(Origin.AI, np.ones(len(part), np.bool_)))
        return voices

    def _shares(self, claim: Claim) -> FieldShares:
        """Return the shares that a claim about one field leaves to the other fields."""
        value = claim.value[FieldShares.KEY]
        if value["bytes"] not in self._fields:
            texts, raw = self._tables.selection(value["texts"]), self._tables.raw(value["bytes"])
            self._fields[value["bytes"]] = FieldShares.of(claim.value, texts, raw)
        return self._fields[value["bytes"]]

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
