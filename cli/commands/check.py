"""`firsthand check`: compare new data with registered documents, registering nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.options import Sectioned, text_fields
from cli.output import block, clean, count, emit, json_option, plural, probability, say, size
from cli.progress import progress_option, stages

if TYPE_CHECKING:
    from registry.check import Against
    from registry.core.source import ReadOptions

SECTIONS = {
    "text_field": "How files become documents",
    "report": "What is written, and how it runs",
}
_SHOWN: Final = 10


@click.command(cls=Sectioned, sections=SECTIONS)
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@click.option(
    "--against",
    metavar="WHAT,…",
    multiple=True,
    required=True,
    help="What to compare with: `protected`, `evals`, `ai`, `human`, `all`, names of datasets or "
    "versions, or files and folders, which are taken for evaluation sets.",
)
@click.option(
    "--fail-on",
    metavar="WHAT,…",
    default="contamination,loss",
    show_default=True,
    help="When to end with exit code 3: `contamination` by evaluation sets or text by models, "
    "`loss` of documents that are registered already; `none` to end with 0 whatever is found.",
)
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="End with 0 also where something could not be searched for; it is said all the same.",
)
@click.option(
    "--min-similarity",
    metavar="SHARE",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    help="The smallest Jaccard similarity, of runs of 5 words, that counts as near.",
)
@click.option(
    "--min-run",
    metavar="TOKENS",
    type=click.IntRange(8, 1000),
    default=25,
    show_default=True,
    help="The shortest shared run of tokens that counts; for evaluation sets it is 13 at most.",
)
@click.option(
    "--text-field",
    metavar="FIELD[,FIELD…]",
    help="The text, or several joined by newlines. Default: `text`, or the only text field.",
)
@click.option(
    "--against-text-field",
    metavar="FIELD[,FIELD…]",
    help="The same, of files that --against names.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["parquet", "arrow", "jsonl", "json", "csv", "tsv", "text", "tar", "warc"]),
    help="What the files are; default: by their names. Needed for standard input, `-`.",
)
@click.option("--lines", is_flag=True, help="Text files: one document per non-blank line.")
@click.option(
    "--paragraphs", is_flag=True, help="Text files: one document per run of non-blank lines."
)
@click.option("--encoding", metavar="NAME", help="The encoding of text; default: UTF-8.")
@click.option(
    "--on-bad-input",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="What to do with records and text files that are not valid.",
)
@click.option(
    "--origin",
    metavar="ORIGIN",
    type=click.Choice(["human", "assisted", "mixed", "unknown", "programmatic", "ai"]),
    help="What made the texts, to be named beside what they match.",
)
@click.option("--license", metavar="SPDX", help="Their license, likewise.")
@click.option(
    "--report",
    metavar="DIR",
    help="Write report.html, report.json, matches.jsonl and matches.parquet into this folder.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    default=_SHOWN,
    show_default=True,
    help="Print so many matches; a report has all of them.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    metavar="N",
    help="How many threads look up; default: one for each core. The result is the same.",
)
@progress_option
@json_option
@click.pass_obj
def check(home: str | None, /, paths: tuple[str, ...], as_json: bool, **given: Any) -> int:
    """Compare new data with registered documents, registering nothing: 0 clean, 3 not.

    PATH is a file or a folder, a URI of one, the folder of a snapshot, or `-` for standard input.
    Equal documents are found without fail, near ones with the probability that is printed, and
    shared runs of tokens without fail from the length that is printed. A text that a model
    rewrote is not found: no match never means "not AI".

    Ends with 0 if nothing was found that --fail-on names and everything was searched, with 3 if
    not. docs/check.md explains the output.
    """
    from cli.context import opened
    from registry import check as verb
    from registry.core.caller import OPERATOR
    from registry.query.whereis.finder import Finder

    words, places = _split(given["against"])
    wanted = verb.Wanted(
        fail_on=_fail_on(given["fail_on"]),
        allow_incomplete=given["allow_incomplete"],
        min_similarity=given["min_similarity"],
        run=given["min_run"],
        limit=given["limit"],
        threads=given["threads"],
        declared=tuple((it, given[it]) for it in ("origin", "license") if given[it]),
    )
    data = verb.from_paths(paths, _options(given))
    with (
        opened(home) as registry,
        registry.database.read() as session,
        stages(given["progress"]) as on_progress,
        tempfile.TemporaryDirectory(prefix="firsthand-check-") as scratch,
        _registered(places, Path(scratch), _against_options(given)) as beside,
    ):
        finder = Finder(registry.store)
        try:
            with finder.look(session, OPERATOR) as looking:
                against = [
                    *(
                        [verb.selected(registry.database, looking, words, OPERATOR)]
                        if words
                        else []
                    ),
                    *beside,
                ]
                report = _checked(
                    data, against, wanted, given["report"], Path(scratch), on_progress
                )
        finally:
            finder.close()
    if as_json:
        emit(report.record())
    else:
        for line in _screen(report.record()):
            say(line)
    return 0 if report.is_clean else 3


def _checked(
    data: Any, against: Sequence[Against], wanted: Any, folder: str | None, scratch: Path,
    on_progress: Any,
) -> Any:  # fmt: skip
    from registry import check as verb

    spool = scratch / "spool"
    if folder is None:
        return verb.check(data, against, wanted, scratch=spool, on_progress=on_progress)
    with verb.Files(Path(folder)) as files:
        return verb.check(
            data, against, wanted, files=files, scratch=spool, on_progress=on_progress
        )


def _split(given: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Return the words and names of `--against`, and the paths.

    What has a slash at its end or begin, a dot that no name has, or is a path that exists and no
    plain name, is a path: `evals` is the word also where a folder is called so.
    """
    words: list[str] = []
    places: list[str] = []
    for text in given:
        for item in text.split(","):
            word = item.strip()
            (places if _is_path(word) else words).append(word)
    return words, places


