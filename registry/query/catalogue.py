"""Reads of the catalogue's rows: datasets, versions, claims, lineage, snapshots.

Each takes the caller and finds what they may see; a dataset that is hidden from them is answered
like one that does not exist. Rows that belong to a version need no condition of their own: the
caller has found the version.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, lazyload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from registry import ledger
from registry.core.caller import OPERATOR, Caller
from registry.core.claim import Property
from registry.core.dataset import DatasetRef
from registry.db.models import (
    Acquisition,
    Claim,
    Dataset,
    DatasetVersion,
    ErasedText,
    KeptTexts,
    LineageEdge,
    Location,
    Mixture,
    MixtureExclusion,
    MixtureInput,
    Namespace,
    Overlap,
    Relocation,
    Segment,
    SketchTable,
    Snapshot,
    Withdrawal,
)
from registry.errors import NotFoundError
from registry.query.live import live
from registry.query.visible import visible, visible_snapshot, visible_version

SUGGESTED_AMONG: Final = 5000
"""How many names a wrong one is compared with."""


def ref_of(version: DatasetVersion) -> DatasetRef:
    """Return the full name of a version."""
    dataset = version.dataset
    return DatasetRef(dataset.namespace.name, dataset.name, version.number)


def state(session: Session) -> str:
    """Return a name of all that may be answered from: the log, and what is derived beside it."""
    overlaps = sa.select(sa.func.max(Overlap.id), sa.func.count(Overlap.id))
    sketches = sa.select(
        sa.func.count(SketchTable.id),
        sa.func.count(SketchTable.compared_at),
        sa.func.max(SketchTable.made_at),
    )
    segments = sa.select(sa.func.max(Segment.id), sa.func.count(Segment.id))
    found = [session.execute(one).one() for one in (overlaps, sketches, segments)]
    return " ".join(map(str, [ledger.size(session), *(it for row in found for it in row)]))


def find_dataset(session: Session, ref: DatasetRef, caller: Caller = OPERATOR) -> Dataset | None:
    """Return the dataset of that name, if the caller may see one."""
    return session.execute(
        sa.select(Dataset)
        .join(Dataset.namespace)
        .where(Namespace.name == ref.namespace, Dataset.name == ref.name, visible(caller))
    ).scalar_one_or_none()


def dataset(session: Session, ref: DatasetRef, caller: Caller = OPERATOR) -> Dataset:
    """Return the dataset of that name.

    Raises:
        NotFoundError: There is none that the caller may see; the hint names the nearest they may.
    """
    found = find_dataset(session, ref, caller)
    if found is not None:
        return found
    names = session.execute(
        sa.select(Namespace.name, Dataset.name)
        .join(Dataset, Dataset.namespace_id == Namespace.id)
        .where(visible(caller))
        .order_by(Namespace.name, Dataset.name)
        .limit(SUGGESTED_AMONG)
    ).all()
    # By their short names: `local/` before all of them would make all of them alike.
    known = [DatasetRef(namespace, name) for namespace, name in names]
    near = [it.short for it in known if it.name == ref.name] or difflib.get_close_matches(
        ref.dataset.short, [it.short for it in known], n=1
    )
    raise NotFoundError(
        f"there is no dataset `{ref.dataset.short}`",
        hint=f"did you mean `{near[0]}`?"
        if near
        else "`firsthand dataset list` and `GET /v1/datasets` name those there are",
    )


def version(session: Session, ref: DatasetRef, caller: Caller = OPERATOR) -> DatasetVersion:
    """Return a version: the one named, or the latest.

    Raises:
        NotFoundError: There is no such dataset or version that the caller may see.
    """
    owner = dataset(session, ref, caller)
    wanted = sa.select(DatasetVersion).where(DatasetVersion.dataset_id == owner.id)
    if ref.version is not None:
        wanted = wanted.where(DatasetVersion.number == ref.version)
    found = session.execute(
        wanted.order_by(DatasetVersion.number.desc()).limit(1)
    ).scalar_one_or_none()
    if found is None:
        last = len(versions(session, owner))
        raise NotFoundError(
            f"there is no version {ref.version} of `{ref.dataset.short}`",
            hint=f"it has {last} version{'s' if last != 1 else ''}",
        )
    return found


def versions(session: Session, owner: Dataset) -> Sequence[DatasetVersion]:
    """Return all versions of a dataset, oldest first."""
    return (
        session.execute(
            sa.select(DatasetVersion)
            .where(DatasetVersion.dataset_id == owner.id)
            .order_by(DatasetVersion.number)
        )
        .scalars()
        .all()
    )


def sketches(session: Session, version: DatasetVersion) -> SketchTable | None:
    """Return what is known of the sketches of a version, or None if it has none."""
    return session.scalars(
        sa.select(SketchTable)
        .join(Location, SketchTable.location_id == Location.id)
        .where(Location.version_id == version.id)
        .order_by(SketchTable.id)
        .limit(1)
    ).one_or_none()


def all_versions(session: Session, caller: Caller = OPERATOR) -> Sequence[DatasetVersion]:
    """Return every version of the catalogue that the caller may see."""
    return (
        session.execute(
            sa.select(DatasetVersion)
            .where(visible_version(caller, DatasetVersion.id))
            .order_by(DatasetVersion.id)
        )
        .scalars()
        .all()
    )


def claims(
    session: Session, of: DatasetVersion, property: Property | None = None
) -> Sequence[Claim]:
    """Return the live claims about a version, oldest first: those that no dispute has ended."""
    wanted = sa.select(Claim).where(Claim.version_id == of.id, live()).order_by(Claim.id)
    if property is not None:
        wanted = wanted.where(Claim.property == property)
    return session.execute(wanted.options(selectinload(Claim.location))).scalars().all()


def claims_of_all(session: Session, caller: Caller = OPERATOR) -> dict[int, list[Claim]]:
    """Return the live claims about every version that the caller may see, with one statement.

    The places that claims stand for are those that `locations_of_all` reads.
    """
    rows = session.scalars(
        sa.select(Claim)
        .where(visible_version(caller, Claim.version_id), live())
        .order_by(Claim.id)
        .options(lazyload(Claim.version))
    )
    found: dict[int, list[Claim]] = defaultdict(list)
    for row in rows:
        found[row.version_id].append(row)
    places = {
        place.id: place for each in locations_of_all(session, caller).values() for place in each
    }
    for claim in (it for each in found.values() for it in each):
        place = None if claim.location_id is None else places.get(claim.location_id)
        set_committed_value(claim, "location", place)
    return found


def locations_of_all(session: Session, caller: Caller = OPERATOR) -> dict[int, list[Location]]:
    """Return the places of every version that the caller may see, with one statement."""
    rows = session.scalars(
        sa.select(Location)
        .where(visible_version(caller, Location.version_id))
        .order_by(Location.id)
        .options(lazyload(Location.version))
    )
    found: dict[int, list[Location]] = defaultdict(list)
    for row in rows:
        found[row.version_id].append(row)
    return found


def salts(session: Session, versions: Collection[int] | None = None) -> dict[int, list[bytes]]:
    """Return the salts of what was erased, by version, with one statement; None: of all."""
    wanted = sa.select(Withdrawal.version_id, ErasedText.salt).join(
        ErasedText, ErasedText.withdrawal_id == Withdrawal.id
    )
    if versions is not None:
        wanted = wanted.where(Withdrawal.version_id.in_(versions))
    found: dict[int, list[bytes]] = defaultdict(list)
    for version, salt in session.execute(wanted.order_by(ErasedText.id)):
        found[version].append(salt)
    return found


def firsts(session: Session, versions: Collection[int]) -> dict[int, Location]:
    """Return the first place of each of some versions, with one statement."""
    first = (
        sa.select(sa.func.min(Location.id))
        .where(Location.version_id.in_(versions))
        .group_by(Location.version_id)
    )
    rows = session.scalars(sa.select(Location).where(Location.id.in_(first)))
    return {row.version_id: row for row in rows}


def sources_of_all(session: Session, caller: Caller = OPERATOR) -> dict[int, list[LineageEdge]]:
    """Return the edges from what each version was derived from, with one statement."""
    rows = session.scalars(
        sa.select(LineageEdge)
        .where(
            visible_version(caller, LineageEdge.version_id),
            visible_version(caller, LineageEdge.source_id),
        )
        .order_by(LineageEdge.id)
        .options(lazyload(LineageEdge.version), lazyload(LineageEdge.source))
    )
    found: dict[int, list[LineageEdge]] = defaultdict(list)
    for row in rows:
        found[row.version_id].append(row)
    return found


def locations(session: Session, of: DatasetVersion) -> Sequence[Location]:
    """Return the places a version was found at, oldest first."""
    return (
        session.execute(
            sa.select(Location).where(Location.version_id == of.id).order_by(Location.id)
        )
        .scalars()
        .all()
    )


def relocations(session: Session, locations: Collection[int]) -> dict[int, Relocation]:
    """Return where the files of some places are now, by their ids; the latest counts."""
    rows = session.scalars(
        sa.select(Relocation)
        .where(Relocation.location_id.in_(locations))
        .order_by(Relocation.id)
        .options(lazyload(Relocation.location))
    )
    return {row.location_id: row for row in rows}


def moves(session: Session, of: DatasetVersion) -> Sequence[Relocation]:
    """Return how the files of a version were moved after it was registered, oldest first."""
    return session.scalars(
        sa.select(Relocation)
        .join(Location, Location.id == Relocation.location_id)
        .where(Location.version_id == of.id)
        .order_by(Relocation.id)
    ).all()


def kept(session: Session, of: DatasetVersion) -> dict[int, str]:
    """Return, by the ids of its locations, under which uid the vault has the texts of a version.

    Texts are kept with the registration of a location or after it; the latest counts.
    """
    found = {place.id: place.uid for place in locations(session, of) if place.kept}
    for later in kept_later(session, of):
        found[later.location_id] = later.uid
    return found


def kept_later(session: Session, of: DatasetVersion) -> Sequence[KeptTexts]:
    """Return how texts of a version got into the vault after it was registered, oldest first."""
    return (
        session.execute(
            sa.select(KeptTexts)
            .join(Location, Location.id == KeptTexts.location_id)
            .where(Location.version_id == of.id)
            .order_by(KeptTexts.id)
        )
        .scalars()
        .all()
    )


def acquisitions(session: Session, of: DatasetVersion) -> Sequence[Acquisition]:
    """Return how the texts of a version were come by, one row per location."""
    return (
        session.execute(
            sa.select(Acquisition)
            .join(Location, Location.id == Acquisition.location_id)
            .where(Location.version_id == of.id)
            .order_by(Acquisition.id)
        )
        .scalars()
        .all()
    )


def sources_of(
    session: Session, of: DatasetVersion, caller: Caller = OPERATOR
) -> Sequence[LineageEdge]:
    """Return the edges from the versions that this one was derived from."""
    return (
        session.execute(
            sa.select(LineageEdge)
            .where(LineageEdge.version_id == of.id, visible_version(caller, LineageEdge.source_id))
            .order_by(LineageEdge.id)
        )
        .scalars()
        .all()
    )


def derived_from(
    session: Session, of: DatasetVersion, caller: Caller = OPERATOR
) -> Sequence[LineageEdge]:
    """Return the edges to the versions that were derived from this one."""
    return (
        session.execute(
            sa.select(LineageEdge)
            .where(LineageEdge.source_id == of.id, visible_version(caller, LineageEdge.version_id))
            .order_by(LineageEdge.id)
        )
        .scalars()
        .all()
    )


def exclusions(session: Session, mixtures: Collection[int]) -> Sequence[MixtureExclusion]:
    """Return what was left out of mixtures for evaluation sets, which whoever sees them sees."""
    return (
        session.execute(
            sa.select(MixtureExclusion)
            .where(MixtureExclusion.mixture_id.in_(mixtures))
            .order_by(MixtureExclusion.id)
        )
        .scalars()
        .all()
    )


def snapshots_without(
    session: Session, of: DatasetVersion, caller: Caller = OPERATOR
) -> Sequence[tuple[Snapshot, MixtureExclusion]]:
    """Return the snapshots that documents were left out of for an evaluation set, and how many."""
    rows = session.execute(
        sa.select(Snapshot, MixtureExclusion)
        .join(MixtureExclusion, MixtureExclusion.mixture_id == Snapshot.mixture_id)
        .where(MixtureExclusion.version_id == of.id, visible_snapshot(caller))
        .order_by(Snapshot.id)
    )
    return [(snapshot, part) for snapshot, part in rows]


def snapshots_with(
    session: Session, of: DatasetVersion, caller: Caller = OPERATOR
) -> Sequence[tuple[Snapshot, MixtureInput]]:
    """Return the snapshots that hold documents of a version, and how many."""
    rows = session.execute(
        sa.select(Snapshot, MixtureInput)
        .join(Mixture, Mixture.id == Snapshot.mixture_id)
        .join(MixtureInput, MixtureInput.mixture_id == Mixture.id)
        .where(
            MixtureInput.version_id == of.id,
            MixtureInput.documents > 0,
            visible_snapshot(caller),
        )
        .order_by(Snapshot.id)
    )
    return [(snapshot, part) for snapshot, part in rows]
