"""Where the live claims about one version contradict each other about the same texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.claim import UNSAID, ClaimKind, Mask, Property
from registry.core.contents import Hashes, distinct_at
from registry.core.dataset import Origin
from registry.core.evidence import DateInterval
from registry.db.models import DatasetVersion
from registry.query.disputes import Numbered, numbered
from registry.query.standing.part import ORIGINS, Part
from registry.query.standing.said import Said
from registry.query.words import claim_in_words


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two claims about one version that cannot both hold of some texts.

    Attributes:
        property: What they are about.
        numbers: The numbers of the claims within the version.
        here: What the first one says.
        there: What the second one says.
        hashes: The texts, ascending.
    """

    property: str
    numbers: tuple[int, int]
    here: str
    there: str
    hashes: Hashes


def contradictions(
    session: Session, store: Store, version: DatasetVersion, caller: Caller
) -> Iterator[Contradiction]:
    """Give the pairs of live claims that contradict each other, the gravest property first.

    Silence contradicts nothing, and neither does registering a text as unknown.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        caller: Who asks.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    claims = [it for it in numbered(session, version) if it.ended is None]
    for property in (Property.ORIGIN, Property.LICENSE, Property.LANGUAGE, Property.DATE):
        about = [it for it in claims if it.claim.property is property]
        pairs = [pair for pair in combinations(about, 2) if _may_differ(*pair)]
        if not pairs:
            continue
        said = Said.of_version(session, store, version, caller)
        found: list[list[Hashes]] = [[] for _ in pairs]
        for part in said.parts(ORIGINS):
            for texts, pair in zip(found, pairs, strict=True):
                texts.append(part.hashes[_differ(said, part, *pair)])
        for texts, (one, two) in zip(found, pairs, strict=True):
            ordered = np.sort(np.concatenate(texts))
            hashes = ordered[distinct_at(ordered)] if len(ordered) else ordered
            if len(hashes):
                yield Contradiction(
                    str(property), (one.number, two.number), _says(one), _says(two), hashes
                )


def _says(item: Numbered) -> str:
    return claim_in_words({"property": item.claim.property, "value": item.claim.value})


def _may_differ(one: Numbered, two: Numbered) -> bool:
    """Return whether two claims about one property can contradict each other at all."""
    first, second = one.claim, two.claim
    if first.property is Property.ORIGIN:
        return first.value != second.value or first.location_id is not None
    # What the data says per document of other properties is no contradiction that can be listed.
    if first.location_id is not None or second.location_id is not None:
        return False
    if first.property is Property.DATE:
        brackets = [DateInterval.from_json(it.value) for it in (first, second)]
        return brackets[0].kind is brackets[1].kind and max(it.not_before for it in brackets) > min(
            it.not_after for it in brackets
        )
    key = str(first.property)
    return first.value.get(key) != second.value.get(key)


def _differ(said: Said, part: Part, one: Numbered, two: Numbered) -> Mask:
    if one.claim.property is not Property.ORIGIN:
        both: Mask = said.scope(part, one.claim) & said.scope(part, two.claim)
        return both
    ranks = []
    spoken = np.ones(len(part), np.bool_)
    for item in (one, two):
        voice = said.voice(part, item.claim)
        ranks.append(voice.ranks)
        spoken &= voice.ranks != UNSAID
        if item.claim.kind is ClaimKind.REGISTRATION:
            spoken &= voice.ranks != Origin.UNKNOWN.caution
    different: Mask = spoken & (ranks[0] != ranks[1])
    return different
