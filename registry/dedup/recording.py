"""Record the derived version: its rows, its claims, what went for it, in one transaction."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger, merging, versions
from registry.blobs import Store
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import Assessment, DatasetRef, Visibility
from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.core.entry import EntryKind
from registry.core.evidence import iso_time
from registry.core.lineage import EdgeKind
from registry.core.sketch import SCHEME
from registry.db.base import Base
from registry.db.models import (
    Acquisition,
    Claim,
    Dataset,
    DatasetVersion,
    Deduplication,
    DeduplicationInput,
    LineageEdge,
    Location,
    Selection,
    SketchTable,
)
from registry.dedup import budgets
from registry.dedup.carrying import Carried
from registry.dedup.choosing import Outcome
from registry.dedup.deriving import Derived
from registry.dedup.inputs import Inputs
from registry.documents import Identity
from registry.errors import ConflictError
from registry.index import parts
from registry.query import catalogue

BASE: Final = "derived by deduplication"
"""Stands where other locations have the folder of their files."""
_NOT_ASSESSED: Final = "not_assessed"
_ROWS_PER_ENTRY: Final = 300
"""A leaf of the log has room for so many rows, and some more."""
_MOST_NAMES: Final = 200
_FROM_NARROW: Final = (Visibility.PRIVATE, Visibility.INTERNAL, Visibility.PUBLIC)


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be recorded beside the files.

    Attributes:
        ref: The name of the derived dataset.
        inputs: The versions.
        outcome: Who stays, and who goes for whom.
        carried: The claims that survivors carry.
        budgets: The budget of each version.
        rule: What counted as alike, and in which order documents were kept.
        removals_digest: The digest of the file of removals.
        made_by: Who asked for it.
    """

    ref: DatasetRef
    inputs: Inputs
    outcome: Outcome
    carried: Sequence[Carried]
    budgets: Sequence[Fraction]
    rule: str
    removals_digest: str
    made_by: str

    def texts_of(self, one: Carried) -> bytes | None:
        """Return the content hashes that a claim is about, ascending; None for all documents."""
        if len(one.about) == len(self.outcome.kept):
            return None
        return np.sort(self.inputs.hashes(self.outcome.order[one.about])).tobytes()


def check_name(session: Session, inputs: Inputs, ref: DatasetRef) -> None:
    """Refuse a name under which more people would see the texts than see them now.

    Raises:
        ConflictError: The dataset is there, and others may see it than may see an input.
    """
    owner = catalogue.find_dataset(session, ref)
    if owner is None:
        return
    for side in inputs.sides:
        seen = side.version.dataset.visibility
        if _FROM_NARROW.index(owner.visibility) > _FROM_NARROW.index(seen):
            raise ConflictError(
                f"`{ref.short}` is {owner.visibility} and `{side.ref.short}` is {seen}",
                hint="choose another name: a new dataset is seen by those who see all its inputs",
            )


def known(
    session: Session, inputs: Inputs, ref: DatasetRef, identity: Identity
) -> DatasetVersion | None:
    """Return the version that this deduplication made before, or None if there is none.

    That is the one with this content that was made of the same versions.

    Raises:
        ConflictError: The dataset has a version with this content that came about in another way.
    """
    owner = catalogue.find_dataset(session, ref)
    if owner is None:
        return None
    found = versions.with_content(session, owner, identity.content_root)
    if found is None:
        return None
    name = catalogue.ref_of(found).short
    if found.id in inputs.numbers:
        raise ConflictError(
            f"nothing would be removed from `{name}`", hint="there is nothing to record"
        )
    of = session.scalars(
        sa.select(DeduplicationInput.version_id)
        .join(DeduplicationInput.deduplication)
        .where(Deduplication.version_id == found.id)
    )
    if set(of) != set(inputs.numbers.tolist()):
        raise ConflictError(
            f"`{name}` has exactly these documents, and came about in another way",
            hint="choose another name with `--name`",
        )
    return found


def removals_digest(session: Session, version: DatasetVersion) -> str:
    """Return the digest of the file of what went for a derived version."""
    made = sa.select(Deduplication).where(Deduplication.version_id == version.id)
    return session.execute(made).scalar_one().removals_digest


