"""Long lists, a page at a time.

A page begins after a key that the caller has seen, never at an offset, and its cost does not
depend on how many come before. Keys are names, digests and numbers within a version: an id of a
row would tell how many rows there are that the caller may not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.claim import Property
from registry.core.dataset import DatasetRef, Origin, Visibility
from registry.core.evidence import iso_time, to_micros
from registry.db.models import (
    Claim,
    Dataset,
    DatasetVersion,
    Mixture,
    MixtureInput,
    Namespace,
    Snapshot,
)
from registry.errors import NotFoundError
from registry.query import catalogue, disputes, protection, show
from registry.query.conflicts import listing
from registry.query.history import history as happened
from registry.query.live import live
from registry.query.page import Page
from registry.query.show import dataset_record, numbered_record, version_sums
from registry.query.visible import visible, visible_snapshot

ALL_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which datasets are asked for; None is any. Claims are those about the latest version.

    Attributes:
        text: Words that all occur in the name `team/name`, in either case.
        namespace: The team.
        visibility: Who may see it.
        origin: Some claim names this origin; `unknown` also finds those about which nobody said.
        license: Some claim states exactly this license.
    """

    text: str = ""
    namespace: str | None = None
    visibility: Visibility | None = None
    origin: Origin | None = None
    license: str | None = None


def datasets(
    session: Session,
    caller: Caller,
    wanted: Wanted,
    *,
    after: DatasetRef | None = None,
    limit: int,
) -> Page:
    """Return datasets that have a version, by name.

    Args:
        session: A reading session.
        caller: Who asks.
        wanted: Which of them.
        after: Begin behind this name, whether there is such a dataset or not.
        limit: How many at most.
    """
    newest = (
        sa.select(sa.func.max(DatasetVersion.number))
        .where(DatasetVersion.dataset_id == Dataset.id)
        .correlate(Dataset)
        .scalar_subquery()
    )
    asked = (
        sa.select(DatasetVersion, Namespace.name, Dataset.name)
        .join(Dataset, Dataset.id == DatasetVersion.dataset_id)
        .join(Namespace, Namespace.id == Dataset.namespace_id)
        .where(DatasetVersion.number == newest, visible(caller), *_conditions(wanted))
        .order_by(Namespace.name, Dataset.name)
        .limit(limit + 1)
    )
    if after is not None:
        asked = asked.where(
            sa.tuple_(Namespace.name, Dataset.name) > sa.tuple_(after.namespace, after.name)
        )
    rows = session.execute(asked).all()
    found = [latest for latest, _, _ in rows[:limit]]
    counts, claims = _how_many(session, found), _claims_of(session, found)
    roles = protection.by_version(session, [it.id for it in found])
    items = [
        dataset_record(it, counts[it.dataset_id], claims[it.id], roles.get(it.id, []))
        for it in found
    ]
    return Page(items, items[-1]["dataset"] if len(rows) > limit else None)


def all_datasets(session: Session, caller: Caller = OPERATOR) -> Iterator[dict[str, Any]]:
    """Give every dataset that the caller may see, by name."""
    after = None
    while True:
        page = datasets(session, caller, Wanted(), after=after, limit=ALL_AT_ONCE)
        yield from page.items
        if page.last is None:
            return
        after = DatasetRef.parse(page.last)


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    full = Namespace.name + "/" + Dataset.name
    for word in wanted.text.lower().split():
        yield full.contains(word, autoescape=True)
    if wanted.namespace is not None:
        yield Namespace.name == wanted.namespace
    if wanted.visibility is not None:
        yield Dataset.visibility == wanted.visibility
    if wanted.license is not None:
        yield _claimed(Property.LICENSE, Claim.value["license"].as_string() == wanted.license)
    if wanted.origin is not None:
        said = _claimed(
            Property.ORIGIN,
            sa.or_(
                Claim.value["origin"].as_string() == wanted.origin,
                Claim.value[("origins", wanted.origin.value, "documents")].as_integer() > 0,
            ),
        )
        if wanted.origin is Origin.UNKNOWN:
            said = said | ~_claimed(Property.ORIGIN, sa.true())
        yield said


