"""What an interrupted run had finished: a note beside each part, and how the next run takes it.

A part counts when its note is there and says what the part hashes to; so neither need be durable,
and after the power failed what is damaged is read again. The same unit, read with the same
options, gives the same rows: so a note says exactly which unit it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from registry import documents
from registry.blobs import NOTES
from registry.core.digest import sha256_hex
from registry.errors import ConflictError
from registry.index.parts import RunsFile, SketchFile
from registry.intake.part import Asked, Part
from registry.intake.units import Unit


def note(folder: Path, unit: Unit, part: Part) -> None:
    """Note that a part is finished.

    Args:
        folder: The folder of the notes.
        unit: What was read.
        part: What it gave.

    Raises:
        OSError: The disk refused.
    """
    value = {"unit": unit.to_json(), "part": part.to_json()}
    path = folder / _name(unit)
    whole = path.with_suffix(".new")
    whole.write_bytes(json.dumps(value).encode("ascii"))
    whole.rename(path)


def take(left: Iterable[Path], units: Sequence[Unit], asked: Asked, notes: Path) -> dict[int, Part]:
    """Take over the parts of interrupted runs that are parts of this one, by moving them.

    Their notes are moved as well, so that a run may be interrupted many times.

    Args:
        left: What interrupted runs left: their folders, as this one's is in `asked`.
        units: What is to be read.
        asked: How, and where the parts go.
        notes: Where the notes go.

    Returns:
        The parts that need not be read again, by the number of their unit.
    """
    wanted = {_key(unit.to_json()): unit for unit in units}
    taken: dict[int, Part] = {}
    for folder in left:
        for path in sorted((folder / NOTES).glob("*.json")):
            read = _read(path)
            unit = wanted.get(_key(read[0])) if read else None
            if unit is None or read is None or unit.number in taken:
                continue
            if _move(asked.elsewhere(folder), path.stem, asked, unit.number, read[1]):
                path.rename(notes / _name(unit))
                taken[unit.number] = read[1]
    return taken


def _read(path: Path) -> tuple[dict[str, Any], Part] | None:
    """Return what a note says, or None if it is from another release or damaged."""
    try:
        value = json.loads(path.read_bytes())
        return value["unit"], Part.from_json(value["part"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _move(left: Asked, number: str, asked: Asked, to: int, part: Part) -> bool:
    """Move the files of a part; what is damaged or missing is no part."""
    try:
        sources, targets = left.files(int(number)), asked.files(to)
        if documents.digest_file(sources.rows) != part.digest:
            return False
        if not all(map(Path.is_file, sources.all())):
            return False
        if sources.sketches is not None:
            SketchFile.open(sources.sketches, digest=part.sketch.digest).file.check_all()
        RunsFile(sources.runs, digest=part.sketch.runs_digest).file.check_all()
        for source, target in zip(sources.all(), targets.all(), strict=True):
            source.rename(target)
    except (ConflictError, OSError, ValueError):
        return False
    return True


def _name(unit: Unit) -> str:
    return f"{unit.number:05d}.json"


def _key(unit: dict[str, Any]) -> str:
    return sha256_hex(json.dumps(unit, sort_keys=True).encode("ascii"))
