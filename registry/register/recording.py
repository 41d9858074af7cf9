"""Write the rows of a registration, and the log entry that binds them, in one transaction.

Content that is known makes no new version: what is new about it, a claim or a place, is added.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import intents, ledger, readers, versions
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import (
    Assessment,
    DatasetRef,
)
from registry.core.entry import EntryKind
from registry.core.evidence import DateInterval, iso_time
from registry.core.source import ReadOptions
from registry.db.base import Base
from registry.db.models import (
    Acquisition,
    Claim,
    Dataset,
    DatasetVersion,
    Location,
    RoleChange,
)
from registry.intake.run import Draft
from registry.places import relative
from registry.query import catalogue, protection
from registry.register import indexing
from registry.register.declaration import NOT_ASSESSED, Acquired, Declaration, Outcome, Registration
from registry.register.indexing import Made, Wanted
from registry.register.reading import Asked

MAX_GENERATORS: Final = 200


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded, and whether the document table that was written is needed."""

    registration: Registration
    uses_table: bool


def wanted(session: Session, asked: Asked, draft: Draft) -> Wanted:
    """Return what recording this now would add to the index."""
    owner = catalogue.find_dataset(session, asked.declaration.ref)
    known = (
        None
        if owner is None
        else versions.with_content(session, owner, draft.identity.content_root)
    )
    if known is None:
        return Wanted.ALL
    base, names = relative([file.path for file in asked.found.files])
    is_new = _new_place(session, known, asked, draft, base, names)
    return Wanted.CONTENTS if is_new else Wanted.NOTHING


def record(
    session: Session,
    writer: intents.Writer,
    asked: Asked,
    draft: Draft,
    index: Made,
    now: dt.datetime,
) -> Recorded:
    """Write the rows and the log entry that binds them, and the rows of the index."""
    found, declaration, options = asked.found, asked.declaration, asked.options
    rows: list[Base] = []
    owner = versions.dataset(session, declaration.ref, declaration.visibility, now, rows)
    base, names = relative([file.path for file in found.files])
    same = _same_content(session, draft, owner)
    known = versions.with_content(session, owner, draft.identity.content_root)
    target = known or versions.version(
        session, owner, draft.identity, draft.gathered.totals, now, rows
    )
    place = None
    if known is None or _new_place(session, known, asked, draft, base, names):
        place = Location(
            version_id=target.id,
            uid=writer.uid,
            base=base,
            options=options.to_json(),
            files=[
                _file(asked, file, name) | draft.gathered.passed.of(number)
                for number, (file, name) in enumerate(zip(found.files, names, strict=True))
            ],
            order_root=draft.identity.order_root,
            table_digest=draft.table_digest,
            claims_root=draft.claims_root,
            kept=asked.keep,
            sources=list(declaration.sources),
            registered_at=now,
        )
        session.add(place)
        session.flush()
        acquired = Acquisition(location_id=place.id, **_fields(declaration.acquired))
        session.add(acquired)
        rows += [place, acquired]
        indexing.add(session, place, asked, draft, index, first=known is None, now=now)
    new_claims = _not_yet_made(session, known, _claims(declaration, draft, options))
    if place is None:
        new_claims = [made for made in new_claims if made.location_id != _HERE]
    for made in new_claims:
        made.version_id = target.id
        if made.location_id == _HERE and place is not None:
            made.location_id = place.id
        made.claimed_at = now
        session.add(made)
    rows += new_claims
    added = _in_words(place, new_claims) if known is not None else ()
    if declaration.role and not protection.role_of(session, target, declaration.role):
        rows.append(_given(session, target, declaration, now))
        added = (*added, f"role `{declaration.role}`") if known is not None else ()
    outcome = Outcome.REGISTERED
    if known is not None:
        outcome = Outcome.ADDED if rows else Outcome.UNCHANGED
    if rows:
        kind = EntryKind.CLAIM_ADDED if new_claims else EntryKind.ROLE_CHANGED
        if known is None:
            kind = EntryKind.VERSION_REGISTERED
        elif place is not None:
            kind = EntryKind.LOCATION_ADDED
        ledger.append(session, kind, now=now, facts={"version": target.number}, rows=rows)
    passed = draft.gathered.passed
    registration = Registration(
        target,
        outcome,
        added,
        skipped=(*map(str, found.skipped), *passed.members),
        bad_input=tuple(why for _, why in passed.bad),
        bad_count=passed.count.total(),
        files=len(found.files),
        reused_files=draft.reused_files,
        same_content=same,
        index=catalogue.sketches(session, target),
        role=declaration.role,
    )
    return Recorded(registration, place is not None)


def _given(
    session: Session, version: DatasetVersion, declaration: Declaration, now: dt.datetime
) -> RoleChange:
    made = RoleChange(
        version_id=version.id,
        role=declaration.role,
        given=True,
        value={},
        changed_by=declaration.claimed_by,
        reason=None,
        changed_at=now,
    )
    session.add(made)
    return made


_HERE: Final = -1
"""Stands for the location of this registration in a claim, until that has an id."""


def _same_content(session: Session, draft: Draft, owner: Dataset) -> tuple[DatasetRef, ...]:
    twins = session.execute(
        sa.select(DatasetVersion)
        .where(
            DatasetVersion.content_root == draft.identity.content_root,
            DatasetVersion.dataset_id != owner.id,
        )
        .order_by(DatasetVersion.id)
    ).scalars()
    return tuple(catalogue.ref_of(twin) for twin in twins)


