"""`firsthand overlap`: which documents of versions other versions have too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from cli.output import block, count, emit, json_option, plural, probability, say, share
from cli.progress import progress_option, stages

_SHOWN: Final = 40
"""Of how many pairs of versions the table tells."""
_HEAD: Final = (
    "Documents of",
    "that are in",
    "exact",
    "near",
    "either",
    "of documents",
    "of bytes",
)
_NUMBERS_FROM: Final = 2


@click.command()
@click.argument("refs", metavar="[REF]…", nargs=-1)
@click.option("--csv", "csv", metavar="FILE", help="Write the matrix to this file as CSV.")
@click.option("--svg", "svg", metavar="FILE", help="Write a heat map to this file.")
@click.option("--anew", is_flag=True, help="Compare again what is kept of earlier comparisons.")
@progress_option
@json_option
@click.pass_obj
def overlap(
    home: str | None,
    /,
    *,
    refs: tuple[str, ...],
    csv: str | None,
    svg: str | None,
    anew: bool,
    progress: str,
    as_json: bool,
) -> None:
    """Say how many documents of each version have an equal or a near one in each other.

    REF is a dataset, a version such as `forum@3`, or one of the words `protected`, `evals`, `ai`,
    `human` and `all`. Several are compared with one another, one is compared with the latest
    version of every other dataset, and without any those are compared with one another.

    What was compared is kept, so that a new version costs only itself. docs/overlap.md explains
    the numbers.
    """
    from cli.context import opened
    from registry.blobs import write_file
    from registry.core.caller import OPERATOR
    from registry.index.reading import Index
    from registry.query.matrix import shown
    from registry.query.matrix.table import matrix

    outs = {name: Path(out) for name, out in (("--csv", csv), ("--svg", svg)) if out is not None}
    for name, out in outs.items():
        _check(name, out)
    with opened(home) as registry, registry.database.read() as session:
        with (
            Index.open(session, registry.store) as index,
            stages(progress) as on_progress,
        ):
            found = matrix(
                session,
                registry.store,
                index,
                refs,
                OPERATOR,
                anew=anew,
                on_progress=on_progress,
            )
        for name, out in outs.items():
            text = shown.to_csv(found) if name == "--csv" else shown.to_svg(found)
            write_file(out.absolute(), text.encode("utf-8"))
        record = found.to_json()
    if as_json:
        emit(record)
        return
    for line in _screen(record):
        say(line)


def _check(name: str, out: Path) -> None:
    from registry.errors import InvalidInputError

    if not out.name or (out.exists() and not out.is_file()):
        raise InvalidInputError(
            f"`{out}` is not a file that can be written to",
            hint=f"choose another `{name}`, a file of its own",
        )


def _screen(found: dict[str, Any]) -> Iterator[str]:
    versions = {(it["dataset"], it["version"]): it for it in found["versions"]}
    pairs = found["pairs"]
    alike = [pair for pair in pairs if any(_most(side) for side in pair["sides"])]
    yield " · ".join(
        [
            f"overlap   {plural(len(versions), 'version')}",
            plural(found["documents"], "document"),
            f"{plural(found['compared'], 'pair')} compared, {count(len(alike))} with anything in "
            "common",
        ]
    )
    shown = sorted(alike, key=lambda pair: -max(map(_weight, pair["sides"])))[:_SHOWN]
    yield from _table(shown, versions)
    rows = []
    if len(alike) > len(shown):
        more = plural(len(alike) - len(shown), "further pair")
        rows.append(("More", f"{more}: --json and --csv list all of them"))
    near = found["near"]
    if alike or found["compared"]:
        rows += [
            ("Exact", "the same bytes; all are found"),
            (
                "Near",
                f"other texts of a similarity of {near['min_similarity']:g} or more; a document "
                "may have both",
            ),
            (
                "",
                f"recall {probability(near['recall'])} there, more above; by sketch, with a "
                f"standard error of {near['standard_error']:.3f}",
            ),
            ("", "no match says nothing about who or what wrote the texts"),
        ]
    rows += _gaps(found, versions)
    rows.append(("Rule", found["rule"]))
    yield from block(rows)


def _table(
    pairs: list[dict[str, Any]], versions: dict[tuple[str, int], dict[str, Any]]
) -> Iterator[str]:
    lines = [_HEAD]
    for pair in pairs:
        one, two = sorted(pair["sides"], key=_weight, reverse=True)
        for side, other in ((one, two), (two, one)):
            whole = versions[side["dataset"], side["version"]]
            best = side["either"] or side["exact"]
            lines.append(
                (
                    _name(side),
                    _name(other),
                    count(side["exact"]["documents"]),
                    "?" if side["near"] is None else count(side["near"]["documents"]),
                    "?" if side["either"] is None else count(side["either"]["documents"]),
                    share(best["documents"], whole["documents"]),
                    share(best["bytes"], whole["bytes"]),
                )
            )
    if len(lines) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            f"{cell:>{width}}" if at >= _NUMBERS_FROM else f"{cell:<{width}}"
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _gaps(
    found: dict[str, Any], versions: dict[tuple[str, int], dict[str, Any]]
) -> list[tuple[str, str]]:
    rows = []
    skipped = [pair for pair in found["pairs"] if pair["skipped"]]
    if skipped:
        rows.append(
            (
                "Not all",
                f"in {plural(len(skipped), 'pair')} of versions very many documents are alike; "
                "not all of them were compared,",
            )
        )
        rows.append(("", "so that more may be near there: `skipped` in --json and --csv"))
    for compared, what in (
        ("nothing", "not in the index, so not compared"),
        ("exact", "without sketches, so only equal texts were found"),
    ):
        names = [_name(it) for it in versions.values() if it["compared"] == compared]
        if names:
            more = f" and {count(len(names) - 3)} more" if len(names) > 3 else ""
            rows.append(("Missing", f"{', '.join(names[:3])}{more}: {what}"))
            rows.append(("", "firsthand index rebuild"))
    words = sum(it["without_words"] or 0 for it in versions.values())
    if words:
        rows.append(("", f"{plural(words, 'document')} without a word: only equal ones found"))
    return rows


def _most(side: dict[str, Any]) -> int:
    """Return how many documents of a side have any match."""
    return int((side["either"] or side["exact"])["documents"])


def _weight(side: dict[str, Any]) -> float:
    return float((side["either"] or side["exact"])["share_documents"])


def _name(side: dict[str, Any]) -> str:
    return f"{side['dataset'].removeprefix('local/')}@{side['version']}"
