"""Check a proof of one row, or of absence, against the certificate that it brings along."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from registry.core.certificate import Certificate
from registry.core.manifest import Column
from registry.core.rowproof import Cell, Proof, Row, RowProof
from registry.errors import VerificationError

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SHOWN_BYTES: Final = 64 * 2**10
"""How much of a text a report repeats."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof shows, if the certificate is to be believed.

    Attributes:
        kind: `row` or `absent`.
        content_hash: The SHA-256 of the text it is about, in hexadecimal.
        snapshot_root: The snapshot it is about.
        documents: How many rows that has.
        row: The row, or None if the text is in none.
        columns: What the rows of the snapshot have.
        text: The row's text if the proof tells it.
        compared: Whether the text that the caller gave is the one that the proof is about.
    """

    kind: str
    content_hash: str
    snapshot_root: str
    documents: int
    row: Row | None
    columns: tuple[Column, ...]
    text: bytes | None
    compared: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": self.kind,
            "content_hash": self.content_hash,
            "snapshot_root": self.snapshot_root,
            "documents": self.documents,
            "row": self._row(),
            "text": None if self.text is None else self.shown_text,
            "text_compared": self.compared,
        }

    @property
    def shown_text(self) -> str:
        """Return the text, cut where it is long."""
        text = (self.text or b"").decode("utf-8", "replace")
        return text if len(text) <= _SHOWN_BYTES else text[: _SHOWN_BYTES - 1] + "…"

    def _row(self) -> dict[str, Any] | None:
        if self.row is None:
            return None
        return {
            "number": self.row.number,
            "shard": self.row.shard.name,
            "in_shard": self.row.in_shard,
            "columns": [
                {"name": it.name, "type": it.type, "value": as_text(self.row.cells[it.name], it)}
                for it in self.columns
                if it.name in self.row.cells
            ],
        }


def check(proof: Proof, certificate: Certificate, text: bytes | None) -> Shown:
    """Return what a proof shows.

    Args:
        proof: The proof.
        certificate: The certificate in it, whose signature the caller checked.
        text: The bytes that the caller thinks the proof is about, or None.

    Raises:
        VerificationError: `E_ROW_PROOF`, `E_PRESENT`, `E_MANIFEST` or `E_CLAIM_MISMATCH`.
    """
    manifest = certificate.manifest
    row: Row | None = None
    told: bytes | None = None
    if isinstance(proof, RowProof):
        row = proof.check(manifest)
        content_hash, told = row.content_hash, proof.text
    else:
        proof.check(manifest)
        content_hash = proof.content_hash
    if text is not None and hashlib.sha256(text).digest() != content_hash:
        raise VerificationError(
            f"the text you gave is not the one that the proof is about, {content_hash.hex()}",
            code="E_ROW_PROOF",
            hint="every byte counts, a line break at the end too",
        )
    return Shown(
        proof.kind,
        content_hash.hex(),
        manifest.root,
        manifest.total.documents,
        row,
        manifest.columns,
        told,
        text is not None,
    )


def as_text(value: Cell, column: Column) -> str | int | None:
    """Return a cell as JSON values have it: bytes in hexadecimal, times as RFC 3339."""
    if isinstance(value, bytes):
        return value.hex()
    if column.type == "time" and isinstance(value, int):
        try:
            moment = _EPOCH + dt.timedelta(microseconds=value)
        except OverflowError:
            return value
        return moment.isoformat().replace("+00:00", "Z")
    return value