def _new_place(
    session: Session,
    known: DatasetVersion,
    asked: Asked,
    draft: Draft,
    base: str,
    names: list[str],
) -> bool:
    """Return whether a known version was found somewhere new, or says new things per document.

    Where it came from and how it was come by belong to a place, so to say more of that is to
    name a place again.
    """
    places = catalogue.locations(session, known)
    acquired = {row.location_id: row for row in catalogue.acquisitions(session, known)}
    if asked.keep and not catalogue.kept(session, known):
        return True
    if draft.claims_root not in {None, *(place.claims_root for place in places)}:
        return True
    return not any(
        place.base == base
        and [file["name"] for file in place.files] == names
        and place.options == asked.options.to_json()
        and place.order_root == draft.identity.order_root
        and set(asked.declaration.sources) <= set(place.sources)
        and _says_as_much(acquired[place.id], asked.declaration.acquired)
        for place in places
    )


def _says_as_much(known: Acquisition, acquired: Acquired) -> bool:
    """Return whether everything that was said now was said of a place before."""
    said = _fields(acquired).items()
    return all(value in (NOT_ASSESSED, getattr(known, name)) for name, value in said)


def _claims(declaration: Declaration, draft: Draft, options: ReadOptions) -> list[Claim]:
    """Return what this registration claims, for all documents or per document."""
    made = []
    if declaration.origin is not None:
        value: dict[str, Any] = {"origin": str(declaration.origin)}
        if declaration.generators:
            value["generators"] = sorted(set(declaration.generators))
        made.append(_claim(declaration, Property.ORIGIN, value))
    spoken = draft.gathered.spoken
    if options.says_origin or options.generator_field:
        value = {"per_document": True, "claims_root": draft.claims_root}
        if options.says_origin:
            value["origins"] = {str(name): sums for name, sums in spoken.origins.items()}
        if options.generator_field:
            value["generators"] = _most_common(spoken.generators)
        made.append(_claim(declaration, Property.ORIGIN, value, here=True))
    if declaration.generators and declaration.origin is None:
        # Who wrote the documents that the data itself says are not human.
        value = {"generators": sorted(set(declaration.generators))}
        made.append(_claim(declaration, Property.ORIGIN, value))
    if declaration.license is not None:
        made.append(_claim(declaration, Property.LICENSE, {"license": declaration.license}))
    if declaration.language is not None:
        made.append(_claim(declaration, Property.LANGUAGE, {"language": declaration.language}))
    if options.language_field:
        value = {
            "per_document": True,
            "claims_root": draft.claims_root,
            "languages": _most_common(spoken.languages),
        }
        made.append(_claim(declaration, Property.LANGUAGE, value, here=True))
    made += [_claim(declaration, Property.DATE, date.to_json()) for date in declaration.dates]
    if options.date_fields:
        value = {
            "per_document": True,
            "claims_root": draft.claims_root,
            "kinds": sorted(str(kind) for kind, _ in options.date_fields),
            "dated": spoken.dated,
        }
        if spoken.not_before is not None and spoken.not_after is not None:
            value["not_before"] = iso_time(spoken.not_before)
            value["not_after"] = iso_time(spoken.not_after)
        made.append(_claim(declaration, Property.DATE, value, here=True))
    return made


def _claim(
    declaration: Declaration, property: Property, value: dict[str, Any], *, here: bool = False
) -> Claim:
    return Claim(
        property=property,
        value=value,
        location_id=_HERE if here else None,
        selection_id=None,
        kind=ClaimKind.REGISTRATION,
        assessment=Assessment.DECLARED,
        claimed_by=declaration.claimed_by,
        reason=None,
    )


def _most_common(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.most_common(MAX_GENERATORS)))


def _not_yet_made(
    session: Session, known: DatasetVersion | None, claims: list[Claim]
) -> list[Claim]:
    """Return the claims that nobody has made about the version in the same words."""
    if known is None:
        return claims
    before = catalogue.claims(session, known)
    made = {(item.property, _key(item.value)) for item in before if item.selection_id is None}
    return [item for item in claims if (item.property, _key(item.value)) not in made]


def _key(value: dict[str, Any]) -> str:
    return repr(sorted((name, repr(part)) for name, part in value.items()))


def _in_words(place: Location | None, claims: list[Claim]) -> tuple[str, ...]:
    words = [] if place is None else [f"location `{place.base}`"]
    for claim in claims:
        value = claim.value
        said = value.get("license") or value.get("language") or value.get("origin")
        if claim.property is Property.DATE and "kind" in value:
            said = str(DateInterval.from_json(value))
        words.append(f"{claim.property} claim `{said or 'per document'}`")
    return tuple(words)


def _file(asked: Asked, file: readers.SourceFile, name: str) -> dict[str, Any]:
    """Return what a place says about a file: what is not known of it is left out."""
    said = {
        "ctime_ns": None if file.ctime_ns is None else str(file.ctime_ns),
        "etag": file.etag,
        "mtime_ns": None if file.mtime_ns is None else str(file.mtime_ns),
        "name": name,
        "size": None if isinstance(file, readers.PipedFile) else file.size,
        "unsettled": None if asked.is_settled(file) else True,
    }
    return {key: value for key, value in said.items() if value is not None}


def _fields(acquired: Acquired) -> dict[str, Any]:
    return {name: getattr(acquired, name) for name in Acquired.__dataclass_fields__}
