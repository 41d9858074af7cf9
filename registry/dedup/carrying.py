"""What survivors carry of the claims about their copies: whose word each is, and for which texts.

- A claim about a document counts for its survivor if the texts are equal: origin, generator,
  license, language.
- Of a near copy only the license terms come along, and only to a survivor that has a license
  itself: they add terms, and lend none. Its origin, generator, language and dates do not: a claim
  is about the bytes of a text, and would count for these bytes in every version that has them.
- Dates are those of the surviving document itself (`registry.dedup.deriving`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.batch.sources import Ids
from registry.blobs import Store
from registry.core.claim import ClaimKind, Property
from registry.core.contents import member
from registry.core.dataset import ORIGINS_BY_CAUTION, Assessment, Origin
from registry.db.models import Claim
from registry.dedup.choosing import Outcome
from registry.dedup.inputs import Inputs
from registry.documents import as_hashes
from registry.query.standing.labels import LabelColumn
from registry.query.standing.part import EVERYTHING

Mask = npt.NDArray[np.bool_]

CARRIED: Final = (Property.ORIGIN, Property.LICENSE, Property.LANGUAGE)


@dataclass(frozen=True, slots=True)
class Carried:
    """A claim that a survivor's copies bring along.

    Attributes:
        property: What it is about.
        value: What is claimed.
        kind: On which occasion.
        assessment: How far it was looked into.
        claimed_by: Who said so.
        reason: Where it comes from.
        about: The texts it is about, each by the rank of the document that stays, ascending.
    """

    property: Property
    value: dict[str, Any]
    kind: ClaimKind
    assessment: Assessment
    claimed_by: str
    reason: str
    about: Ids


def carried(inputs: Inputs, store: Store, outcome: Outcome) -> Iterator[Carried]:
    """Give all claims that the survivors carry.

    Args:
        inputs: The versions.
        store: The registry's storage.
        outcome: Who stays, and who goes for whom.

    Raises:
        ConflictError: A stored selection or a document table is missing or was changed.
    """
    scopes = _Scopes(inputs, store, outcome)
    terms: list[tuple[int, Claim, Mask]] = []
    for at, side in enumerate(inputs.sides):
        for claim in inputs.claims(at):
            if claim.property not in CARRIED or claim.location_id is not None:
                continue
            about = scopes.texts_of(at, claim)
            came = f"claimed of `{side.ref.short}`, whose texts these are"
            yield from scopes.carry(claim, about & outcome.staying, came)
            if claim.property is Property.LICENSE:
                terms.append((at, claim, about))
        yield from scopes.labels(at)
    yield from _terms_of_near(inputs, scopes, outcome, terms)


def _terms_of_near(
    inputs: Inputs, scopes: _Scopes, outcome: Outcome, terms: list[tuple[int, Claim, Mask]]
) -> Iterator[Carried]:
    """Give the licenses that near copies add to survivors which have one."""
    if not terms:
        return
    licensed = np.zeros(inputs.documents, np.bool_)
    for _, _, about in terms:
        licensed |= about
    added = [np.zeros(inputs.documents, np.bool_) for _ in terms]
    for stay, gone in outcome.met():
        able = licensed[stay]
        stay, gone = stay[able], gone[able]
        for mask, (_, _, about) in zip(added, terms, strict=True):
            mask[stay[about[gone]]] = True
    for mask, (at, claim, about) in zip(added, terms, strict=True):
        came = f"claimed of near copies in `{inputs.sides[at].ref.short}`: their terms apply too"
        yield from scopes.carry(claim, mask & ~about, came)


class _Scopes:
    """Which texts claims are about. Texts are numbered by the rank of their best document."""

    def __init__(self, inputs: Inputs, store: Store, outcome: Outcome) -> None:
        self._inputs = inputs
        self._store = store
        self._outcome = outcome

    def texts_of(self, at: int, claim: Claim) -> Mask:
        """Return the texts of a version that a claim about it is about."""
        inputs = self._inputs
        begin, end = inputs.starts[at], inputs.starts[at + 1]
        leads = self._outcome.lead[begin:end]
        if claim.selection is not None:
            listed = as_hashes(self._store.selection(claim.selection.digest))
            leads = leads[member(inputs.standings[at].hashes, listed)]
        return self._mask(leads)

    def carry(self, claim: Claim, texts: Mask, came: str) -> Iterator[Carried]:
        """Give a claim as it counts for some texts that stay, if there are any."""
        if texts.any():
            yield Carried(
                claim.property,
                dict(claim.value),
                _kind_of(claim),
                claim.assessment,
                claim.claimed_by,
                _because(came, claim.reason),
                np.flatnonzero(texts),
            )

    def labels(self, at: int) -> Iterator[Carried]:
        """Give what the data of a version says per document about texts that another kept.

        Of documents that stay themselves it stands in their rows (`registry.dedup.deriving`).
        """
        inputs, outcome = self._inputs, self._outcome
        said = inputs.said[at]
        spoken = [claim for claim in said.claims if claim.location_id is not None]
        if not spoken:
            return
        begin, end = int(inputs.starts[at]), int(inputs.starts[at + 1])
        leads = outcome.lead[begin:end]
        stays = outcome.staying[leads]
        others = stays & (outcome.order[leads] != np.arange(begin, end))
        came = f"what `{inputs.sides[at].ref.short}` says of equal texts"
        for property, key, column in (
            (Property.ORIGIN, "generators", "generator"),
            (Property.LANGUAGE, "language", "language"),
        ):
            claims = [claim for claim in spoken if claim.property is property]
            if not claims:
                continue
            labels = LabelColumn(said, claims, key, column)
            for part in said.parts(EVERYTHING):
                labels.add(part)
            found = labels.labels()
            for code, names in enumerate(found.names):
                alike = found.codes == code
                for number, name in enumerate(names):
                    # A row has room for one name: of documents that stay it has the first.
                    mask = self._mask(leads[alike & (others if not number else stays)])
                    value: dict[str, Any] = {key: [name] if key == "generators" else name}
                    yield from self._made(claims[0], property, value, mask, came)
        about = [claim for claim in spoken if claim.property is Property.ORIGIN]
        if about and "origins" in about[0].value:
            yield from self._origins(at, about[0], leads, others, came)

    def _origins(
        self, at: int, claim: Claim, leads: Ids, others: Mask, came: str
    ) -> Iterator[Carried]:
        said = self._inputs.said[at]
        ranks = np.concatenate([said.voice(part, claim).ranks for part in said.parts(EVERYTHING)])
        for origin in ORIGINS_BY_CAUTION:
            # A record without a label says nothing, and a part of a text is no uniform claim.
            if origin in (Origin.UNKNOWN, Origin.MIXED):
                continue
            mask = self._mask(leads[others & (ranks == origin.caution)])
            yield from self._made(claim, Property.ORIGIN, {"origin": str(origin)}, mask, came)

    def _made(
        self, claim: Claim, property: Property, value: dict[str, Any], texts: Mask, came: str
    ) -> Iterator[Carried]:
        if texts.any():
            yield Carried(
                property,
                value,
                _kind_of(claim),
                claim.assessment,
                claim.claimed_by,
                came,
                np.flatnonzero(texts),
            )

    def _mask(self, leads: Ids) -> Mask:
        mask = np.zeros(self._inputs.documents, np.bool_)
        mask[leads] = True
        return mask


def _kind_of(claim: Claim) -> ClaimKind:
    """Return on which occasion a claim counts for the survivor: its dispute is about the copy."""
    return ClaimKind.CORRECTION if claim.kind is ClaimKind.DISPUTE else claim.kind


def _because(came: str, reason: str | None) -> str:
    return came if reason is None else f"{came}: {reason}"
