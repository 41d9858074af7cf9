"""The bytes of a log entry.

A leaf is RFC 8785 JSON with digests and salted commitments only: no text, no name, no reason. It
binds every row that was written with it, so that the catalogue is a fold of the log: what SQL
says and the log does not is an error. Entries carry no position of their own.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from registry.core.digest import ROW_PREFIX, canonical, commitment
from registry.core.evidence import iso_time, to_micros
from registry.errors import ConflictError, InvalidInputError

FOLD: Final = 5
"""The version of `FOLDED`: a change of it is a new number, and old entries keep theirs."""

MAX_LEAF: Final = (1 << 16) - 1
"""What fits into a bundle of the published log (`registry.core.tiles`)."""
SALT_SIZE: Final = 32

FOLDED: Final[Mapping[str, tuple[str, ...]]] = {
    "namespaces": ("id", "name", "visibility", "created_at"),
    "datasets": ("id", "namespace_id", "name", "visibility", "created_at"),
    "dataset_versions": (
        "id", "dataset_id", "number", "content_root", "documents", "distinct", "empty", "bytes",
        "words", "registered_at",
    ),
    "locations": (
        "id", "version_id", "uid", "base", "options", "files", "order_root", "table_digest",
        "claims_root", "kept", "sources", "registered_at",
    ),
    "kept_texts": (
        "id", "location_id", "uid", "documents", "bytes", "digest", "kept_by", "kept_at",
    ),
    "acquisitions": (
        "id", "location_id", "owner", "access", "crawler", "opt_out_policy", "opt_out_date",
        "personal_data", "purchase", "first_use", "url_field",
    ),
    "selections": ("id", "digest", "texts"),
    "claims": (
        "id", "version_id", "property", "value", "location_id", "selection_id", "kind",
        "assessment", "claimed_by", "reason", "claimed_at",
    ),
    "lineage_edges": ("id", "version_id", "source_id", "kind", "note", "added_by", "added_at"),
    "role_changes": (
        "id", "version_id", "role", "given", "value", "changed_by", "reason", "changed_at",
    ),
    "recipes": ("id", "digest", "body", "recorded_at"),
    "mixtures": (
        "id", "recipe_id", "plan_digest", "log_size", "documents", "bytes", "words", "recorded_at",
    ),
    "mixture_inputs": ("id", "mixture_id", "version_id", "documents", "bytes"),
    "mixture_exclusions": ("id", "mixture_id", "version_id", "exact", "near", "passages"),
    "signing_keys": ("id", "keyid", "role", "pem", "created_at"),
    "snapshots": (
        "id", "mixture_id", "key_id", "snapshot_root", "certificate_digest", "path", "issued_at",
    ),
    "deduplications": (
        "id", "version_id", "rule", "log_size", "documents", "exact", "near", "removals_digest",
        "made_by", "made_at",
    ),
    "deduplication_inputs": (
        "id", "deduplication_id", "version_id", "protected", "documents", "exact", "near", "budget",
    ),
    "supersessions": ("id", "snapshot_id", "certificate_digest", "reason", "superseded_at"),
    "trusted_keys": ("id", "keyid", "role", "name", "key", "added_by", "added_at"),
    "key_revocations": ("id", "keyid", "revoked_from", "reason", "revoked_by", "revoked_at"),
    "timestamps": ("id", "log_size", "digest", "token", "time", "attached_at"),
    "disputes": (
        "id", "version_id", "challenged_id", "claim_id", "field", "reason", "opened_by",
        "opened_at",
    ),
    "dispute_resolutions": (
        "id", "dispute_id", "outcome", "role", "reason", "resolved_by", "resolved_at",
    ),
    "ended_claims": ("id", "resolution_id", "claim_id"),
    "evidence": (
        "id", "version_id", "selection_id", "dispute_id", "kind", "concerns", "grade", "not_before",
        "not_after", "documents", "issuer", "digest", "value", "added_by", "added_at",
    ),
    "withdrawals": (
        "id", "version_id", "selection_id", "reason", "erased", "withdrawn_by", "withdrawn_at",
    ),
    "erased_texts": ("id", "withdrawal_id", "salt", "digest"),
    "relocations": ("id", "location_id", "base", "files", "relocated_by", "relocated_at"),
    "drawn_rows": ("id", "input_id", "digest", "documents", "weight", "human"),
}  # fmt: skip
"""The tables and columns that the log binds. Not bound: intents, and the log's own tables."""


