"""Facts about datasets as the documents that `--json` prints and the API will answer.

The words are those of the glossary and the shapes are contracts (`schemas/`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.certificate import HumanFraction
from registry.core.claim import Property
from registry.core.dataset import Assessment, DatasetRef, Origin, Role
from registry.core.evidence import iso_time, to_micros
from registry.core.policy import Terms
from registry.core.sketch import guaranteed_tokens
from registry.db.models import (
    Acquisition,
    Claim,
    DatasetVersion,
    LineageEdge,
    Location,
    MixtureExclusion,
    MixtureInput,
    RoleChange,
    SketchTable,
    Snapshot,
)
from registry.query import catalogue, disputes, policy, protection, vault, withdrawn
from registry.query.again import Again
from registry.query.anchors import anchored, anchored_record, no_anchors
from registry.query.conflicts import listing
from registry.query.deduplications import deduplication_record
from registry.query.overlaps import inside
from registry.query.overlaps.records import overlap_records
from registry.query.protection import protected_ids
from registry.query.standing import EVER, NEVER, Standing, standing, sums_by_origin
from registry.query.whereis.finder import Finder

LISTED: Final = 100
"""How many conflicts of a version are listed with everything else; `conflicts` lists all."""


def dataset_record(
    latest: DatasetVersion, versions: int, claims: Sequence[Claim], roles: Sequence[Role]
) -> dict[str, Any]:
    """Return a dataset with its latest version and what is claimed about that.

    Args:
        latest: The version.
        versions: How many there are.
        claims: The live claims about it.
        roles: The roles that it has.
    """
    owner = latest.dataset
    return {
        "dataset": f"{owner.namespace.name}/{owner.name}",
        "visibility": str(owner.visibility),
        "version": latest.number,
        "versions": versions,
        "roles": [str(role) for role in roles],
        "documents": latest.documents,
        "bytes": latest.bytes,
        "claimed_origins": claimed_origins(claims),
        "assessment": str(assessment(claims)),
        "licenses": _said(claims, Property.LICENSE, "license"),
        "registered_at": time(latest.registered_at),
    }


def claimed_origins(claims: Sequence[Claim]) -> list[str]:
    """Return the origins that some claim about a version names; none means nobody said."""
    names: set[str] = set()
    for claim in claims:
        if claim.property is Property.ORIGIN:
            if "origin" in claim.value:
                names.add(claim.value["origin"])
            names |= {
                name for name, sums in claim.value.get("origins", {}).items() if sums["documents"]
            }
    return [str(origin) for origin in Origin if origin in names]


def assessment(claims: Sequence[Claim]) -> Assessment:
    """Return how far the origin of a version was looked into."""
    about = [claim for claim in claims if claim.property is Property.ORIGIN]
    if not about:
        return Assessment.NOT_ASSESSED
    said = {str(claim.value["origin"]) for claim in about if "origin" in claim.value}
    several = len(said) + any("origins" in claim.value for claim in about)
    partly = any(claim.selection_id is not None for claim in about)
    if several > 1 or (partly and len(about) > 1):
        return Assessment.DISPUTED
    return Assessment.DECLARED


def version_sums(version: DatasetVersion) -> dict[str, Any]:
    """Return what a version holds, and nothing that anybody claims about it."""
    return {
        "version": version.number,
        "registered_at": time(version.registered_at),
        "content_root": version.content_root,
        "documents": version.documents,
        "distinct": version.distinct,
        "exact_duplicates": version.exact_duplicates,
        "empty": version.empty,
        "bytes": version.bytes,
        "words": version.words,
    }


def version_record(
    session: Session,
    store: Store,
    ref: DatasetRef,
    caller: Caller = OPERATOR,
    *,
    again: Again | None = None,
) -> dict[str, Any]:
    """Return everything that is recorded about a version, and what it adds up to.

    The human share and the origins are what counts under all live claims of the catalogue that
    the caller may see.

    Args:
        session: A reading session.
        store: The registry's storage.
        ref: The version.
        caller: Who asks.
        again: Reads texts of protected versions, where that was not done yet.

    Raises:
        NotFoundError: There is no such version that the caller may see.
        ConflictError: Its document table is missing or was changed.
    """
    version = catalogue.version(session, ref, caller)
    claims = catalogue.claims(session, version)
    stand = standing(session, store, version, caller=caller)
    origins = stand.view.origins()
    kept = catalogue.kept(session, version)
    return {
        "dataset": str(catalogue.ref_of(version).dataset),
        "visibility": str(version.dataset.visibility),
        **version_sums(version),
        "withdrawn": [it.to_json() for it in withdrawn.of_version(session, version)],
        "origin": str(origins[0] if len(origins) == 1 else Origin.MIXED)
        if origins
        else str(Origin.UNKNOWN),
        "assessment": str(assessment(claims)),
        "roles": role_records(session, store, version, stand, caller),
        "origins": {str(name): sums for name, sums in sums_by_origin(stand).items()},
        "human_fraction": declared(stand).to_json(),
        "contested": int(np.count_nonzero(stand.view.contested)),
        "most_repeated": inside.most_repeated(store, stand) if version.exact_duplicates else None,
        "overlaps": overlap_records(session, version, caller),
        "generators": stand.generators.used(),
        "licenses": stand.licenses.used(),
        "languages": stand.languages.used(),
        "dates": _dates(stand),
        "claims": [numbered_record(item) for item in disputes.numbered(session, version)],
        "disputes": disputes.version_records(session, version, caller),
        "conflicts": _conflicts(session, store, version, caller),
        "locations": [
            {
                "base": place.base,
                "files": len(place.files),
                "left_out": left_out(place),
                "kept": place.id in kept,
                "sources": place.sources,
                "options": place.options,
                "registered_at": time(place.registered_at),
            }
            for place in catalogue.locations(session, version)
        ],
        "acquisition": [
            acquisition_record(item) for item in catalogue.acquisitions(session, version)
        ],
        "lineage": lineage_record(session, version, caller),
        "deduplication": deduplication_record(session, version, caller),
        "snapshots": _snapshots(session, version, caller),
        "left_out_of": [
            {
                "snapshot_root": item.snapshot_root,
                "certificate": item.certificate_digest,
                **_counts(part),
                "issued_at": time(item.issued_at),
            }
            for item, part in catalogue.snapshots_without(session, version, caller)
        ],
        "index": index_record(catalogue.sketches(session, version)),
        "anchored": _anchored(session, store, stand, caller, again),
        "log_size": ledger.size(session),
    }


def role_records(
    session: Session, store: Store, version: DatasetVersion, stand: Standing, caller: Caller
) -> list[dict[str, Any]]:
    """Return the roles of a version, and what keeps it from what they promise.

    Raises:
        ConflictError: A document table is missing or was changed.
    """
    records = []
    for change in protection.roles_of(session, version):
        lacking, breaks = None, []
        if change.role is Role.EVALUATION:
            lacking = protection.lacking(catalogue.sketches(session, version))
        elif change.value:
            terms = Terms.from_json(change.value)
            breaks = policy.reasons(session, store, version, terms, caller=caller, stand=stand)
            if not vault.is_there(session, store, version):
                breaks.append(policy.not_kept(version))
        records.append(
            role_record(change) | {"lacking": lacking, "breaks": [it.to_json() for it in breaks]}
        )
    return records


def role_record(change: RoleChange) -> dict[str, Any]:
    """Return who gave a role, or took it, and on what terms."""
    return {
        "role": str(change.role),
        "terms": change.value or None,
        "changed_by": change.changed_by,
        "changed_at": time(change.changed_at),
        "reason": change.reason,
    }


def _anchored(
    session: Session, store: Store, stand: Standing, caller: Caller, again: Again | None
) -> dict[str, Any]:
    """Return how many documents are anchored; the index is opened only if some can be."""
    if not protected_ids(session):
        return anchored_record(no_anchors(len(stand.hashes)))
    finder = Finder(store)
    try:
        with finder.look(session, caller) as looking:
            return anchored_record(anchored(looking, stand.hashes, again=again))
    finally:
        finder.close()


def index_record(sketches: SketchTable | None) -> dict[str, Any] | None:
    """Return how the documents of a version are found, or None if by their content alone."""
    if sketches is None:
        return None
    return {
        "scheme": sketches.scheme,
        "sketched": sketches.sketched,
        "without_tokens": sketches.documents - sketches.sketched,
        "passages": None if sketches.window is None else guaranteed_tokens(sketches.window),
    }


def left_out(place: Location) -> int:
    """Return how many records and files were passed over at a place, because they are not valid."""
    skipped = [file["skipped"] for file in place.files if file and "skipped" in file]
    return sum(int(item["count"]) for item in skipped)


def declared(stand: Standing) -> HumanFraction:
    """Return the declared human share of a version's bytes."""
    return HumanFraction(
        of="bytes",
        count=("human",),
        numerator=int(stand.view.human_bytes.sum()),
        denominator=int(stand.bytes.sum()),
        at_least=None,
    )