def _is_path(word: str) -> bool:
    if word.startswith((".", "/", "~")) or word.endswith("/") or "://" in word:
        return True
    plain = word.replace("/", "").replace("@", "").replace("-", "").replace("_", "").isalnum()
    return not plain and os.path.lexists(word)


def _fail_on(text: str) -> tuple[str, ...]:
    names = tuple(item.strip() for item in text.split(",") if item.strip())
    if names == ("none",):
        return ()
    if not names:
        raise click.UsageError("`--fail-on` names nothing; write `none` if nothing shall fail")
    for name in names:
        if name not in ("contamination", "loss"):
            raise click.UsageError(
                f"`{clean(name)}` in `--fail-on` is not one of contamination, loss, none"
            )
    return tuple(dict.fromkeys(names))


def _options(given: dict[str, Any]) -> ReadOptions:
    from registry.core.source import Format, OnBadInput, ReadOptions

    return ReadOptions(
        format=Format(given["format_name"]) if given["format_name"] else None,
        lines=given["lines"],
        paragraphs=given["paragraphs"],
        encoding=given["encoding"],
        on_bad_input=OnBadInput(given["on_bad_input"]),
        text_fields=text_fields(given["text_field"]),
    )


def _against_options(given: dict[str, Any]) -> ReadOptions:
    from registry.core.source import ReadOptions

    return ReadOptions(text_fields=text_fields(given["against_text_field"]))


@contextmanager
def _registered(
    places: Sequence[str], scratch: Path, options: ReadOptions
) -> Iterator[list[Against]]:
    """Register files into a registry of their own, which is gone afterwards."""
    if not places:
        yield []
        return
    from cli.context import clock
    from registry import home as homes
    from registry import register
    from registry.blobs import Store
    from registry.check import Against
    from registry.check.data import snapshot_data
    from registry.core.caller import OPERATOR
    from registry.core.dataset import DatasetRef
    from registry.core.sketch import window_of
    from registry.matching.targets import EVALUATION_RUN
    from registry.query.whereis.finder import Finder
    from registry.settings import Settings

    settings = Settings(scratch / "registry", "check")
    homes.create(settings, now=clock())
    database, store = homes.open_database(settings), Store(settings.storage)
    finder = Finder(store)
    try:
        names: dict[int, str] = {}
        for number, place in enumerate(places):
            done = register.version(
                database,
                store,
                [snapshot_data(place)],
                register.Declaration(DatasetRef.parse(f"beside-{number}"), "check"),
                options=options,
                clock=clock,
                window=window_of(EVALUATION_RUN),
            )
            names[done.version.id] = place
        with database.read() as session, finder.look(session, OPERATOR) as looking:
            yield [Against.of_paths(database, looking, names)]
    finally:
        finder.close()
        database.dispose()
        shutil.rmtree(settings.home, ignore_errors=True)


