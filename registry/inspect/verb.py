"""The verb: find the files, see their shape, guess the text, count, and say what to run next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from registry import readers
from registry.core.dataset import MAX_NAME_LENGTH, DatasetRef
from registry.core.source import Format, OnBadInput, ReadOptions
from registry.errors import RegistryError
from registry.inspect import counting, encodings, guess
from registry.inspect.counting import OnProgress
from registry.inspect.finding import Found, find, replace_files, settle
from registry.inspect.report import (
    Guess,
    Kind,
    Problem,
    Refused,
    Report,
    Shape,
    Ways,
)
from registry.inspect.shape import Collector

_RECORDS_PER_FILE: Final = 1000
_RECORDS: Final = 20_000
_WAYS_BYTES: Final = 200_000_000
_LISTED: Final = 3
_WHOLE: Final = ("text_fields", "split_fields", "origin_by_field")


def files(
    paths: Sequence[str],
    *,
    options: ReadOptions,
    name: str | None = None,
    limit: int | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """Look at files before they are registered: shape, texts, counts, problems, the next command.

    Nothing is written and no registry is needed. Problems are gathered, not raised; only when
    nothing at all can be read has the report no command.

    Args:
        paths: Files and folders, patterns and URIs, as `register` takes them.
        options: What is known of how to read them; the rest is guessed.
        name: The name for the dataset; by default made from the first path.
        limit: How many documents to read, at most; all of them by default.
        on_progress: Called with files read, all files, documents and bytes.

    Raises:
        InvalidInputError: `name` is no name, or the options contradict themselves.
    """
    if name is not None:
        DatasetRef.parse(name)
    report = Report(tuple(paths))
    try:
        found = find(paths, options, report.refused, report.problems)
    except RegistryError as error:
        if not report.refused:
            report.refused.append(Refused(paths[0] if paths else "", error.message, error.hint))
        return report
    found, shape, format = _looked_at(found, report)
    if not found.files:
        return report
    _describe(report, found, shape)
    made = _guessed(report, found, shape, format)
    if made is None:
        return report
    report.guess = made
    found, options = _counted(report, found, shape, made, limit, on_progress)
    report.guess = replace(made, options=options)
    if report.counts is not None and not report.counts.complete:
        what = "not everything was read: what comes later was not looked at"
        report.problems.append(Problem(what, 1))
    if report.counts is not None and not report.counts.documents:
        report.problems.append(Problem("no documents are left", 0))
    elif report.counts is not None and found.files:
        words = ["firsthand", "register", *map(_argument, found.paths)]
        said = name or name_for(paths[0])
        command = (*words, "--name", said, *guess.flags(options), *_skipping(options))
        report.command = _typed(command, report)
    return report


def _typed(command: tuple[str, ...], report: Report) -> tuple[str, ...]:
    """Return a command unless nobody could type it, or a terminal would obey what is in it."""
    odd = tuple(word for word in command if not word.isprintable())
    if not odd:
        return command
    what = "names with control characters, which cannot be typed"
    report.problems.append(Problem(what, len(odd), odd[:_LISTED], "rename the files"))
    return ()


def _argument(path: str) -> str:
    """Return a path that is not taken for an option."""
    return f"./{path}" if path.startswith("-") else path


def _skipping(options: ReadOptions) -> tuple[str, ...]:
    return ("--on-bad-input", "skip") if options.on_bad_input is OnBadInput.SKIP else ()


def name_for(path: str) -> str:
    """Return a valid dataset name made from a path or a URI."""
    base = path.rstrip("/").rpartition("/")[2] if "://" in path else Path(path).absolute().name
    stem = base if Path(path).is_dir() else base.partition(".")[0] or base
    made = re.sub(r"[^a-z0-9._-]+", "-", stem.lower())
    made = re.sub(r"\.{2,}", ".", made)[:MAX_NAME_LENGTH].strip("._-")
    return made or "dataset"


def _looked_at(found: Found, report: Report) -> tuple[Found, Shape | None, Format]:
    """See the first records of each file, and keep the files that can be read in one way."""
    collector = Collector()
    limit = max(20, min(_RECORDS_PER_FILE, _RECORDS // len(found.files)))
    seen: list[tuple[str, readers.SourceFile, ReadOptions, Format]] = []
    records: dict[int, list[dict[str, object]]] = {}
    named = found.paths if len(found.paths) == len(found.files) else map(str, found.files)
    for path, file in zip(named, found.files, strict=True):
        try:
            way, format, first = settle(file, found.options, limit)
        except RegistryError as error:
            report.refused.append(Refused(str(file), error.message, error.hint))
            continue
        records[len(seen)] = first
        seen.append((path, file, way, format))
    if not seen:
        return replace_files(found, []), None, Format.TEXT
    [(usual, _)] = Counter(way for _, _, way, _ in seen).most_common(1)
    kept = []
    for index, (path, file, way, _) in enumerate(seen):
        if way != usual:
            report.refused.append(
                Refused(
                    str(file),
                    f"`{file}` has another shape than the other files: it would need"
                    f" `{' '.join(guess.flags(way)) or 'no such option'}`",
                    "register it on its own",
                )
            )
            continue
        kept.append((path, file))
        collector.add(records[index], complete=len(records[index]) < limit)
    formats = {format for _, _, way, format in seen if way == usual}
    options = replace(usual, on_bad_input=found.options.on_bad_input)
    if len(kept) == len(found.files):
        found = replace(found, options=options)
    else:
        found = replace(replace_files(found, kept), options=options)
    format = next(iter(sorted(formats - {Format.TEXT}))) if formats - {Format.TEXT} else Format.TEXT
    if options.format is not None:
        found = replace(found, files=readers.discover(found.paths, options).files)
    return found, collector.shape() if format is not Format.TEXT else None, format


def _describe(report: Report, found: Found, shape: Shape | None) -> None:
    kinds: Counter[tuple[str, str | None]] = Counter()
    sizes: Counter[tuple[str, str | None]] = Counter()
    for file in found.files:
        kinds[(str(file.format), file.compression)] += 1
        sizes[(str(file.format), file.compression)] += file.size
    report.kinds = tuple(Kind(*kind, count, sizes[kind]) for kind, count in kinds.most_common())
    report.files = tuple(str(file) for file in found.files)
    report.skipped = found.skipped
    report.shape = shape
    for file in found.files:
        if file.size == 0:
            report.problems.append(Problem("an empty file", 1, (str(file),)))
    if shape is not None:
        report.problems += _of_shape(shape)


def _of_shape(shape: Shape) -> list[Problem]:
    """Return what is odd about the fields of the records that were looked at."""
    problems = []
    for field in shape.fields:
        kinds = [kind for kind in field.types if kind != "null"]
        if len(kinds) > 1 and set(kinds) != {"whole number", "number"}:
            what = f"the field `{field.path}` holds values of several types: {', '.join(kinds)}"
            problems.append(Problem(what, field.records))
        if field.files < shape.files:
            what = f"files without the field `{field.path}`"
            problems.append(Problem(what, shape.files - field.files))
    return problems


def _guessed(report: Report, found: Found, shape: Shape | None, format: Format) -> Guess | None:
    options = found.options
    if shape is None:
        report.ways = _ways(found)
        if options.lines or options.paragraphs:
            return Guess(options, "as you said")
        names = [Path(str(file)).name for file in found.files]
        if any(file.format is Format.TAR for file in found.files):
            return Guess(options, "each text file of the archive is a document, exactly as it is")
        blank = report.ways.paragraphs > len(found.files)
        return guess.of_texts(names, report.ways.lines, blank, options)
    if any(getattr(options, name) for name in _WHOLE):
        return Guess(options, "as you said")
    made = guess.of_records(shape, options, format)
    if made is None:
        fields = ", ".join(f"`{field.path}`" for field in shape.fields[:20])
        report.problems.append(
            Problem(
                "no field holds texts" if shape.records else "there are no records",
                len(found.files),
                hint=f"the fields are {fields}" if fields else None,
            )
        )
    return made


def _ways(found: Found) -> Ways:
    """Count what text files would give, whole, by line and by paragraph."""
    lines = paragraphs = size = 0
    complete = True
    for file in found.files:
        if size > _WAYS_BYTES:
            complete = False
            break
        size += file.size
        base = replace(found.options, on_bad_input=OnBadInput.SKIP, lines=False, paragraphs=False)
        try:
            for _, records in readers.records_of(file, replace(base, lines=True), _ignore):
                lines += len(records)
            for _, records in readers.records_of(file, replace(base, paragraphs=True), _ignore):
                paragraphs += len(records)
        except RegistryError:
            continue
    return Ways(len(found.files), lines, paragraphs, complete)


def _ignore(skip: readers.Skip) -> None:
    pass


def _counted(
    report: Report,
    found: Found,
    shape: Shape | None,
    made: Guess,
    limit: int | None,
    on_progress: OnProgress | None,
) -> tuple[Found, ReadOptions]:
    options = made.options
    extras = _extras(shape, options)
    refused: list[Refused] = []
    tally = counting.count(found.files, options, extras, limit, refused, on_progress)
    if refused and (extras.id or extras.dates):
        # The fields that were read besides may be what cannot be read.
        again: list[Refused] = []
        extras = counting.Extras(None, ())
        tally = counting.count(found.files, options, extras, limit, again, on_progress)
        refused = again
    if tally.skipped and not tally.totals.documents and options.encoding is None:
        bad = [file for file in found.files if str(file) in tally.skipped]
        if encoding := encodings.chosen(encodings.fitting(bad), len(bad)):
            options = replace(options, encoding=encoding)
            report.problems.append(_encoding_guessed(encoding, bad))
            if report.ways is not None:
                report.ways = _ways(replace(found, options=options))
            refused = []
            tally = counting.count(found.files, options, extras, limit, refused, on_progress)
    report.refused += refused
    lost = {item.file for item in refused}
    if lost:
        named = found.paths if len(found.paths) == len(found.files) else map(str, found.files)
        kept = [
            (path, file)
            for path, file in zip(named, found.files, strict=True)
            if str(file) not in lost
        ]
        found = replace_files(found, kept)
    if tally.skipped:
        options = replace(options, on_bad_input=OnBadInput.SKIP)
        report.problems.append(_bad_input(tally, found))
    report.skipped = (*report.skipped, *tally.members)
    report.problems += counting.problems_of(tally, extras.id)
    report.dates = tuple(dates.value(path) for path, dates in tally.dates.items())
    report.samples = tally.shown()
    report.scripts = tally.shares()
    if found.files:
        report.counts = tally.counts()
    return found, options


def _extras(shape: Shape | None, options: ReadOptions) -> counting.Extras:
    if shape is None:
        return counting.Extras(None, ())
    everywhere = {field.path for field in shape.fields if field.files == shape.files}
    dates = [path for path in guess.date_fields(shape) if path in everywhere]
    id_path = guess.id_field(shape)
    by_field = options.split_fields or options.origin_by_field
    usable = id_path in everywhere and not by_field
    return counting.Extras(id_path if usable else None, tuple(dates[:4]))


def _encoding_guessed(encoding: str, bad: list[readers.SourceFile]) -> Problem:
    return Problem(
        "files that are not UTF-8",
        len(bad),
        tuple(str(file) for file in bad[:_LISTED]),
        f"`{encoding}` decodes all of them, which does not prove it right: read the samples",
    )


def _bad_input(tally: counting.Tally, found: Found) -> Problem:
    bad = [file for file in found.files if str(file) in tally.skipped]
    fits = encodings.fitting([file for file in bad if _not_text(tally, file)][:500])
    hint = "`--on-bad-input skip` leaves them out"
    if fits:
        named = ", ".join(f"`{name}` {count}" for name, count in fits.items())
        hint += f"; of these files, `--encoding` would decode (not: prove right): {named}"
    return Problem(
        "records or files that are not valid",
        tally.skipped.total(),
        tuple(tally.skipped_why[str(file)] for file in bad[:_LISTED]),
        hint,
    )


def _not_text(tally: counting.Tally, file: readers.SourceFile) -> bool:
    return "not valid UTF-8" in tally.skipped_why[str(file)]