def record(
    session: Session, store: Store, uid: str, decided: Decided, derived: Derived, now: dt.datetime
) -> DatasetVersion:
    """Write the rows of the derived version, and the log entries that bind them.

    Args:
        session: A writing session.
        store: The registry's storage, with the files in their places.
        uid: The uid they are under.
        decided: What is to be recorded.
        derived: What was written.
        now: The registry's clock.

    Raises:
        ConflictError: The catalogue changed since it was decided.
    """
    inputs = decided.inputs
    inputs.check_unchanged(session)
    check_name(session, inputs, decided.ref)
    rows: list[Base] = []
    narrowest = min(
        (side.version.dataset.visibility for side in inputs.sides), key=_FROM_NARROW.index
    )
    owner: Dataset = versions.dataset(session, decided.ref, narrowest, now, rows)
    totals = derived.gathered.totals
    version = versions.version(session, owner, derived.identity, totals, now, rows)
    place, acquired = _place(session, version, uid, inputs, derived)
    rows += [place, acquired]
    claims = _spoken(derived, decided, place.id)
    claims += [_claim(session, store, decided, it, rows) for it in decided.carried]
    for claim in claims:
        claim.version_id, claim.claimed_at = version.id, now
    edges = [
        LineageEdge(
            version_id=version.id,
            source_id=side.version.id,
            kind=EdgeKind.DEDUPLICATED,
            note=None,
            added_by=decided.made_by,
            added_at=now,
        )
        for side in inputs.sides
    ]
    made = _deduplication(version, decided, now)
    session.add_all([*claims, *edges, made])
    session.flush()
    shares = _inputs(made, decided)
    session.add_all(shares)
    rows += [*claims, *edges, made, *shares]
    for begin in range(0, len(rows), _ROWS_PER_ENTRY):
        ledger.append(
            session,
            EntryKind.VERSION_DEDUPLICATED,
            now=now,
            facts={"version": version.number},
            rows=rows[begin : begin + _ROWS_PER_ENTRY],
        )
    return version


def add_claims(
    session: Session, store: Store, version: DatasetVersion, decided: Decided, now: dt.datetime
) -> int:
    """Add to a version that was made before what its copies were claimed to be since.

    Returns:
        How many claims are new.
    """
    made = {
        (claim.property, _key(claim.value), claim.claimed_by, _digest_of(claim.selection))
        for claim in catalogue.claims(session, version)
    }
    rows: list[Base] = []
    claims = []
    for one in decided.carried:
        raw = decided.texts_of(one)
        digest = None if raw is None else sha256_hex(SELECTION_PREFIX + raw)
        if (one.property, _key(one.value), one.claimed_by, digest) in made:
            continue
        claim = _claim(session, store, decided, one, rows)
        claim.version_id, claim.claimed_at = version.id, now
        claims.append(claim)
    session.add_all(claims)
    rows += claims
    for begin in range(0, len(rows), _ROWS_PER_ENTRY):
        ledger.append(
            session,
            EntryKind.CLAIM_ADDED,
            now=now,
            facts={"version": version.number},
            rows=rows[begin : begin + _ROWS_PER_ENTRY],
        )
    return len(claims)


def _place(
    session: Session, version: DatasetVersion, uid: str, inputs: Inputs, derived: Derived
) -> tuple[Location, Acquisition]:
    """Write the location, whose files are the inputs: `record` is the row in one of them."""
    now = version.registered_at
    place = Location(
        version_id=version.id,
        uid=uid,
        base=BASE,
        options=derived.options.to_json(),
        files=[{"name": side.ref.short} for side in inputs.sides],
        order_root=derived.identity.order_root,
        table_digest=derived.table_digest,
        claims_root=derived.claims_root,
        kept=True,
        sources=[],
        registered_at=now,
    )
    session.add(place)
    session.flush()
    acquired = Acquisition(
        location_id=place.id,
        **{
            column.key: _NOT_ASSESSED
            for column in Acquisition.__table__.columns
            if column.key not in ("id", "location_id")
        },
    )
    table = SketchTable(
        location_id=place.id,
        scheme=SCHEME,
        permutations=derived.asked.params.permutations,
        window=derived.asked.window,
        documents=derived.gathered.totals.documents,
        sketched=sum(part.sketched for part in derived.sketches),
        digest=parts.digest_of(part.digest for part in derived.sketches),
        made_at=now,
    )
    session.add_all([acquired, table, *merging.rows_of(uid, derived.segments, now=now)])
    session.flush()
    return place, acquired


