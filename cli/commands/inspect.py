"""`firsthand inspect`: look at files before they are registered."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from cli.options import text_fields
from cli.output import block, clean, count, emit, json_option, plural, say, size

if TYPE_CHECKING:
    from registry.core.source import ReadOptions
    from registry.inspect import Report
    from registry.inspect.report import FieldSeen, Problem, Suggestion

FORMATS = ("parquet", "arrow", "jsonl", "json", "csv", "tsv", "text", "tar", "warc")
MAX_FIELDS = 30
MAX_LISTED = 5
SAMPLE_WIDTH = 160
NOTHING_READ = 1


@click.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@click.option("--name", metavar="NAME", help="The dataset's name; default: made from the path.")
@click.option(
    "--text-field",
    metavar="FIELD[,FIELD…]",
    help="The text, as in `register`; default: guessed, with the reason.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    help="What the files are, or the members of archives; default: by their names.",
)
@click.option("--lines", is_flag=True, help="Text files: one document per non-blank line.")
@click.option(
    "--paragraphs", is_flag=True, help="Text files: one document per run of non-blank lines."
)
@click.option("--encoding", metavar="NAME", help="The encoding of text; default: UTF-8.")
@click.option(
    "--sample",
    "limit",
    metavar="N",
    type=click.IntRange(min=1),
    help="Read only the first N documents; counts are then of those.",
)
@json_option
def inspect(paths: tuple[str, ...], as_json: bool, **given: Any) -> int:
    """Look at files before registering them: shape, texts, counts, problems, what to run next.

    Nothing is written, and no registry is needed. What the text is, is a guess, with its reason;
    what made the texts is never guessed.

    It ends with 0 if the last line can be run as it is, and with 1 if nothing could be read.
    """
    from registry import inspect as verb

    report = verb.files(
        paths,
        options=_options(given),
        name=given["name"],
        limit=given["limit"],
        on_progress=_progress(),
    )
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if as_json:
        emit(_document(report))
    else:
        _show(report)
    return 0 if report.command else NOTHING_READ


def _options(given: dict[str, Any]) -> ReadOptions:
    from registry.core.source import Format, ReadOptions

    return ReadOptions(
        format=Format(given["format_name"]) if given["format_name"] else None,
        lines=given["lines"],
        paragraphs=given["paragraphs"],
        encoding=given["encoding"],
        text_fields=text_fields(given["text_field"]),
    )


def _progress() -> Callable[[int, int, int, int], None] | None:
    """Return a function that shows progress on stderr, or None where nobody watches."""
    import time

    if sys.stderr is None or not sys.stderr.isatty():
        return None
    shown = time.monotonic()

    def update(done: int, files: int, documents: int, read: int) -> None:
        nonlocal shown
        moment = time.monotonic()
        if moment - shown < 0.2:
            return
        shown = moment
        sys.stderr.write(f"\r\x1b[K{done}/{files} files · {documents:,} documents · {size(read)}")
        sys.stderr.flush()

    return update


# Text


def _show(report: Report) -> None:
    say(_headline(report))
    lines: list[tuple[str, str]] = []
    lines += _labelled("Skipped", _first(report.skipped))
    lines += _labelled("Refused", _refused(report))
    lines += _labelled("Fields", _fields(report))
    lines += _labelled("Text files", _ways(report))
    lines += _labelled("Text", _text(report))
    if report.guess:
        lines += _labelled("Or", map(_suggestion, report.guess.others))
        lines += _labelled("May add", map(_suggestion, report.guess.added))
    lines += _counts(report)
    lines += _labelled("Dates", _dates(report))
    lines += _labelled("Samples", _samples(report))
    lines += _labelled("Problems", _problems(report.problems))
    lines.append(
        ("Origin", "not guessed: say it with `--origin` or a field, if you know what made it")
    )
    if report.command:
        lines.append(("Next", shlex.join(report.command)))
    else:
        lines.append(("Next", "nothing can be registered as it is: see above"))
    shorter = _shorter(report)
    for line in block([(label, shorter(value)) for label, value in lines[:-1]] + lines[-1:]):
        say(line)


def _shorter(report: Report) -> Callable[[str], str]:
    """Return a function that names files inside of a folder that was named without it."""
    import os

    given = {clean(os.path.abspath(path)): clean(path) for path in report.paths}

    def shorter(text: str) -> str:
        for full, path in given.items():
            text = text.replace(full + os.sep, "").replace(full, path)
        return text

    return shorter


def _labelled(label: str, values: Iterable[str]) -> list[tuple[str, str]]:
    return [("" if index else label, value) for index, value in enumerate(values)]


def _headline(report: Report) -> str:
    paths = clean(", ".join(report.paths[:MAX_LISTED])) + ("…" if len(report.paths) > 5 else "")
    if not report.files:
        return f"{paths}   nothing that can be read"
    kinds = ", ".join(
        f"{count(kind.files)} {kind.format}"
        + (f" ({kind.compression})" if kind.compression else "")
        for kind in report.kinds
    )
    total = sum(kind.bytes for kind in report.kinds)
    return f"{paths}   {plural(len(report.files), 'file')} · {size(total)} on disk · {kinds}"


def _first(items: Iterable[str]) -> Iterable[str]:
    listed = list(items)
    yield from (clean(item) for item in listed[:MAX_LISTED])
    if len(listed) > MAX_LISTED:
        yield f"and {count(len(listed) - MAX_LISTED)} more"


def _refused(report: Report) -> Iterable[str]:
    for item in report.refused[:MAX_LISTED]:
        yield clean(item.message)
        if item.hint:
            yield f"  hint: {clean(item.hint)}"
    if len(report.refused) > MAX_LISTED:
        yield f"and {plural(len(report.refused) - MAX_LISTED, 'more file')}, see `--json`"


def _fields(report: Report) -> Iterable[str]:
    if report.shape is None or not report.shape.fields:
        return
    shape = report.shape
    width = min(40, max(len(clean(field.path)) for field in shape.fields))
    for field in shape.fields[:MAX_FIELDS]:
        example = f"   {_quoted(field.examples[0], 60)}" if field.examples else ""
        yield f"{clean(field.path):<{width}}  {_types(field, shape.records)}{example}"
    if len(shape.fields) > MAX_FIELDS:
        yield f"and {count(len(shape.fields) - MAX_FIELDS)} more"
    if not shape.complete:
        yield f"as seen in the first records of each file, {count(shape.records)} in all"


def _types(field: FieldSeen, records: int) -> str:
    kinds = " or ".join(kind for kind in field.types if kind != "null") or "always null"
    notes = [kinds]
    if field.words is not None:
        notes.append(f"{field.words:g} words")
    nothing = records - field.records + field.types.get("null", 0)
    if nothing and kinds != "always null":
        notes.append(f"{100 * nothing / records:.1f} % null or missing")
    return ", ".join(notes)


def _ways(report: Report) -> Iterable[str]:
    if report.ways is None:
        return
    ways = report.ways
    at_least = "" if ways.complete else "at least "
    yield (
        f"{plural(ways.files, 'file')} · {at_least}{plural(ways.lines, 'line')} that "
        f"{'is' if ways.lines == 1 else 'are'} not blank · "
        f"{at_least}{plural(ways.paragraphs, 'paragraph')}"
    )


def _text(report: Report) -> Iterable[str]:
    if report.guess is None:
        return
    options = report.guess.options
    by_origin = [path for path, _ in options.split_fields]
    named = ", ".join(f"`{clean(path)}`" for path in options.text_fields or by_origin)
    if not named:
        named = "each line" if options.lines else "each paragraph" if options.paragraphs else ""
    yield f"{named}: {clean(report.guess.reason)}" if named else clean(report.guess.reason)


def _suggestion(item: Suggestion) -> str:
    words = clean(" ".join(map(_quote, item.flags)))
    return f"{words}   {clean(item.reason)}" if words else clean(item.reason)


def _quote(word: str) -> str:
    return word if "ORIGIN" in word or "KIND" in word else shlex.quote(word)


def _counts(report: Report) -> list[tuple[str, str]]:
    counts = report.counts
    if counts is None:
        return []
    only = "" if counts.complete else f"of the first {plural(counts.documents, 'document')} only: "
    lines = [
        (
            "Documents",
            f"{only}{count(counts.documents)} · {count(counts.distinct)} distinct · "
            f"{plural(counts.documents - counts.distinct, 'exact duplicate')} · "
            f"{count(counts.empty)} empty · {count(counts.short)} shorter than 5 words",
        ),
        ("Size", f"{size(counts.bytes)} · {plural(counts.words, 'word')}"),
    ]
    if report.scripts:
        shares = [
            f"{name} {100 * share:.1f} %" if share >= 0.001 else f"{name} < 0.1 %"
            for name, share in report.scripts.items()
        ]
        more = f" · {len(shares) - 6} more" if len(shares) > 6 else ""
        lines.append(("Scripts", f"{' · '.join(shares[:6])}{more}   of letters"))
    return lines


def _dates(report: Report) -> Iterable[str]:
    for dated in report.dates:
        if dated.first and dated.last:
            wrong = f" · {count(dated.not_dates)} are no dates" if dated.not_dates else ""
            yield (
                f"{clean(dated.field)}: {dated.first[:10]} … {dated.last[:10]} in "
                f"{plural(dated.documents, 'record')}{wrong}"
            )


def _samples(report: Report) -> Iterable[str]:
    for sample in report.samples:
        yield f"{sample.kind}, {size(sample.bytes)}, {clean(sample.where)}"
        yield f"  {_quoted(sample.text, SAMPLE_WIDTH)}"


def _quoted(text: str, width: int) -> str:
    """Return the beginning of a text on one line, with what cannot be seen written out."""
    shown = clean(text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t"))
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def _problems(problems: Iterable[Problem]) -> Iterable[str]:
    for problem in problems:
        yield f"{count(problem.count)} × {clean(problem.what)}"
        for where in problem.where:
            yield f"    {clean(where, limit=300)}"
        if problem.hint:
            yield f"    hint: {clean(problem.hint)}"


# JSON


def _document(report: Report) -> dict[str, Any]:
    from dataclasses import asdict

    shape, guess = report.shape, report.guess
    return {
        "paths": list(report.paths),
        "files": {
            "count": len(report.files),
            "kinds": [asdict(kind) for kind in report.kinds],
            "listed": list(report.files[:1000]),
        },
        "skipped": list(report.skipped),
        "refused": [asdict(item) for item in report.refused],
        "shape": None
        if shape is None
        else {
            "records": shape.records,
            "complete": shape.complete,
            "fields": [_field(field) for field in shape.fields],
        },
        "text_files": None if report.ways is None else asdict(report.ways),
        "guess": None
        if guess is None
        else {
            "options": guess.options.to_json(),
            "reason": guess.reason,
            "others": [_flags(item) for item in guess.others],
            "may_add": [_flags(item) for item in guess.added],
        },
        "counts": None if report.counts is None else asdict(report.counts),
        "scripts": [{"script": name, "share": share} for name, share in report.scripts.items()],
        "dates": [asdict(dated) for dated in report.dates],
        "samples": [asdict(sample) for sample in report.samples],
        "problems": [
            asdict(problem) | {"where": list(problem.where)} for problem in report.problems
        ],
        "command": list(report.command),
    }


def _field(field: FieldSeen) -> dict[str, Any]:
    return {
        "path": field.path,
        "types": [{"type": kind, "count": number} for kind, number in field.types.items()],
        "records": field.records,
        "files": field.files,
        "words": field.words,
        "distinct": field.distinct,
        "examples": list(field.examples),
    }


def _flags(item: Suggestion) -> dict[str, Any]:
    return {"flags": list(item.flags), "reason": item.reason}
