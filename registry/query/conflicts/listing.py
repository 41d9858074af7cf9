"""Conflicts in a list, numbered: the same numbers for as long as the log has one size.

Seen from one version, `here` is that version; in the list of all, each conflict between versions
comes once, and `here` is the one that comes first by name and number. A conflict within a version
has it on both sides, and names the two claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.contents import Hashes
from registry.core.dataset import DatasetRef
from registry.db.models import Claim, DatasetVersion, OverlapKind
from registry.errors import NotFoundError
from registry.query import catalogue
from registry.query.conflicts import inside, pairs
from registry.query.live import live
from registry.query.overlaps.differences import Difference
from registry.query.overlaps.records import overlaps_of
from registry.query.visible import visible_version

_ORDER = ("origin", "generator", "license", "language", "date")


@dataclass(frozen=True, slots=True)
class Found:
    """A conflict.

    Attributes:
        property: What it is about.
        here: One version.
        there: The other one, or the same.
        texts: How many texts it is about.
        cases: What both sides say, and of how many texts.
        claims: The numbers of the two claims, where both are about one version.
        hashes: The texts, where they are at hand.
    """

    property: str
    here: DatasetVersion
    there: DatasetVersion
    texts: int
    cases: tuple[dict[str, Any], ...]
    claims: tuple[int, int] | None = None
    hashes: Hashes | None = None

    def to_json(self, number: int) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "number": number,
            "property": self.property,
            "texts": self.texts,
            "here": _named(self.here),
            "there": _named(self.there),
            "claims": None if self.claims is None else list(self.claims),
            "cases": list(self.cases),
        }


def of_version(
    session: Session, store: Store, version: DatasetVersion, caller: Caller = OPERATOR
) -> list[Found]:
    """Return the conflicts that a version has a side in, the gravest property first.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        caller: Who asks: what they may not see contradicts nothing.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    found = [*_between(session, store, version, caller), *_inside(session, store, version, caller)]
    return sorted(found, key=_place)


def everywhere(session: Session, store: Store, caller: Caller = OPERATOR) -> list[Found]:
    """Return every conflict that the caller may see, by the names of their sides.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    versions = session.scalars(
        sa.select(DatasetVersion).where(
            DatasetVersion.id.in_(sa.select(Claim.version_id).where(live())),
            visible_version(caller, DatasetVersion.id),
        )
    ).all()
    found: list[Found] = []
    for version in sorted(versions, key=_name):
        some = of_version(session, store, version, caller)
        found += [it for it in some if _name(it.here) <= _name(it.there)]
    return found


def numbered(
    session: Session, store: Store, ref: DatasetRef | None, caller: Caller = OPERATOR
) -> list[dict[str, Any]]:
    """Return conflicts as documents: those of one version, or all.

    Raises:
        NotFoundError: There is no such version that the caller may see.
        ConflictError: A document table or stored selection is missing or was changed.
    """
    if ref is None:
        found = everywhere(session, store, caller)
    else:
        found = of_version(session, store, catalogue.version(session, ref, caller), caller)
    return [it.to_json(number) for number, it in enumerate(found, 1)]


def texts_of(session: Session, store: Store, ref: DatasetRef, number: int) -> tuple[Found, Hashes]:
    """Return a conflict of a version by its number, and the texts that it is about.

    Raises:
        NotFoundError: There is no such version or conflict.
        ConflictError: A document table or stored selection is missing or was changed.
    """
    found = of_version(session, store, catalogue.version(session, ref), OPERATOR)
    if not 1 <= number <= len(found):
        raise NotFoundError(
            f"there is no conflict {number} of `{ref.short}`",
            hint=f"it has {len(found)}; `firsthand conflicts {ref.short}` lists them",
        )
    one = found[number - 1]
    if one.hashes is not None:
        return one, one.hashes
    return one, pairs.texts(session, store, (one.here, one.there), one.property, OPERATOR)


def _between(
    session: Session, store: Store, version: DatasetVersion, caller: Caller
) -> Iterator[Found]:
    for item in overlaps_of(session, version, caller):
        if item.kind is not OverlapKind.EXACT:
            continue
        turned = item.other_id == version.id
        other = item.version if turned else item.other
        for one in pairs.differences(session, store, item, caller):
            seen = Difference.from_json(one.to_json(), turned=turned)
            cases = tuple(case.to_json() for case in seen.cases)
            yield Found(seen.property, version, other, seen.texts, cases)


def _inside(
    session: Session, store: Store, version: DatasetVersion, caller: Caller
) -> Iterator[Found]:
    for one in inside.contradictions(session, store, version, caller):
        texts = len(one.hashes)
        case = {"here": one.here, "there": one.there, "texts": texts}
        yield Found(one.property, version, version, texts, (case,), one.numbers, one.hashes)


def _named(version: DatasetVersion) -> dict[str, Any]:
    return {"dataset": str(catalogue.ref_of(version).dataset), "version": version.number}


def _name(version: DatasetVersion) -> tuple[str, int]:
    return str(catalogue.ref_of(version).dataset), version.number


def _place(found: Found) -> tuple[Any, ...]:
    """Return what sorts conflicts: the gravest property, others before oneself, then the size."""
    own = found.here.id == found.there.id
    return (
        _ORDER.index(found.property),
        own,
        -found.texts,
        _name(found.there),
        found.claims or (0, 0),
    )
