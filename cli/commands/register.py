"""`firsthand register`: record a dataset version from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cli.options import Sectioned, text_fields
from cli.output import clean, emit, json_option
from cli.progress import Watcher, progress_option, watcher
from cli.registrations import document, many_document, show, show_one_of_many, show_totals

if TYPE_CHECKING:
    from registry.core.dataset import Origin
    from registry.core.evidence import DateInterval, DateKind
    from registry.core.source import ReadOptions
    from registry.intake.pool import Pool
    from registry.register import Acquired, Declaration

ORIGINS = ("human", "assisted", "mixed", "unknown", "programmatic", "ai")
FIELD_ORIGINS = ("human", "assisted", "programmatic", "ai", "unknown")
DATE_KINDS = ("authored", "published", "captured", "collected")
_EARLY = 4  # others are started when it is known how much there is to read
ACCESS = ("public", "licensed", "crawled", "user", "bought", "private")


# Where the sections of the help begin.
SECTIONS = {
    "origin": "What made the texts",
    "text_field": "How files become documents",
    "date_fields": "Dates, language, license",
    "sources": "How the texts were come by",
    "visibility": "What is kept, and who may see it",
    "passages": "What can be found again",
    "dry_run": "How it runs",
}


@click.command(cls=Sectioned, sections=SECTIONS)
@click.argument("paths", metavar="PATH…", nargs=-1)
@click.option("--name", metavar="NAME", help="The dataset, `name` or `team/name`.")
@click.option(
    "--from",
    "list_file",
    metavar="FILE",
    help="Instead of all else: a list of sources, see docs/sources.md; one that fails does not "
    "keep the others from being registered.",
)
@click.option(
    "--origin",
    type=click.Choice(ORIGINS),
    help="What made all of the texts. Not said: unknown, not assessed. Nothing defaults to human.",
)
@click.option(
    "--generator",
    "generators",
    metavar="MODEL",
    multiple=True,
    help="A model that wrote them; may be repeated.",
)
@click.option(
    "--origin-field", metavar="FIELD", help="The field that says per record what made it."
)
@click.option(
    "--origin-map",
    metavar="VALUE=ORIGIN,…",
    help="What its values mean, such as `0=human,1=ai`; empty ones are unknown.",
)
@click.option("--generator-field", metavar="FIELD", help="The field that names the model.")
@click.option(
    "--split-field",
    metavar="FIELD=ORIGIN,…",
    help="Several documents per record, each with the origin of its field.",
)
@click.option(
    "--origin-by-field",
    metavar="FIELD=ORIGIN,…",
    help="One document per record from several fields, each part with its own origin: a mixed "
    "document with an exact human share.",
)
@click.option(
    "--text-field",
    metavar="FIELD[,FIELD…]",
    help="The text, or several joined by newlines; `a.b` reaches into objects, `a[0]` and `a[-1]` "
    "into lists. Default: `text`, or the only text field.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["parquet", "arrow", "jsonl", "json", "csv", "tsv", "text", "tar", "warc"]),
    help="What the files are, or the members of archives; default: by their names.",
)
@click.option("--lines", is_flag=True, help="Text files: one document per non-blank line.")
@click.option(
    "--paragraphs", is_flag=True, help="Text files: one document per run of non-blank lines."
)
@click.option(
    "--orient",
    type=click.Choice(["records", "columns"]),
    default="records",
    show_default=True,
    help="JSON files: a list of records, or an object of parallel lists.",
)
@click.option(
    "--encoding",
    metavar="NAME",
    help="The encoding of text, CSV, TSV and JSON, such as `latin-1`; default: UTF-8.",
)
@click.option(
    "--on-bad-input",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="What to do with records and text files that are not valid; what is skipped is counted, "
    "listed and recorded.",
)
@click.option(
    "--date-field",
    "date_fields",
    metavar="KIND=FIELD",
    multiple=True,
    help="The field with a date, such as `published=created_at`; may be repeated.",
)
@click.option("--authored", metavar="DATE[..DATE]", help="When all of it was written.")
@click.option("--published", metavar="DATE[..DATE]", help="When all of it was published.")
@click.option("--captured", metavar="DATE[..DATE]", help="When copies of it were made.")
@click.option("--collected", metavar="DATE[..DATE]", help="When it was gathered.")
@click.option("--language", metavar="TAG", help="The language of all of it, such as `en`.")
@click.option("--language-field", metavar="FIELD", help="The field that names the language.")
@click.option("--license", metavar="SPDX", help="The license of all of it, such as `MIT`.")
@click.option(
    "--source", "sources", metavar="URL", multiple=True, help="Where it came from; repeatable."
)
@click.option("--owner", metavar="NAME", help="Who owns the texts.")
@click.option("--access", type=click.Choice(ACCESS), help="How you came by them.")
@click.option("--crawler", metavar="NAME", help="The crawler that fetched them.")
@click.option("--opt-out-policy", metavar="TEXT", help="Which opt-outs were respected.")
@click.option("--opt-out-date", metavar="DATE", help="When those opt-outs were read.")
@click.option("--personal-data", metavar="TEXT", help="Whether there is any, and of what kind.")
@click.option("--purchase", metavar="TEXT", help="From whom they were bought.")
@click.option("--first-use", metavar="DATE", help="When they were first used for training.")
@click.option("--url-field", metavar="FIELD", help="The field with each document's address.")
@click.option(
    "--visibility",
    type=click.Choice(["private", "internal", "public"]),
    default="private",
    show_default=True,
    help="Who may see a new dataset.",
)
@click.option(
    "--role",
    type=click.Choice(["evaluation"]),
    help="What the version is used as. An evaluation set is found by any 13 tokens that a text "
    "shares with it, and recipes leave out what is like it.",
)
@click.option("--keep", is_flag=True, help="Keep the texts, so that they outlive these files.")
@click.option(
    "--passages",
    type=click.IntRange(8, 1000),
    metavar="TOKENS",
    help="Find every run of so many tokens that other texts share. Default: 25, and 13 for "
    "`--role evaluation`, which takes three times the space.",
)
@click.option(
    "--no-passages",
    is_flag=True,
    help="Find whole documents only, by content and MinHash signature: half the index.",
)
@click.option(
    "--dry-run", is_flag=True, help="Read and check everything, say what would happen, do nothing."
)
@click.option(
    "--allow-withdrawn",
    is_flag=True,
    help="Register also texts that were erased here before; they are used again then.",
)
@click.option(
    "--reread",
    is_flag=True,
    help="Read every file, also those that have not changed since they were registered.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="N",
    envvar="FIRSTHAND_JOBS",
    help="How many processes may read at once; default: one for each core.",
)
@progress_option
@json_option
@click.pass_obj
def register(home: str | None, /, paths: tuple[str, ...], as_json: bool, **given: Any) -> int:
    """Record a dataset version: what is in some files, and what is claimed about it.

    PATH is a file or a folder, or a URI of one (file://, s3://, gs://, abfss://), or `-` for
    standard input. Parquet, Arrow, JSON lines, JSON, CSV, TSV, text and WARC are read, also as
    .gz, .zst, .bz2 and .xz, and inside of tar archives.

    Content that the dataset already has makes no new version: what is new about it is added to
    the version it is, or nothing is.
    """
    watch = watcher(given["progress"])
    if given["list_file"]:
        return _many(home, paths, given, watch, as_json=as_json)
    if not paths:
        raise click.UsageError("name files or folders to read, or a list of sources with `--from`")
    if given["name"] is None:
        raise click.UsageError("say what the dataset is called, with `--name`")
    from registry.intake.memory import keep_freed
    from registry.intake.pool import Pool

    keep_freed()
    with Pool() as pool:
        _start_early(pool, paths, given["jobs"])
        return _one(home, paths, given, watch, pool, as_json=as_json)


def _start_early(pool: Pool, paths: tuple[str, ...], jobs: int | None) -> None:
    """Let other processes load what they need while this one does, if the files are large."""
    from registry.intake.pool import PARALLEL_FROM, cores

    if _is_at_least(paths, PARALLEL_FROM):
        pool.start(min((jobs or cores()) - 1, _EARLY))


def _is_at_least(paths: tuple[str, ...], size: int) -> bool:
    """Return whether the first files and folders named, without those below, have such a size."""
    import itertools
    import os

    for path in paths:
        try:
            with os.scandir(path) as entries:
                size -= sum(entry.stat().st_size for entry in itertools.islice(entries, 1000))
        except NotADirectoryError:
            size -= os.stat(path).st_size  # noqa: PTH116 - a million of them may be named
        except (OSError, ValueError):
            return False
        if size <= 0:
            return True
    return False


def _one(
    home: str | None,
    paths: tuple[str, ...],
    given: dict[str, Any],
    watch: Watcher,
    pool: Pool,
    *,
    as_json: bool,
) -> int:
    """Register the files that are named."""
    from cli.context import clock, opened, tidy
    from registry import register as verb

    dry_run = bool(given["dry_run"])
    options = _options(given)
    window = _window(given)
    declaration = _declaration(given)
    with opened(home) as registry:
        tidy(registry)
        watch.source(str(declaration.ref.dataset), 1, 1)
        outcome = "failed"
        try:
            done = verb.version(
                registry.database,
                registry.store,
                paths,
                declaration,
                options=options,
                clock=clock,
                keep=given["keep"],
                window=window,
                reread=given["reread"],
                jobs=given["jobs"],
                dry_run=dry_run,
                allow_withdrawn=given["allow_withdrawn"],
                pool=pool,
                on_progress=watch.update,
            )
            outcome = str(done.outcome)
        finally:
            watch.end(outcome)
        if as_json:
            emit(document(done, dry_run=dry_run))
        else:
            show(done, dry_run=dry_run)
    return 0


def _many(
    home: str | None,
    paths: tuple[str, ...],
    given: dict[str, Any],
    watch: Watcher,
    *,
    as_json: bool,
) -> int:
    """Register the sources of a list; 1 if some could not be."""
    from pathlib import Path

    from cli.context import clock, opened, tidy
    from cli.strict_yaml import read
    from registry import register as verb
    from registry.core.sources_file import parse
    from registry.settings import actor

    _refuse_more(paths, given)
    name = given["list_file"]
    dry_run = bool(given["dry_run"])
    sources = parse(read(name, what="list of sources", page="docs/sources.md"), name=name)
    settled = []
    with opened(home) as registry:
        tidy(registry)
        for one in verb.many(
            registry.database,
            registry.store,
            sources,
            folder=Path(name).absolute().parent,
            claimed_by=actor(),
            clock=clock,
            reread=given["reread"],
            jobs=given["jobs"],
            dry_run=dry_run,
            allow_withdrawn=given["allow_withdrawn"],
            on_source=lambda at, it: watch.source(it.name, at + 1, len(sources.sources)),
            on_progress=watch.update,
        ):
            watch.end("failed" if one.registration is None else str(one.registration.outcome))
            settled.append(one)
            if not as_json:
                show_one_of_many(one, dry_run=dry_run)
    if as_json:
        emit(many_document(settled, dry_run=dry_run))
    else:
        show_totals(settled)
    return 1 if any(one.error for one in settled) else 0


_WITH_A_LIST = frozenset({"allow_withdrawn", "list_file", "reread", "jobs", "dry_run", "progress"})


def _refuse_more(paths: tuple[str, ...], given: dict[str, Any]) -> None:
    """Refuse what a list of sources says itself."""
    context = click.get_current_context()
    said = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in given
        and parameter.name not in _WITH_A_LIST
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if paths or said:
        what = f"`{said[0]}`" if said else "PATH"
        raise click.UsageError(f"{what} cannot be used with `--from`: write it into the list")


def _options(given: dict[str, Any]) -> ReadOptions:
    from registry.core.evidence import DateKind
    from registry.core.source import Format, OnBadInput, Orient, ReadOptions

    dates: list[tuple[DateKind, str]] = []
    for text in given["date_fields"]:
        for kind, path in _pairs(text, "--date-field", DATE_KINDS, first=True):
            dates.append((DateKind(kind), path))
    return ReadOptions(
        format=Format(given["format_name"]) if given["format_name"] else None,
        lines=given["lines"],
        paragraphs=given["paragraphs"],
        orient=Orient(given["orient"]),
        encoding=given["encoding"],
        on_bad_input=OnBadInput(given["on_bad_input"]),
        text_fields=text_fields(given["text_field"]),
        split_fields=_origins(given["split_field"], "--split-field", FIELD_ORIGINS),
        origin_by_field=_origins(given["origin_by_field"], "--origin-by-field", FIELD_ORIGINS),
        origin_field=given["origin_field"],
        origin_map=_origins(given["origin_map"], "--origin-map", ORIGINS),
        generator_field=given["generator_field"],
        language_field=given["language_field"],
        date_fields=tuple(dates),
    )


def _window(given: dict[str, Any]) -> int | None:
    from registry.core.sketch import EVALUATION_WINDOW, WINDOW, guaranteed_tokens, window_of

    if given["role"] == "evaluation":
        most = guaranteed_tokens(EVALUATION_WINDOW)
        if given["no_passages"] or (given["passages"] or 0) > most:
            raise click.UsageError(
                f"an evaluation set is found by any {most} tokens: leave out "
                f"`{'--no-passages' if given['no_passages'] else '--passages'}`"
            )
    if given["no_passages"]:
        if given["passages"] is not None:
            raise click.UsageError("`--passages` and `--no-passages` contradict each other")
        return None
    return WINDOW if given["passages"] is None else window_of(given["passages"])


def _origins(
    text: str | None, flag: str, allowed: tuple[str, ...]
) -> tuple[tuple[str, Origin], ...]:
    from registry.core.dataset import Origin

    pairs = _pairs(text, flag, allowed, first=False) if text else []
    return tuple((left, Origin(right)) for left, right in pairs)


def _pairs(text: str, flag: str, allowed: tuple[str, ...], *, first: bool) -> list[tuple[str, str]]:
    """Read `a=b,c=d`, where the first or the second of each pair is one of the allowed words."""
    pairs = []
    for item in text.split(","):
        left, equals, right = (part.strip() for part in item.rpartition("="))
        word = left if first else right
        if not equals or not left or not right:
            raise click.UsageError(f"`{flag}` takes pairs such as `a=b,c=d`, not `{clean(item)}`")
        if word not in allowed:
            raise click.UsageError(
                f"`{clean(word)}` in `{flag}` is not one of {', '.join(allowed)}"
            )
        pairs.append((left, right))
    return pairs


def _declaration(given: dict[str, Any]) -> Declaration:
    from registry.core.dataset import DatasetRef, Origin, Role, Visibility
    from registry.register import Declaration
    from registry.settings import actor

    return Declaration(
        ref=DatasetRef.parse(given["name"]),
        claimed_by=actor(),
        origin=Origin(given["origin"]) if given["origin"] else None,
        generators=given["generators"],
        license=given["license"],
        language=given["language"],
        dates=_dates(given),
        sources=given["sources"],
        acquired=_acquired(given),
        visibility=Visibility(given["visibility"]),
        role=Role(given["role"]) if given["role"] else None,
    )


def _dates(given: dict[str, Any]) -> tuple[DateInterval, ...]:
    from registry.core.evidence import DateInterval, DateKind

    return tuple(
        DateInterval.parse(DateKind(kind), given[kind]) for kind in DATE_KINDS if given[kind]
    )


def _acquired(given: dict[str, Any]) -> Acquired:
    from registry.core.dataset import Access
    from registry.register import Acquired

    names = (
        "owner", "crawler", "opt_out_policy", "opt_out_date", "personal_data", "purchase",
        "first_use", "url_field",
    )  # fmt: skip
    said = {name: given[name] for name in names if given[name]}
    if given["access"]:
        said["access"] = Access(given["access"])
    return Acquired(**said)