def _spoken(derived: Derived, decided: Decided, place: int) -> list[Claim]:
    """Return the claims that the rows of the table make per document."""
    options, spoken = derived.options, derived.gathered.spoken
    common: dict[str, Any] = {"per_document": True, "claims_root": derived.claims_root}
    said: list[tuple[Property, dict[str, Any]]] = []
    if options.says_origin or options.generator_field:
        value = dict(common)
        if options.says_origin:
            value["origins"] = {str(name): sums for name, sums in spoken.origins.items()}
        if options.generator_field:
            named = spoken.generators.most_common(_MOST_NAMES)
            value["generators"] = dict(sorted(named))
        said.append((Property.ORIGIN, value))
    if options.language_field:
        named = spoken.languages.most_common(_MOST_NAMES)
        said.append((Property.LANGUAGE, common | {"languages": dict(sorted(named))}))
    if options.date_fields:
        value = common | {
            "kinds": sorted(str(kind) for kind, _ in options.date_fields),
            "dated": spoken.dated,
        }
        if spoken.not_before is not None and spoken.not_after is not None:
            value["not_before"] = iso_time(spoken.not_before)
            value["not_after"] = iso_time(spoken.not_after)
        said.append((Property.DATE, value))
    return [
        Claim(
            property=property,
            value=value,
            location_id=place,
            selection_id=None,
            kind=ClaimKind.REGISTRATION,
            assessment=Assessment.DECLARED,
            claimed_by=decided.made_by,
            reason=f"what counted for each document in its own version at log {_log(decided)}",
        )
        for property, value in said
    ]


def _log(decided: Decided) -> str:
    return f"{decided.inputs.log_size:,}"


def _claim(
    session: Session, store: Store, decided: Decided, one: Carried, rows: list[Base]
) -> Claim:
    selection = None
    raw = decided.texts_of(one)
    if raw is not None:
        digest = sha256_hex(SELECTION_PREFIX + raw)
        store.put_selection(digest, raw)
        selection = session.execute(
            sa.select(Selection).where(Selection.digest == digest)
        ).scalar_one_or_none()
        if selection is None:
            selection = Selection(digest=digest, texts=len(one.about))
            session.add(selection)
            session.flush()
            rows.append(selection)
    return Claim(
        property=one.property,
        value=one.value,
        location_id=None,
        selection_id=None if selection is None else selection.id,
        kind=one.kind,
        assessment=one.assessment,
        claimed_by=one.claimed_by,
        reason=one.reason,
    )


def _deduplication(version: DatasetVersion, decided: Decided, now: dt.datetime) -> Deduplication:
    near = int(np.count_nonzero(decided.outcome.near))
    return Deduplication(
        version_id=version.id,
        rule=decided.rule,
        log_size=decided.inputs.log_size,
        documents=decided.inputs.documents,
        exact=len(decided.outcome.removed) - near,
        near=near,
        removals_digest=decided.removals_digest,
        made_by=decided.made_by,
        made_at=now,
    )


def _inputs(made: Deduplication, decided: Decided) -> list[DeduplicationInput]:
    exact, near = decided.outcome.losses(decided.inputs)
    return [
        DeduplicationInput(
            deduplication_id=made.id,
            version_id=side.version.id,
            protected=decided.inputs.protected[at],
            documents=len(decided.inputs.standings[at].hashes),
            exact=int(exact[at]),
            near=int(near[at]),
            budget=budgets.decimal(decided.budgets[at]),
        )
        for at, side in enumerate(decided.inputs.sides)
    ]


def _digest_of(selection: Selection | None) -> str | None:
    return None if selection is None else selection.digest


def _key(value: dict[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)