class EntryKind(StrEnum):
    """What happened."""

    KEY_CREATED = "key.created"
    VERSION_REGISTERED = "version.registered"
    LOCATION_ADDED = "location.added"
    CLAIM_ADDED = "claim.added"
    LINEAGE_ADDED = "lineage.added"
    ROLE_CHANGED = "role.changed"
    TEXTS_KEPT = "texts.kept"
    SNAPSHOT_EXPORTED = "snapshot.exported"
    VERSION_DEDUPLICATED = "version.deduplicated"
    KEY_TRUSTED = "key.trusted"
    KEY_REVOKED = "key.revoked"
    TIMESTAMP_ATTACHED = "timestamp.attached"
    ROWS_REDACTED = "rows.redacted"
    LOG_RECOVERED = "log.recovered"
    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_RESOLVED = "dispute.resolved"
    EVIDENCE_ADDED = "evidence.added"
    WITHDRAWN = "documents.withdrawn"
    RELOCATED = "location.moved"


@dataclass(frozen=True, slots=True)
class RowBinding:
    """The commitment of an entry to one row."""

    table: str
    id: int
    digest: str

    @property
    def salt_name(self) -> str:
        """Return the name that the row's salt is kept under."""
        return f"{self.table}/{self.id}"

    def to_json(self) -> dict[str, Any]:
        """Return the binding as it stands in the leaf."""
        return {"digest": self.digest, "id": self.id, "table": self.table}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a leaf says of itself.

    Attributes:
        kind: What happened, as written; a newer release may know more kinds.
        time: When.
        facts: What anybody may see: digests, counts, fixed words.
        rows: The rows written with it.
    """

    kind: str
    time: dt.datetime
    facts: Mapping[str, Any]
    rows: tuple[RowBinding, ...]


def row_digest(table: str, row: Mapping[str, Any], salt: bytes) -> str:
    """Return the salted commitment to the folded columns of a row."""
    values = {name: _plain(row[name]) for name in FOLDED[table]}
    return commitment([ROW_PREFIX.decode("ascii"), table, values], salt)


def _plain(value: Any) -> Any:
    """Return a column's value as JSON has it."""
    if isinstance(value, dt.datetime):
        return iso_time(to_micros(value))
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def leaf(
    kind: EntryKind, moment: dt.datetime, facts: Mapping[str, Any], rows: list[RowBinding]
) -> bytes:
    """Return the final bytes of an entry.

    Args:
        kind: What happened.
        moment: When, by the registry's clock; no client ever supplies it.
        facts: Digests, counts and fixed words that anybody may see.
        rows: The rows written with it.

    Raises:
        InvalidInputError: The entry is larger than 65,535 bytes.
    """
    data = canonical(
        {
            "facts": dict(facts),
            "fold": FOLD,
            "kind": str(kind),
            "rows": [row.to_json() for row in rows],
            "time": iso_time(to_micros(moment)),
        }
    )
    if len(data) > MAX_LEAF:
        raise InvalidInputError(
            f"a log entry of {len(data):,} bytes is larger than {MAX_LEAF:,}",
            hint="register fewer things at once",
        )
    return data


def parse_leaf(data: bytes) -> Entry:
    """Read back what `leaf` wrote.

    Raises:
        ConflictError: These are not the bytes of an entry.
    """
    try:
        value = json.loads(data)
        rows = tuple(
            RowBinding(str(row["table"]), int(row["id"]), str(row["digest"]))
            for row in value["rows"]
        )
        made = Entry(
            str(value["kind"]), dt.datetime.fromisoformat(value["time"]), dict(value["facts"]), rows
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConflictError(
            "a leaf of the log cannot be read", hint="the database was changed by hand"
        ) from error
    unknown = {row.table for row in rows} - FOLDED.keys()
    if unknown or made.time.tzinfo is None:
        raise ConflictError(
            "a leaf of the log is not one of ours", hint="the database was changed by hand"
        )
    return made
