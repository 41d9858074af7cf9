"""What happened to a dataset, as the documents that `history --json` prints and the API answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.orm import Session

from registry.core.caller import OPERATOR, Caller
from registry.core.claim import ClaimKind
from registry.core.dataset import DatasetRef
from registry.db.models import DatasetVersion
from registry.query import catalogue, disputes, protection, withdrawn
from registry.query.show import claim_record, role_record, snapshot_part, time


def history(session: Session, ref: DatasetRef, caller: Caller = OPERATOR) -> list[dict[str, Any]]:
    """Return what happened to a dataset, or to one version of it, oldest first.

    Raises:
        NotFoundError: There is no such dataset or version that the caller may see.
    """
    owner = catalogue.dataset(session, ref, caller)
    if ref.version is None:
        versions = catalogue.versions(session, owner)
    else:
        versions = [catalogue.version(session, ref, caller)]
    events: list[dict[str, Any]] = []
    for version in versions:
        events += _events(session, version, caller)
    events.sort(key=lambda event: (event["at"], _ORDER.index(event["event"])))
    return events


_ORDER = (
    "registered",
    "location",
    "kept",
    "claim",
    "dispute",
    "resolution",
    "lineage",
    "role",
    "snapshot",
    "moved",
    "withdrawn",
)


def _events(session: Session, version: DatasetVersion, caller: Caller) -> list[dict[str, Any]]:
    about = {"dataset": str(catalogue.ref_of(version).dataset), "version": version.number}
    events: list[dict[str, Any]] = [
        {
            "at": time(version.registered_at),
            "event": "registered",
            "documents": version.documents,
            "content_root": version.content_root,
        }
    ]
    for place in catalogue.locations(session, version):
        events.append(
            {
                "at": time(place.registered_at),
                "event": "location",
                "base": place.base,
                "files": len(place.files),
                "kept": place.kept,
            }
        )
    for item in disputes.numbered(session, version):
        if item.claim.kind is not ClaimKind.DISPUTE:
            made = {"at": time(item.claim.claimed_at), "event": "claim"}
            events.append(made | claim_record(item.claim))
    for dispute in disputes.version_records(session, version, caller):
        events += _dispute(dispute)
    for edge in catalogue.sources_of(session, version, caller):
        source = str(catalogue.ref_of(edge.source))
        events.append(
            {
                "at": time(edge.added_at),
                "event": "lineage",
                "kind": str(edge.kind),
                "from": source,
                "added_by": edge.added_by,
            }
        )
    for later in catalogue.kept_later(session, version):
        events.append(
            {
                "at": time(later.kept_at),
                "event": "kept",
                "documents": later.documents,
                "kept_by": later.kept_by,
            }
        )
    for change in protection.changes(session, version):
        about_it = {"event": "role", "given": change.given} | role_record(change)
        events.append({"at": time(change.changed_at)} | about_it)
    for held, part in catalogue.snapshots_with(session, version, caller):
        events.append({"at": time(held.issued_at), "event": "snapshot"} | snapshot_part(held, part))
    for moved in catalogue.moves(session, version):
        events.append(
            {
                "at": time(moved.relocated_at),
                "event": "moved",
                "base": moved.base,
                "files": len(moved.files),
                "moved_by": moved.relocated_by,
            }
        )
    for stone in withdrawn.of_version(session, version):
        said = stone.to_json()
        at = said.pop("withdrawn_at")
        events.append({"at": at, "event": "withdrawn"} | said | {"about": str(said["about"])})
    return [about | event for event in events]


def _dispute(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the events of a dispute: that it was opened, and how it ended."""
    names = ("property", "challenged", "value", "texts", "field", "evidence", "reason", "opened_by")
    number = {"dispute": record["number"]}
    opened = {"at": record["opened_at"], "event": "dispute"}
    yield opened | number | {name: record[name] for name in names}
    ended = record["resolution"]
    if ended is not None:
        decided = {name: ended[name] for name in ended if name != "resolved_at"}
        yield {"at": ended["resolved_at"], "event": "resolution"} | number | decided
