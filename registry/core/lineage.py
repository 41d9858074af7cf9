"""How one version came from others."""

from __future__ import annotations

from enum import StrEnum


class EdgeKind(StrEnum):
    """What was done to the source to get the derived version."""

    FILTERED = "filtered"
    MERGED = "merged"
    DEDUPLICATED = "deduplicated"
    TRANSLATED = "translated"
    REFORMATTED = "reformatted"
    GENERATED = "generated"
    COPIED = "copied"
