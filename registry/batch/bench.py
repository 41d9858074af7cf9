"""What the making of a stage is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.batch.engine import Engine, Limits

Tell = Callable[[int, int], None]
"""Hears how much is done, of how much."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a stage is made, and with what.

    Attributes:
        root: The folder of all stages, whose files SQL may see.
        folder: Where the files of this stage go.
        spill: A folder for what does not fit into memory.
        limits: Memory and threads.
        tell: Hears how far it is.
    """

    root: Path
    folder: Path
    spill: Path
    limits: Limits
    tell: Tell

    def engine(self) -> Engine:
        """Return a connection to the SQL engine, to be closed."""
        return Engine(self.root, self.spill, self.limits)

    def file(self, name: str) -> Path:
        """Return a file of the stage."""
        return self.folder / name
