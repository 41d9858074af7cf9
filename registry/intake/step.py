"""How far the reading of a unit is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """What has been read of a unit so far."""

    documents: int
    bytes: int
    files: int
