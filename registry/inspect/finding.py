"""Which files there are, which of them can be read, and as what."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from registry import readers
from registry.core.source import Format, OnBadInput, Orient, ReadOptions
from registry.errors import InvalidInputError, RegistryError
from registry.inspect import encodings
from registry.inspect.report import Problem, Refused

_LOOKED_AT: Final = 1 << 16
_MAGIC: Final = {
    b"PAR1": Format.PARQUET,
    b"ARROW1": Format.ARROW,
    b"WARC/": Format.WARC,
    b"[": Format.JSON,
    b"{": Format.JSONL,
}
_PACKED: Final = {
    b"\x1f\x8b": ".gz",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"BZh": ".bz2",
    b"\xfd7zXZ": ".xz",
}
_ENCODED: Final = (Format.JSON, Format.JSONL, Format.CSV, Format.TSV)
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Found:
    """What `register` would be given.

    Attributes:
        paths: What to name: the paths as they were given, or the files that can be read.
        files: The files.
        skipped: Hidden files and cards.
        options: The options, with a format where the names do not tell it.
    """

    paths: tuple[str, ...]
    files: tuple[readers.SourceFile, ...]
    skipped: tuple[str, ...]
    options: ReadOptions


def find(
    paths: Sequence[str], options: ReadOptions, refused: list[Refused], problems: list[Problem]
) -> Found:
    """Find the files to read; those that would be refused are noted with the reason.

    Args:
        paths: Files and folders.
        options: What is known of how to read them.
        refused: Where to note files that cannot be read.
        problems: Where to note what else is to be known.

    Raises:
        InvalidInputError: There is nothing that can be read.
        UnavailableError: An object store does not answer.
    """
    if "-" in paths:
        raise InvalidInputError(
            "standard input can be read only once", hint="write it to a file, and look at that"
        )
    try:
        return _given(paths, options)
    except InvalidInputError as error:
        first = error
    if options.format is None and (told := _format_of(paths)):
        try:
            found = _given(paths, replace(options, format=told))
        except InvalidInputError:
            pass
        else:
            problems.append(
                Problem(
                    "files whose names do not tell the format",
                    len(found.files),
                    tuple(str(file) for file in found.files[:3]),
                    f"they look like {told}",
                )
            )
            return found
    before, known = len(refused), len(problems)
    found = _one_by_one(paths, options, refused)
    if not found.files:
        raise first
    found = _of_one_kind(found, problems)
    if len(refused) == before and len(problems) == known:
        # Each file can be read, and all of them together cannot.
        hint = "the line below names the files instead"
        problems.append(Problem(first.message, 1, (), f"{first.hint}; {hint}"))
    return found


def _given(paths: Sequence[str], options: ReadOptions) -> Found:
    found = readers.discover(paths, options)
    skipped = tuple(str(path) for path in found.skipped)
    return Found(tuple(paths), found.files, skipped, options)


def _one_by_one(paths: Sequence[str], options: ReadOptions, refused: list[Refused]) -> Found:
    """Try every file alone, so that one that cannot be read hides no other."""
    files: dict[str, readers.SourceFile] = {}
    skipped: list[str] = []
    for path in _walk(paths, skipped):
        try:
            found = readers.discover([path], options).files
        except RegistryError as error:
            refused.append(Refused(path, error.message, error.hint))
        else:
            files |= {path if len(found) == 1 else str(file.path): file for file in found}
    return Found(tuple(files), tuple(files.values()), tuple(skipped), options)


def _walk(paths: Sequence[str], skipped: list[str]) -> list[str]:
    """Return the files of folders on this machine; everything else as it is.

    Hidden files and cards in them are noted in `skipped`.
    """
    found: list[str] = []
    for path in paths:
        if not Path(path).is_dir():
            found.append(path)
            continue
        for folder, folders, names in os.walk(path):
            top = Path(folder) == Path(path)
            for name in sorted(names):
                full = str(Path(folder, name))
                if name.startswith(".") or (top and readers.is_card(name)):
                    skipped.append(os.path.abspath(full))
                else:
                    found.append(full)
            skipped += [
                os.path.abspath(Path(folder, name)) for name in folders if name.startswith(".")
            ]
            folders[:] = sorted(name for name in folders if not name.startswith("."))
    return found


def _of_one_kind(found: Found, problems: list[Problem]) -> Found:
    """Keep the text files, or those of records: whichever seem to be the data."""
    texts = [file for file in found.files if file.format is Format.TEXT]
    others = [file for file in found.files if file.format is not Format.TEXT]
    if not texts or not others:
        return found
    larger = texts if _bytes(texts) > 4 * _bytes(others) else others
    left = others if larger is texts else texts
    problems.append(
        Problem(
            "text files beside files of records: only one kind can be registered at once",
            len(left),
            tuple(str(file) for file in left[:3]),
            "these are left out of the line below; register them on their own if they are data",
        )
    )
    kept = [
        (path, file) for path, file in zip(found.paths, found.files, strict=True) if file in larger
    ]
    return replace_files(found, kept)


def replace_files(found: Found, kept: list[tuple[str, readers.SourceFile]]) -> Found:
    """Return what was found with fewer files, each of them named."""
    return replace(
        found, paths=tuple(path for path, _ in kept), files=tuple(file for _, file in kept)
    )


def _bytes(files: list[readers.SourceFile]) -> int:
    return sum(file.size for file in files)


def _format_of(paths: Sequence[str]) -> Format | None:
    """Return the one format that files seem to have, going by how they begin."""
    told = {_begins_as(path) for path in _walk(paths, [])[:200]}
    told.discard(None)
    return told.pop() if len(told) == 1 else None


def _begins_as(path: str) -> Format | None:
    try:
        with Path(path).open("rb") as file:
            begin = file.read(_LOOKED_AT)
    except OSError:
        return None
    if any(begin.startswith(magic) for magic in _PACKED):
        return None
    for magic, format in _MAGIC.items():
        if begin.lstrip().startswith(magic):
            return format
    return Format.TEXT if b"\0" not in begin or begin.startswith(_MARKS) else None


def settle(
    file: readers.SourceFile, options: ReadOptions, limit: int
) -> tuple[ReadOptions, Format, list[dict[str, object]]]:
    """Look at the first records of a file, and find the options it can be read with.

    Raises:
        RegistryError: There are none.
    """
    options = replace(options, on_bad_input=OnBadInput.SKIP)
    ways = [options]
    if file.format is Format.JSON:
        ways += [replace(options, orient=Orient.COLUMNS), replace(options, format=Format.JSONL)]
    if file.format is Format.JSONL:
        ways += [replace(options, format=Format.JSON)]
    if options.encoding is None and file.format in _ENCODED:
        ways += [replace(options, encoding=name) for name in encodings.fitting([file])]
    first: RegistryError | None = None
    for way in ways:
        bad: list[InvalidInputError] = []
        try:
            read = file if way.format in (None, file.format) else replace(file, format=way.format)
            format, records = readers.peek(read, way, limit, bad.append)
        except RegistryError as error:
            first = first or error
            continue
        if records or not bad:
            return way, format, records
        first = first or bad[0]
    assert first is not None  # noqa: S101 - a way that works returned
    raise first