def _claimed(property: Property, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return (
        sa.select(Claim.id)
        .where(Claim.version_id == DatasetVersion.id, Claim.property == property, live(), condition)
        .correlate(DatasetVersion)
        .exists()
    )


def _how_many(session: Session, found: Sequence[DatasetVersion]) -> dict[int, int]:
    """Return the number of versions of each dataset."""
    rows = session.execute(
        sa.select(DatasetVersion.dataset_id, sa.func.count())
        .where(DatasetVersion.dataset_id.in_([it.dataset_id for it in found]))
        .group_by(DatasetVersion.dataset_id)
    )
    return {dataset_id: number for dataset_id, number in rows}  # noqa: C416 - rows are no pairs


def _claims_of(session: Session, found: Sequence[DatasetVersion]) -> dict[int, list[Claim]]:
    """Return the live claims about each version, oldest first."""
    claims: dict[int, list[Claim]] = defaultdict(list)
    for claim in session.execute(
        sa.select(Claim)
        .where(Claim.version_id.in_([it.id for it in found]), live())
        .order_by(Claim.id)
    ).scalars():
        claims[claim.version_id].append(claim)
    return claims


def dataset(session: Session, ref: DatasetRef, caller: Caller) -> dict[str, Any]:
    """Return one dataset, as in the list.

    Raises:
        NotFoundError: There is none that the caller may see.
    """
    latest = catalogue.version(session, ref.dataset, caller)
    return dataset_record(
        latest,
        _how_many(session, [latest])[latest.dataset_id],
        _claims_of(session, [latest])[latest.id],
        protection.by_version(session, [latest.id]).get(latest.id, []),
    )


def versions(
    session: Session, ref: DatasetRef, caller: Caller, *, after: int = 0, limit: int
) -> Page:
    """Return the versions of a dataset, oldest first, from the one behind number `after`.

    Raises:
        NotFoundError: There is no such dataset that the caller may see.
    """
    owner = catalogue.dataset(session, ref, caller)
    rows = (
        session.execute(
            sa.select(DatasetVersion)
            .where(DatasetVersion.dataset_id == owner.id, DatasetVersion.number > after)
            .order_by(DatasetVersion.number)
            .limit(limit + 1)
        )
        .scalars()
        .all()
    )
    items = [version_sums(it) for it in rows[:limit]]
    return Page(items, str(items[-1]["version"]) if len(rows) > limit else None)


def claims(
    session: Session, ref: DatasetRef, caller: Caller, *, after: int = 0, limit: int
) -> Page:
    """Return the claims about a version, those that ended too, each with its number from 1.

    Raises:
        NotFoundError: There is no such version that the caller may see.
    """
    found = disputes.numbered(session, catalogue.version(session, ref, caller))
    return _numbered([numbered_record(it) for it in found], after, limit)


def history(
    session: Session, ref: DatasetRef, caller: Caller, *, after: int = 0, limit: int
) -> Page:
    """Return what happened to a dataset, oldest first, each event with its number from 1.

    Raises:
        NotFoundError: There is no such dataset that the caller may see.
    """
    events = happened(session, ref, caller)
    return _numbered([{"number": at} | it for at, it in enumerate(events, 1)], after, limit)


def conflicts(
    session: Session,
    store: Store,
    ref: DatasetRef | None,
    caller: Caller,
    *,
    after: int = 0,
    limit: int,
) -> Page:
    """Return the conflicts of a version, or all, each with its number from 1.

    Raises:
        NotFoundError: There is no such version that the caller may see.
        ConflictError: A document table or stored selection is missing or was changed.
    """
    return _numbered(listing.numbered(session, store, ref, caller), after, limit)


def all_disputes(
    session: Session, ref: DatasetRef | None, caller: Caller, *, after: int = 0, limit: int
) -> Page:
    """Return the disputes about a version, or all; `position` counts them, from 1.

    Raises:
        NotFoundError: There is no such version that the caller may see.
    """
    found = dispute_records(session, ref, caller)
    items = [{"position": at} | it for at, it in enumerate(found, 1)]
    return _numbered(items, after, limit)


def dispute_records(
    session: Session, ref: DatasetRef | None, caller: Caller = OPERATOR
) -> list[dict[str, Any]]:
    """Return the disputes about a version, or all that the caller may see.

    Raises:
        NotFoundError: There is no such version that the caller may see.
    """
    if ref is None:
        return disputes.all_records(session, caller)
    return disputes.version_records(session, catalogue.version(session, ref, caller), caller)


def _numbered(items: list[dict[str, Any]], after: int, limit: int) -> Page:
    """Return a page of things that are numbered from 1."""
    last = after + limit
    return Page(items[after:last], str(last) if len(items) > last else None)


def snapshots(session: Session, caller: Caller, *, after: str | None = None, limit: int) -> Page:
    """Return the exported snapshots, oldest first; one with several certificates comes as often.

    Args:
        session: A reading session.
        caller: Who asks.
        after: Begin behind the snapshot whose certificate has this digest.
        limit: How many at most.

    Raises:
        NotFoundError: There is no such certificate that the caller may see.
    """
    asked = (
        sa.select(Snapshot)
        .where(visible_snapshot(caller))
        .order_by(Snapshot.issued_at, Snapshot.certificate_digest)
        .limit(limit + 1)
    )
    if after is not None:
        start = session.execute(
            sa.select(Snapshot).where(
                Snapshot.certificate_digest == after, visible_snapshot(caller)
            )
        ).scalar_one_or_none()
        if start is None:
            raise NotFoundError(
                "no snapshot has the certificate named in `after`",
                hint="begin again without `after`, and follow `next`",
            )
        asked = asked.where(
            sa.or_(
                Snapshot.issued_at > start.issued_at,
                sa.and_(
                    Snapshot.issued_at == start.issued_at,
                    Snapshot.certificate_digest > start.certificate_digest,
                ),
            )
        )
    rows = session.execute(asked).scalars().all()
    items = _snapshot_records(session, rows[:limit])
    return Page(items, items[-1]["certificate"] if len(rows) > limit else None)


def snapshot(session: Session, root: str, caller: Caller) -> dict[str, Any]:
    """Return the snapshot with that root; of several certificates, the newest.

    Raises:
        NotFoundError: There is none that the caller may see.
    """
    return _snapshot_records(session, issues(session, root, caller)[:1])[0]


def issued(session: Session, certificate: str) -> bool:
    """Return whether this registry issued a certificate, by the SHA-256 of its bytes."""
    found = sa.select(Snapshot.id).where(Snapshot.certificate_digest == certificate)
    return session.execute(found).first() is not None


def issues(session: Session, root: str, caller: Caller) -> Sequence[Snapshot]:
    """Return the exports of the snapshot with that root, the newest first, at least one.

    Raises:
        NotFoundError: There is none that the caller may see.
    """
    found = (
        session.execute(
            sa.select(Snapshot)
            .where(Snapshot.snapshot_root == root, visible_snapshot(caller))
            .order_by(Snapshot.issued_at.desc(), Snapshot.certificate_digest.desc())
        )
        .scalars()
        .all()
    )
    if not found:
        raise NotFoundError(
            f"there is no snapshot `{root}`", hint="`GET /v1/snapshots` lists those there are"
        )
    return found


def _snapshot_records(session: Session, rows: Sequence[Snapshot]) -> list[dict[str, Any]]:
    parts: dict[int, list[MixtureInput]] = defaultdict(list)
    for part in session.execute(
        sa.select(MixtureInput)
        .where(
            MixtureInput.mixture_id.in_([it.mixture_id for it in rows]),
            MixtureInput.documents > 0,
        )
        .order_by(MixtureInput.id)
    ).scalars():
        parts[part.mixture_id].append(part)
    excluded = show.exclusion_records(session, [it.mixture_id for it in rows])
    return [
        _snapshot_record(it, it.mixture, parts[it.mixture_id])
        | {"evaluations": excluded.get(it.mixture_id, [])}
        for it in rows
    ]


def _snapshot_record(
    item: Snapshot, mixture: Mixture, parts: Sequence[MixtureInput]
) -> dict[str, Any]:
    return {
        "snapshot_root": item.snapshot_root,
        "certificate": item.certificate_digest,
        "keyid": item.key.keyid,
        "issued_at": iso_time(to_micros(item.issued_at)),
        "documents": mixture.documents,
        "bytes": mixture.bytes,
        "words": mixture.words,
        "inputs": [
            {
                "dataset": str(catalogue.ref_of(part.version).dataset),
                "version": part.version.number,
                "documents": part.documents,
                "bytes": part.bytes,
            }
            for part in parts
        ],
    }