def _dates(stand: Standing) -> dict[str, Any]:
    known = stand.not_after != NEVER
    begins = stand.not_before[known & (stand.not_before != EVER)]
    return {
        "dated": int(np.count_nonzero(known)),
        "not_before": iso_time(int(begins.min())) if len(begins) else None,
        "not_after": iso_time(int(stand.not_after[known].max())) if known.any() else None,
        "grade": "E1" if known.any() else "E0",
    }


def claim_record(claim: Claim) -> dict[str, Any]:
    """Return one claim."""
    return {
        "property": str(claim.property),
        "value": claim.value,
        "about": "all" if claim.selection is None else _texts(claim.selection.texts),
        "selection": None if claim.selection is None else claim.selection.digest,
        "kind": str(claim.kind),
        "assessment": str(claim.assessment),
        "claimed_by": claim.claimed_by,
        "claimed_at": time(claim.claimed_at),
        "reason": claim.reason,
    }


def numbered_record(item: disputes.Numbered) -> dict[str, Any]:
    """Return one claim with its number within its version, and what ended it."""
    ended = None if item.ended is None else item.ended.to_json()
    return {"number": item.number, **claim_record(item.claim), "ended": ended}


def _conflicts(
    session: Session, store: Store, version: DatasetVersion, caller: Caller
) -> dict[str, Any]:
    """Return how many conflicts the version has a side in, and the gravest."""
    found = listing.of_version(session, store, version, caller)
    listed = [it.to_json(number) for number, it in enumerate(found[:LISTED], 1)]
    return {"count": len(found), "listed": listed}


