"""On what those who speak about a text differ, each of them named.

Silence contradicts nothing, and neither does registering a text as unknown, which says that
somebody does not know. Dates contradict each other when by one side the text was made only after
it existed by the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from registry.core.claim import UNSAID, ClaimKind, Property
from registry.core.contents import Rows
from registry.core.dataset import ORIGINS_BY_CAUTION, Origin
from registry.db.models import DatasetVersion
from registry.query.standing.part import Part
from registry.query.standing.said import About, Said
from registry.query.whereis.place import Place


@dataclass(frozen=True, slots=True)
class Voice:
    """What one claim, record or lineage edge says about the origin of a text.

    Attributes:
        version: What it is about.
        origin: The origin.
        generators: Who it says wrote the text.
        claimed_by: Who says so.
        claimed_at: When.
        basis: `registration` or `correction`, the kind of the claim; `generator`, a record that
            names one and no origin; `lineage`, the version was generated from another.
    """

    version: DatasetVersion
    origin: Origin
    generators: tuple[str, ...]
    claimed_by: str
    claimed_at: dt.datetime
    basis: str

    @property
    def is_silent(self) -> bool:
        """Return whether it only says that somebody does not know."""
        return self.origin is Origin.UNKNOWN and self.basis == ClaimKind.REGISTRATION


@dataclass(frozen=True, slots=True)
class Side:
    """What is said about one property of a text on behalf of one version.

    Attributes:
        version: The version.
        says: Names of origins, generators or licenses; of a date, when the text was made.
        generators: Who wrote the text, where the property is its origin.
        claimed_by: Who says so.
        basis: As in `Voice`; None for other properties than the origin.
    """

    version: DatasetVersion
    says: tuple[str, ...]
    claimed_by: tuple[str, ...]
    generators: tuple[str, ...] = ()
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A property on which sides differ: origin, generator, license or date, the gravest first."""

    property: str
    sides: tuple[Side, ...]


def voices(about: About, said: Said, part: Part, rows: Rows) -> list[Voice]:
    """Return all that is said about the origin of some rows with one text, each once.

    Args:
        about: What is known of the version.
        said: Its claims.
        part: The rows that they are asked about.
        rows: Which of those.
    """
    found: dict[Voice, None] = {}
    claims = said.of(Property.ORIGIN)
    spoken = [said.voice(part, claim) for claim in claims]
    for claim, voice in zip(claims, spoken, strict=True):
        for row in rows.tolist():
            if voice.ranks[row] == UNSAID:
                continue
            if claim.location_id is None:
                generators = tuple(claim.value.get("generators", ()))
            else:
                names, codes = said.names(part, claim, "generator")
                name = names[codes[row]]
                generators = () if name is None else (name,)
            found[
                Voice(
                    about.version,
                    ORIGINS_BY_CAUTION[voice.ranks[row]],
                    generators,
                    claim.claimed_by,
                    claim.claimed_at,
                    str(claim.kind),
                )
            ] = None
    named = said.named_generator(part, claims, spoken)
    for row in rows.tolist():
        if named.ranks[row] == UNSAID:
            continue
        for claim in claims:
            if claim.location_id is not None and "origins" not in claim.value:
                names, codes = said.names(part, claim, "generator")
                name = names[codes[row]]
                if name is not None:
                    origin, by = Origin.UNKNOWN, claim.claimed_by
                    voice_of = Voice(
                        about.version, origin, (name,), by, claim.claimed_at, "generator"
                    )
                    found[voice_of] = None
    for edge in about.by_model:
        found[Voice(about.version, Origin.AI, (), edge.added_by, edge.added_at, "lineage")] = None
    return list(found)


def conflicts(spoken: Sequence[Voice], places: Sequence[Place]) -> list[Conflict]:
    """Return on what the sides differ about one text.

    Args:
        spoken: All that is said about its origin.
        places: Where it is, and what counts there.
    """
    found = []
    loud = [voice for voice in spoken if not voice.is_silent]
    contested = any(place.contested for place in places)
    if contested or len({voice.origin for voice in loud}) > 1:
        found.append(
            Conflict("origin", tuple(_of_voice(it) for it in (spoken if contested else loud)))
        )
    if _differ(place.generators for place in places):
        sides = _sides(places, "generator")
        found.append(Conflict("generator", sides))
    if _differ(place.licenses for place in places):
        found.append(Conflict("license", _sides(places, "license")))
    if _apart(places):
        found.append(Conflict("date", _sides(places, "date")))
    return found


def _of_voice(voice: Voice) -> Side:
    return Side(
        voice.version, (str(voice.origin),), (voice.claimed_by,), voice.generators, voice.basis
    )


def _differ(names: Iterable[tuple[str, ...]]) -> bool:
    return len({item for item in names if item}) > 1


def _apart(places: Sequence[Place]) -> bool:
    """Return whether one place says that the text was made after another says that it existed."""
    begins = [place.not_before for place in places if place.not_before is not None]
    ends = [place.not_after for place in places if place.not_after is not None]
    return bool(begins and ends) and max(begins) > min(ends)


def _sides(places: Sequence[Place], property: str) -> tuple[Side, ...]:
    """Return the sides of a property that claims about the whole version or its records give."""
    about = Property.ORIGIN if property == "generator" else Property(property)
    found: dict[Side, None] = {}
    for place in places:
        says = _says(place, property)
        if says:
            by = {claim.claimed_by for claim in place.known.about.claims if claim.property is about}
            found[Side(place.version, says, tuple(sorted(by)))] = None
    return tuple(found)


def _says(place: Place, property: str) -> tuple[str, ...]:
    if property == "generator":
        return place.generators
    if property == "license":
        return place.licenses
    return place.dates
