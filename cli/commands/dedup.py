"""`firsthand dedup`: of alike documents one stays, within budgets, and what goes is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import Amount
from cli.output import (
    block,
    clean,
    count,
    emit,
    json_option,
    percent,
    plural,
    probability,
    say,
    share,
    tell,
)
from cli.progress import progress_option, stages

if TYPE_CHECKING:
    from cli.context import Opened
    from registry.dedup import Cluster, Made, Report, Source


@click.command()
@click.argument("refs", metavar="SELECTION...", nargs=-1, required=True)
@click.option(
    "--plan",
    "plan_only",
    is_flag=True,
    help="Show what would stay and what would go. Nothing is recorded.",
)
@click.option("--name", metavar="NAME", help="Record the result as a version of this dataset.")
@click.option(
    "--budget",
    "budget",
    metavar="REF=SHARE",
    multiple=True,
    help="Which share of a source's documents may go, as in `forum=5%`. Default: 20 %, and 1 % of "
    "a protected version.",
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
    "--exact",
    is_flag=True,
    help="Compare by true similarity: the texts of all candidates are read again.",
)
@click.option("--out", metavar="FILE", help="Also write what goes, and for what, to this file.")
@click.option(
    "--max-pairs",
    type=click.IntRange(min=1),
    default=5_000_000,
    show_default=True,
    help="How many pairs a group of alike texts may make; a larger one is compared with the best "
    "text of it only, and the output says so.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    type=Amount(),
    default="512MB",
    show_default=True,
    envvar="FIRSTHAND_MEMORY",
    help="How much memory the comparison may take; more goes to disk.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    envvar="FIRSTHAND_THREADS",
    help="How many cores to use; the result is the same.",
)
@click.option(
    "--temp",
    metavar="DIR",
    envvar="FIRSTHAND_TEMP",
    help="Where to keep intermediate results; default: in the registry's storage.",
)
@progress_option
@json_option
@click.pass_obj
def dedup(
    home: str | None,
    /,
    *,
    refs: tuple[str, ...],
    plan_only: bool,
    name: str | None,
    budget: tuple[str, ...],
    min_similarity: float,
    exact: bool,
    out: str | None,
    max_pairs: int,
    memory: int,
    threads: int,
    temp: str | None,
    progress: str,
    as_json: bool,
) -> int:
    """Make a version of others in which of alike documents the best evidenced one stays.

    SELECTION is the name of a dataset or version, or a word such as `protected` or `all`. A
    document of a protected version never goes for one that is not protected. Where more of a source
    would go than its budget lets go, nothing is recorded. The inputs stay as they are.

    Exit codes: 0 done, or it could be; 3 a budget would be exceeded. docs/dedup.md explains the
    output.
    """
    from cli.context import clock, opened
    from registry import dedup as verb
    from registry.batch.engine import Limits
    from registry.core.dataset import DatasetRef
    from registry.dedup import budgets
    from registry.settings import actor

    if plan_only == (name is not None):
        raise click.UsageError("give --plan to see what would go, or --name NAME to record it")
    wanted = verb.Wanted(
        words=refs,
        made_by=actor(),
        name=None if name is None else DatasetRef.parse(name),
        budgets=budgets.parse(budget),
        exact=exact,
        threshold=min_similarity,
        out=None if out is None else Path(out),
        pair_limit=max_pairs,
        limits=Limits(memory, threads),
        temp=None if temp is None else Path(temp),
    )
    with opened(home) as registry:
        with stages(progress) as on_progress:
            found = verb.run(
                registry.database, registry.store, wanted, clock=clock, on_progress=on_progress
            )
        if found.made is not None:
            found = _followed(registry, found)
    if as_json:
        emit(found.to_json())
    else:
        for line in _screen(found):
            say(line)
    return 3 if found.exceeded else 0


def _followed(registry: Opened, found: Report) -> Report:
    """Do what follows a new version: compare it with others, merge small files of the index."""
    from dataclasses import replace

    from cli.context import clock
    from registry import merging
    from registry.errors import RegistryError
    from registry.register import known

    assert found.made is not None  # noqa: S101 - asked before
    try:
        known.compare(registry.database, registry.store, clock=clock)
        merging.compact(registry.database, registry.store, clock=clock)
    except RegistryError as error:
        # What is recorded stands.
        tell(f"not compared with other datasets: {clean(error.message)}")
        return replace(found, made=replace(found.made, uncompared=error.message))
    return found


def _screen(found: Report) -> list[str]:
    kept = found.documents - found.removed
    if found.exceeded:
        names = ", ".join(source.ref.short for source in found.exceeded)
        state = f"STOPPED   more would go than may of {names}; nothing was recorded"
    elif found.made is None:
        state = "PLAN   nothing was recorded"
    else:
        state = _outcome(found.made)
    lines = [
        state,
        f"{plural(found.documents, 'document')} of {plural(len(found.sources), 'version')}: "
        f"{count(kept)} stay, {count(found.removed)} go "
        f"({share(found.removed, found.documents)})",
    ]
    lines += _table(found.sources)
    for source in found.exceeded:
        lines += _causes(source)
    rows = []
    if not found.exceeded:
        rows += _named("Most go for", found.largest)
    rows += _reasons(found)
    rows += _conflicts(found)
    rows.append(
        (
            "Searched",
            f"near: recall {probability(found.recall)} at {found.threshold:g}, more above; equal "
            "texts: all",
        )
    )
    if found.unsketched:
        without = plural(found.unsketched, "document")
        rows.append(("", f"{without} without a word: only equal ones found"))
    if found.capped is not None:
        groups, pairs, limit = found.capped
        rows += [
            (
                "Not all",
                f"{plural(groups, 'group')} of alike texts would make {plural(pairs, 'pair')}, "
                f"each more than {count(limit)}:",
            ),
            ("", "of these only pairs with the best text of the group were compared, so more may "
             "stay than need; raise --max-pairs"),
        ]  # fmt: skip
    rows.append(("Rule", found.rule))
    if found.made is not None:
        rows.append(
            ("Removals", f"{clean(found.made.removals)} (sha256 {found.made.digest[:16]}…)")
        )
        rows.append(("Next", f"firsthand show {found.made.ref.short}"))
    if found.out is not None:
        rows.append(("Written", f"{clean(found.out[0])} ({plural(found.out[1], 'row')})"))
    return lines + block(rows)


def _outcome(made: Made) -> str:
    if made.outcome == "unchanged":
        return f"{made.ref.short}   was made of this before; nothing is new"
    claims = plural(made.claims, "claim")
    if made.outcome == "added":
        return f"{made.ref.short}   was made of this before; {claims} are new"
    return f"{made.ref.short}   recorded with {claims} and its texts"


def _table(sources: Sequence[Source]) -> list[str]:
    rows = [("", "documents", "equal", "near", "go", "may go", "")]
    for source in sources:
        marks = ["protected"] if source.protected else []
        marks += ["EXCEEDED"] if source.exceeded else []
        rows.append(
            (
                source.ref.short,
                count(source.documents),
                count(source.exact),
                count(source.near),
                share(source.removed, source.documents, digits=2),
                f"{percent(_decimal(source))}",
                " · ".join(marks),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        + f"  {row[6]}".rstrip()
        for row in rows
    ]


def _decimal(source: Source) -> str:
    from registry.dedup import budgets

    return budgets.decimal(source.budget)


def _causes(source: Source) -> list[str]:
    most = source.budget * source.documents
    lines = [
        f"{source.ref.short}: {plural(source.removed, 'document')} would go, {count(int(most))} may"
    ]
    return lines + block(_named("Because of", source.clusters), indent="  ")


def _named(title: str, clusters: Sequence[Cluster]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for cluster in clusters:
        first = ", ".join(f"{it.ref.short} {count(it.row + 1)}" for it in cluster.removed[:3])
        more = ", …" if cluster.documents > min(3, len(cluster.removed)) else ""
        stays = cluster.survivor
        rows.append(
            (
                "" if rows else title,
                f"{stays.ref.short} document {count(stays.row + 1)} ({cluster.origin}): "
                f"{plural(cluster.documents, 'document')} ({count(cluster.near)} near): "
                f"{first}{more}",
            )
        )
    return rows


_WHY = {
    "protected": "it is protected",
    "grade": "its date is better evidenced",
    "date": "it is older",
    "origin": "its origin is the less cautious claim",
    "length": "it is longer",
    "order": "it was registered first",
}


def _reasons(found: Report) -> list[tuple[str, str]]:
    said = [f"{_WHY[name]} {count(number)}" for name, number in found.reasons.items() if number]
    return [("Kept since", " · ".join(said))] if said else []


def _conflicts(found: Report) -> list[tuple[str, str]]:
    said = []
    if found.contested_exact:
        said.append(
            f"{plural(found.contested_exact, 'document')} called human in one place and not in "
            "another: the most cautious claim counts"
        )
    if found.contested:
        said.append(
            f"{plural(found.contested, 'document')} called human with a near copy that is not: "
            "near copies are no evidence; look at them"
        )
    said += [
        f"{plural(number, 'document')} with licenses {clean(', '.join(names))}: all of their "
        "terms apply"
        for names, number in found.licenses[:5]
    ]
    return [("" if at else "Conflicts", line) for at, line in enumerate(said)]