def _texts(number: int) -> str:
    return "1 text" if number == 1 else f"{number:,} texts"


def acquisition_record(item: Acquisition) -> dict[str, Any]:
    """Return how the texts at one location were come by."""
    names = (
        "owner", "access", "crawler", "opt_out_policy", "opt_out_date", "personal_data",
        "purchase", "first_use", "url_field",
    )  # fmt: skip
    return {name: str(getattr(item, name)) for name in names}


def lineage_record(
    session: Session, version: DatasetVersion, caller: Caller = OPERATOR
) -> dict[str, Any]:
    """Return what a version came from and what came from it, as far as the caller may see."""
    sources = catalogue.sources_of(session, version, caller)
    derived = catalogue.derived_from(session, version, caller)
    return {
        "from": [edge_record(edge, edge.source) for edge in sources],
        "to": [edge_record(edge, edge.version) for edge in derived],
    }


def edge_record(edge: LineageEdge, other: DatasetVersion) -> dict[str, Any]:
    """Return one edge as seen from one of its ends."""
    return {
        "dataset": str(catalogue.ref_of(other).dataset),
        "version": other.number,
        "kind": str(edge.kind),
        "note": edge.note,
        "added_by": edge.added_by,
        "added_at": time(edge.added_at),
    }


def _snapshots(session: Session, version: DatasetVersion, caller: Caller) -> list[dict[str, Any]]:
    """Return the snapshots with documents of a version, and what evaluation sets cost them."""
    found = catalogue.snapshots_with(session, version, caller)
    excluded = exclusion_records(session, [item.mixture_id for item, _ in found])
    return [
        snapshot_part(item, part) | {"evaluations": excluded.get(item.mixture_id, [])}
        for item, part in found
    ]


def exclusion_records(
    session: Session, mixtures: Collection[int]
) -> dict[int, list[dict[str, Any]]]:
    """Return for mixtures how many documents were left out for which evaluation sets, and why."""
    records: dict[int, list[dict[str, Any]]] = {}
    for part in catalogue.exclusions(session, mixtures):
        ref = catalogue.ref_of(part.version)
        record = {"dataset": str(ref.dataset), "version": part.version.number, **_counts(part)}
        records.setdefault(part.mixture_id, []).append(record)
    return records


def _counts(part: MixtureExclusion) -> dict[str, int]:
    return {"exact": part.exact, "near": part.near, "passage": part.passages}


def snapshot_part(item: Snapshot, part: MixtureInput) -> dict[str, Any]:
    """Return a snapshot and how much of a version it holds."""
    return {
        "snapshot_root": item.snapshot_root,
        "certificate": item.certificate_digest,
        "path": item.path,
        "documents": part.documents,
        "bytes": part.bytes,
        "issued_at": time(item.issued_at),
    }


def _said(claims: Sequence[Claim], property: Property, key: str) -> list[str]:
    return sorted(
        {str(item.value[key]) for item in claims if item.property is property and key in item.value}
    )


def time(moment: dt.datetime) -> str:
    """Return a time as it is printed."""
    return iso_time(to_micros(moment))
