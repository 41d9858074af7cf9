"""`firsthand duplicates`: what repeats within a version, or between two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import Amount
from cli.output import block, clean, count, emit, json_option, plural, probability, say, share
from cli.progress import progress_option, stages

if TYPE_CHECKING:
    from registry.duplicates import Report
    from registry.duplicates.report import Capped


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.option(
    "--with",
    "other",
    metavar="DATASET[@VERSION]",
    help="Compare with this version instead of within the first one.",
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
@click.option("--out", metavar="FILE", help="Write the pairs to this Parquet file.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="With --out: also the pairs that were compared and are less similar.",
)
@click.option(
    "--max-pairs",
    type=click.IntRange(min=1),
    default=5_000_000,
    show_default=True,
    help="How many pairs a group of alike texts may make; a larger one is compared with one text "
    "of it only, and the output says so.",
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
def duplicates(
    home: str | None,
    /,
    *,
    ref: str,
    other: str | None,
    min_similarity: float,
    exact: bool,
    out: str | None,
    everything: bool,
    max_pairs: int,
    memory: int,
    threads: int,
    temp: str | None,
    progress: str,
    as_json: bool,
) -> None:
    """Find documents that repeat one another, within a version or between two.

    Equal texts are always found. Near ones are found by their sketches, with a probability that
    depends on their similarity and is stated. Texts that a model rewrote are not near: no match
    never means "not AI".

    An interrupted run is continued by the same command. docs/duplicates.md explains the output.
    """
    from cli.context import opened
    from registry import duplicates as verb
    from registry.batch.engine import Limits
    from registry.core.dataset import DatasetRef

    if everything and out is None:
        raise click.UsageError("--all needs --out")
    wanted = verb.Wanted(
        ref=DatasetRef.parse(ref),
        other=None if other is None else DatasetRef.parse(other),
        exact=exact,
        threshold=min_similarity,
        out=None if out is None else Path(out),
        everything=everything,
        pair_limit=max_pairs,
        limits=Limits(memory, threads),
        temp=None if temp is None else Path(temp),
    )
    with opened(home) as registry, stages(progress) as on_progress:
        found = verb.find(registry.database, registry.store, wanted, on_progress=on_progress)
    if as_json:
        emit(found.to_json())
        return
    for line in _screen(found):
        say(line)


def _screen(found: Report) -> list[str]:
    mine = found.mine.short
    where = f"within {mine}" if found.theirs is None else f"{mine} · {found.theirs.short}"
    alike = found.exact_pairs + found.near_pairs
    lines = [f"{where}   {plural(alike, 'pair')} · {plural(found.searched, 'document')} searched"]
    rows = [
        ("Exact", f"{plural(found.exact_pairs, 'pair')} of equal texts"),
        ("Near", f"{plural(found.near_pairs, 'pair')} of similarity {found.threshold:g} or more"
                 f"{', on the texts' if found.exact else ', by sketch'}"),
        *_by_similarity(found),
        ("Rejected", f"{plural(found.rejected_pairs, 'pair')} compared and less similar"),
        ("Documents", f"{count(found.documents)} in a pair "
                      f"({share(found.documents, found.searched)}), in "
                      f"{plural(found.clusters, 'cluster')}"),
        *_largest(found),
        ("Searched", f"near: recall {probability(found.recall)} at {found.threshold:g}, more "
                     "above; equal texts: all"),
    ]  # fmt: skip
    if not found.exact:
        rows.append(
            (
                "",
                f"sketches estimate it there with a standard error of {found.error:.3f}; "
                "--exact compares the texts",
            )
        )
    if found.unsketched:
        rows.append(
            ("", f"{plural(found.unsketched, 'document')} without a word: only equal ones found")
        )
    for what, cut in (("compared", found.compared), ("listed", found.listed)):
        rows += _capped(what, cut)
    if not alike:
        rows.append(("", "no pair says nothing about who or what wrote the texts"))
    rows.append(("Rule", found.rule))
    if found.out is not None:
        rows.append(("Pairs", f"{clean(found.out)} ({plural(found.rows or 0, 'row')})"))
    return lines + block(rows)


def _by_similarity(found: Report) -> list[tuple[str, str]]:
    return [
        ("", f"  {step / 20:.2f}{f' … {(step + 1) / 20:.2f}' if step < 20 else '       '}"
             f"  {count(pairs):>12}")
        for step, accepted, pairs in found.steps
        if accepted
    ]  # fmt: skip


def _largest(found: Report) -> list[tuple[str, str]]:
    rows = []
    for number, cluster in enumerate(found.largest):
        # Documents are counted from 1 wherever people read of them, as `whereis` does.
        named = [f"{ref.short} document {count(row + 1)}" for ref, row in cluster.rows]
        more = ", …" if cluster.documents > len(named) else ""
        rows.append(
            (
                "" if number else "Largest",
                f"{plural(cluster.documents, 'document')}: {', '.join(named)}{more}",
            )
        )
    return rows


def _capped(what: str, cut: Capped | None) -> list[tuple[str, str]]:
    if cut is None:
        return []
    return [
        (
            "Not all",
            f"{plural(cut.groups, 'group')} of alike texts would make {plural(cut.pairs, 'pair')}, "
            f"each more than {count(cut.limit)}:",
        ),
        ("", f"of these only pairs with one text of the group were {what}; raise --max-pairs"),
    ]
