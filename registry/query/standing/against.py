"""Who contradicts: claims of other versions about the same texts, version by version.

`lower` only needs the most cautious of all that is said; whoever is to be told why a text does not
count as human, or is later than its owner says, needs to know who says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from registry.core.claim import Mask, Property
from registry.core.contents import Hashes, member
from registry.core.dataset import Origin
from registry.core.evidence import DateInterval, DateKind
from registry.db.models import Claim, DatasetVersion
from registry.query.standing.everywhere import not_human
from registry.query.standing.part import EVERYTHING, Part
from registry.query.standing.said import Said


@dataclass(frozen=True, slots=True)
class Voice:
    """What a version says against some texts.

    Attributes:
        version: The version that it is said about.
        hashes: The texts, ascending.
        origin: The most cautious origin that is claimed for any of them; None for a date.
    """

    version: DatasetVersion
    hashes: Hashes
    origin: Origin | None = None


def called_otherwise(texts: Hashes, everything: Iterable[Said]) -> Iterator[Voice]:
    """Give each version of which a live claim calls any of some texts not human.

    Args:
        texts: Content hashes, ascending.
        everything: What is said about the versions that may have them.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    for said in everything:
        found: list[Hashes] = []
        highest = -1
        for hashes, ranks, _ in not_human(said):
            there = member(hashes, texts)
            if there.any():
                found.append(hashes[there])
                highest = max(highest, int(ranks[there].max()))
        if found:
            origin = next(it for it in Origin if it.caution == highest)
            yield Voice(said.version, np.unique(np.concatenate(found)), origin)


def written_since(texts: Hashes, moment: int, everything: Iterable[Said]) -> Iterator[Voice]:
    """Give each version of which a live claim says that any of some texts was written later.

    Only dates of writing say that: a copy may be published, captured and collected at any time.

    Args:
        texts: Content hashes, ascending.
        moment: Microseconds since 1970 UTC; that, or later.
        everything: What is said about the versions that may have them.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    for said in everything:
        claims = [claim for claim in said.of(Property.DATE) if _may_say(claim, moment)]
        found = []
        for part in said.parts(EVERYTHING) if claims else ():
            there = member(part.hashes, texts)
            for claim in claims if there.any() else ():
                since = there & _since(said, part, claim, moment)
                found.append(part.hashes[since])
        if any(len(hashes) for hashes in found):
            yield Voice(said.version, np.unique(np.concatenate(found)))


def _may_say(claim: Claim, moment: int) -> bool:
    if claim.location_id is None:
        interval = DateInterval.from_json(claim.value)
        return interval.kind.bounds_below and interval.not_before >= moment
    return any(DateKind(kind).bounds_below for kind in claim.value["kinds"])


def _since(said: Said, part: Part, claim: Claim, moment: int) -> Mask:
    """Return the rows that a claim says were written at a moment or later."""
    if claim.location_id is None:
        return said.scope(part, claim)
    ever = np.iinfo(np.int64).min
    if said.here(claim):
        times = part.times("not_before", ever)
    else:
        times = said.elsewhere(claim).times(part.hashes, "not_before", ever)
    since: Mask = times >= moment
    return since
