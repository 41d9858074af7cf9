"""Append to the transparency log, read it, and compare the catalogue with it."""

from __future__ import annotations

from registry.ledger.appending import append, entries, position_of, redact, size
from registry.ledger.comparing import Bound, Discrepancy, bound_by, discrepancies
from registry.ledger.exceptions import Exemption, exemptions, lost

__all__ = [
    "Bound",
    "Discrepancy",
    "Exemption",
    "append",
    "bound_by",
    "discrepancies",
    "entries",
    "exemptions",
    "lost",
    "position_of",
    "redact",
    "size",
]
