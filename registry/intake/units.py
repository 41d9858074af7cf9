"""What is read in one go: some whole files, or some row groups of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from registry import readers
from registry.core.source import Format

UNIT_BYTES: Final = 16 << 20
"""How many bytes on disk a unit has at least, unless the files end: 16 MiB."""
MAX_UNITS: Final = 2000
"""About how many units there are at most: those of very large sets are larger."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What becomes one file of the document table.

    Attributes:
        number: Its place among the units, from 0.
        first: The number of its first file among all files.
        files: Its files.
        groups: The row groups to read of its only file, as `begin, end`; None for all of it.
        ends: Whether its last file ends with it.
        size: About how many bytes of the disk are read.
    """

    number: int
    first: int
    files: tuple[readers.SourceFile, ...]
    groups: tuple[int, int] | None = None
    ends: bool = True
    size: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what must be the same for two units to give the same rows."""
        return {
            "first": self.first,
            "files": [state(file) for file in self.files],
            "groups": None if self.groups is None else list(self.groups),
        }


def state(file: readers.SourceFile) -> dict[str, Any]:
    """Return what tells a file from another one, and from itself after it was written to."""
    return {
        "path": str(file.path),
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "ctime_ns": file.ctime_ns,
        "etag": file.etag,
    }


def least_bytes(files: Sequence[readers.SourceFile]) -> int:
    """Return how many bytes a unit of these files has at least."""
    return max(UNIT_BYTES, sum(file.size for file in files) // MAX_UNITS)


def cut(
    files: Sequence[readers.SourceFile],
    *,
    first: int = 0,
    number: int = 0,
    least: int | None = None,
) -> list[Unit]:
    """Cut files into units, in their order.

    Small files are read together, and a large Parquet file is cut between its row groups.

    Args:
        files: The files, in order.
        first: The number of the first of them among all files.
        number: The number of the first unit.
        least: How many bytes a unit has at least; by default what `least_bytes` says.
    """
    least = least_bytes(files) if least is None else least
    units: list[Unit] = []
    gathered: list[readers.SourceFile] = []
    size = 0

    def close() -> None:
        nonlocal gathered, size
        if gathered:
            begin = first + at - len(gathered)
            units.append(Unit(number + len(units), begin, tuple(gathered), size=size))
        gathered, size = [], 0

    at = 0
    for file in files:
        slices = _slices(file, least)
        if len(slices) > 1:
            close()
            for groups in slices:
                ends = groups == slices[-1]
                part = file.size // len(slices)
                made = Unit(number + len(units), first + at, (file,), groups, ends, part)
                units.append(made)
            at += 1
            continue
        at += 1
        gathered.append(file)
        size += file.size
        if size >= least:
            close()
    close()
    return units


def _slices(file: readers.SourceFile, least: int) -> list[tuple[int, int]]:
    """Return where a file is cut between its row groups; fewer than two if it is not."""
    if file.format is not Format.PARQUET or file.size < 2 * least:
        return []
    sizes = readers.row_groups(file)
    whole = sum(sizes)
    slices, begin, size = [], 0, 0
    for group, part in enumerate(sizes):
        size += part
        if size * file.size >= least * whole:
            slices.append((begin, group + 1))
            begin, size = group + 1, 0
    if begin < len(sizes):
        slices.append((begin, len(sizes)))
    return slices