def _screen(record: dict[str, Any]) -> list[str]:
    data, found, searched = record["data"], record["found"], record["searched"]
    answer = "CLEAN" if record["clean"] else f"NOT CLEAN: {', '.join(record['failed'])}"
    read = f"{plural(data['documents'], 'document')} · {size(data['bytes'])}"
    lines = [f"{answer}   {read} in {plural(data['files'], 'file')} checked"]
    rows = [
        ("Matched", f"{plural(found['documents'], 'document')}, "
                    f"{plural(found['matches'], 'match', 'matches')}"),
        ("", f"contamination {count(found['contamination'])} · loss {count(found['loss'])} · only "
             f"shared passages {count(_only_shared(found))}"),
        *_reasons(found),
        *_sources(record),
    ]  # fmt: skip
    for match in record["matches"]:
        rows += _match(match, first=match is record["matches"][0])
    if record["more_matches"]:
        where = "" if record["report"] else "; `--report DIR` writes all of them"
        rows.append(("", f"and {plural(record['more_matches'], 'match', 'matches')} more{where}"))
    rows += [
        ("Searched", f"{plural(searched['documents'], 'document')} · equal: all · near: recall "
                     f"{probability(searched['recall'])} at {searched['min_similarity']:g}, more "
                     "above"),
        *_runs(record),
    ]  # fmt: skip
    for number, gap in enumerate(searched["not_searched"]):
        what = f"{gap['what']} of {clean(gap['dataset']).removeprefix('local/')}@{gap['version']}"
        rows += [
            ("" if number else "Incomplete", f"{what} were not searched for: {clean(gap['why'])}"),
            ("", f"  {clean(gap['remedy'])}, or pass `--allow-incomplete`"),
        ]
    if data["without_tokens"]:
        rows.append(
            ("", f"{plural(data['without_tokens'], 'document')} without a word: only equal ones "
                 "are found")
        )  # fmt: skip
    rows += [("Missed" if not number else "", it) for number, it in enumerate(searched["misses"])]
    if data["skipped_files"]:
        what = plural(data["skipped_files"], "file")
        rows.append(("Left out", f"{what}: hidden ones, cards, members that are no input"))
    if data["bad_input"]["count"]:
        rows.append(("Left out", f"{count(data['bad_input']['count'])} not valid, such as"))
        rows += [("", f"  {clean(it)}") for it in data["bad_input"]["listed"][:3]]
    if record["report"]:
        rows.append(("Report", f"{clean(record['report'])}/report.html"))
    return lines + block(rows)


def _only_shared(found: dict[str, Any]) -> int:
    """Return how many documents share passages and do not count otherwise, at least."""
    left = found["documents"] - found["contamination"] - found["loss"]
    return max(0, int(left))


_REASONS: Final = {
    "evaluation": "an item of an evaluation set",
    "ai": "a text by a model, as somebody claims",
    "known": "registered already, equal or near",
    "shared": "a passage of another document",
}


def _reasons(found: dict[str, Any]) -> list[tuple[str, str]]:
    there = [(name, many) for name, many in found["reasons"].items() if many]
    return [
        ("" if number else "Why", f"{count(many):>9}  {name}: {_REASONS[name]}")
        for number, (name, many) in enumerate(there)
    ]


def _ref(item: dict[str, Any]) -> str:
    if not item.get("registered", True):
        return clean(item["dataset"])
    return f"{item['dataset'].removeprefix('local/')}@{item['version']}"


def _sources(record: dict[str, Any]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for item in record["sources"]:
        kinds = item["kinds"]
        if not any(kinds.values()):
            continue
        roles = [name for name in ("evaluation", "protected") if item[name]]
        role = f" ({', '.join(roles)})" if roles else ""
        rows.append(
            (
                "" if rows else "Sources",
                f"{_ref(item)}{role}: {count(kinds['exact'])} equal · {count(kinds['near'])} near "
                f"· {count(kinds['passage'])} by a passage; {count(item['matched_documents'])} of "
                f"its {plural(item['documents'], 'document')}",
            )
        )
    return rows


def _runs(record: dict[str, Any]) -> list[tuple[str, str]]:
    by_length: dict[tuple[int, int | None], list[str]] = {}
    for item in record["sources"]:
        key = item["run_tokens"], item["guaranteed_tokens"]
        by_length.setdefault(key, []).append(_ref(item))
    rows = []
    for (run, sure), names in sorted(by_length.items(), key=str):
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        if sure is None:
            rows.append(("", f"passages: not searched in {shown}"))
        else:
            rows.append(
                ("", f"passages ≥ {run} tokens, guaranteed from {max(run, sure)} on: {shown}")
            )
    return rows


def _match(match: dict[str, Any], *, first: bool) -> list[tuple[str, str]]:
    how = "equal to"
    if match["kind"] == "near":
        how = f"near (similarity {match['similarity']:.2f})"
    elif match["kind"] == "passage":
        about = "" if match["compared"] else "about "
        how = f"shares {about}{match['run_tokens']} tokens in a row with"
    by = f" ({clean(match['their_generator'])})" if match["their_generator"] else ""
    dated = "no date (E0)"
    if match["their_not_after"]:
        dated = f"by {match['their_not_after'][:10]} ({match['their_grade']})"
    own = " · ".join(
        clean(it) for it in (match["origin"], match["generator"], match["license"]) if it
    )
    registered = match["their_dataset"].startswith("local/") or "/" in match["their_dataset"]
    there = match["their_dataset"].removeprefix("local/")
    where = f"{clean(there)}@{match['their_version']}" if registered else clean(there)
    return [
        (
            "Matches" if first else "",
            f"{clean(Path(match['file']).name)} record {count(match['record'])} "
            f"({own or 'nothing said of it'}) {how} {where} document {count(match['their_row'])}",
        ),
        (
            "",
            f"  {match['reason']} · {match['their_origin']}{by} · "
            f"{clean(match['their_license'] or 'no license')} · {dated}",
        ),
    ]
