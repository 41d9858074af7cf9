"""`firsthand plan`: what a recipe would draw, or what it lacks."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from cli.options import as_of_option
from cli.output import (
    block,
    clean,
    count,
    emit,
    json_option,
    percent,
    plural,
    progress,
    say,
    share,
    size,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.context import Opened
    from registry.core.exclusions import NotRead, SetLeftOut
    from registry.core.recipe import Recipe
    from registry.db.models import DatasetVersion
    from registry.query.plan import Plan


TOKENIZER = click.option(
    "--tokenizer",
    metavar="FILE",
    envvar="FIRSTHAND_TOKENIZER",
    help="A `tokenizer.json`, for recipes that count tokens; needs firsthand[tokens].",
)


@click.command()
@click.argument("recipe", metavar="RECIPE")
@TOKENIZER
@click.option("--explain", is_flag=True, help="Also say what was left out, and why.")
@as_of_option
@json_option
@click.pass_obj
def plan(
    home: str | None,
    recipe: str,
    tokenizer: str | None,
    explain: bool,
    as_of: str | None,
    as_json: bool,
) -> int:
    """Show what a recipe would draw, or what it lacks. Nothing is written.

    RECIPE is a YAML or JSON file, such as `sources: [essays]`; docs/recipes.md explains it.

    Exit codes: 0 the recipe can be kept, 3 it cannot.
    """
    from cli.context import opened
    from registry.query.plan import to_json

    asked = read_recipe(recipe)
    with opened(home) as registry:
        made = make_plan(registry, asked, tokenizer, as_of)
    if as_json:
        emit(to_json(made))
    else:
        for line in _screen(made, explain=explain, recipe=recipe):
            say(line)
    return 0 if made.shortfall is None else 3


def make_plan(
    registry: Opened,
    recipe: Recipe,
    tokenizer: str | None,
    as_of: str | None = None,
    *,
    versions: Sequence[DatasetVersion] | None = None,
) -> Plan:
    """Make a plan, counting tokens if a tokenizer is given."""
    import tempfile
    from pathlib import Path

    from cli.context import looking
    from registry import assemble
    from registry.query.texts import TextSource, reading

    database, store = registry.database, registry.store
    with (
        tempfile.TemporaryDirectory() as scratch,
        progress("comparing with evaluation sets") as on_progress,
    ):
        counter = None
        if tokenizer is not None:
            from registry.query.tokens import TokenCounter

            source = TextSource(database, store, Path(scratch), avoid=set(), ahead=True)
            counter = TokenCounter(source, Path(tokenizer))
        again = reading(database, store, Path(scratch) / "again")
        with looking(registry, as_of) as session:
            return assemble.plan(
                session,
                store,
                recipe,
                versions=versions,
                tokens=counter,
                again=again,
                on_progress=on_progress,
            )


def read_recipe(name: str) -> Recipe:
    """Read a recipe from a YAML or JSON file."""
    from cli.strict_yaml import read
    from registry.core.recipe import parse

    return parse(read(name, what="recipe", page="docs/recipes.md"), name=name)


def _screen(made: Plan, *, explain: bool, recipe: str) -> list[str]:
    asked = made.recipe.human
    goal = ""
    if asked is not None:
        goal = f" · asked: human ≥ {percent(asked.at_least)} of {asked.of}"
    state = f"catalogue as of log {count(made.log_size)}"
    if made.shortfall is not None:
        lines = [f"NOT FEASIBLE   {made.shortfall.sentence} · {state}"]
        lines.append(f"  {made.shortfall.hint}")
    else:
        lines = [
            f"FEASIBLE BY DECLARATION   {plural(made.documents, 'document')} · {size(made.bytes)}"
            f"{goal} · {state}"
        ]
    lines += _table(made)
    fraction = made.human
    lines.append(
        f"  declared {share(fraction.numerator, fraction.denominator)} human of {fraction.of}"
        "   evidenced: not assessed   audited: not assessed"
    )
    contested = sum(item.contested for item in made.inputs)
    if contested:
        lines.append(
            f"  {plural(contested, 'document')} called human in one place and not in another: "
            "the most cautious claim counts"
        )
    lines += [
        f"  {item.ref.short}: {plural(out.documents, 'document')} left out: {clean(out.reason)}"
        for item in made.inputs
        for out in item.left_out
        if out.tombstone is not None
    ]
    lines += _evaluations(made)
    if explain:
        lines += _explained(made)
    if made.shortfall is None:
        lines.append(f"Next  firsthand export {typed(recipe)} --out DIR")
    return lines


def _evaluations(made: Plan) -> list[str]:
    """Return what was left out for evaluation sets, and what could not be searched for."""
    left = made.evaluations
    if left is None:
        return ["  evaluation sets are not excluded: the recipe says so"]
    if not left.sets:
        return []
    said = left.stated()
    lines = [
        f"  left out for evaluation sets: {plural(said.documents, 'document')} ({size(said.bytes)})"
    ]
    for item in said.sets:
        name = f"{item.dataset.removeprefix('local/')}@{item.version}"
        lines.append(
            f"    {name}: {count(item.exact)} equal · {count(item.near)} nearly equal · "
            f"{count(item.passage)} with a shared passage"
        )
        lines += [f"      {line}" for line in _missed(item, said.run)]
    lines.append(
        f"    nearly equal: similarity ≥ {said.min_similarity}, of which {said.recall} or more is "
        f"found · passages of {said.run} words or more"
    )
    return [*lines, *(f"    {_unread(item, said.run)}" for item in said.not_read)]


def _unread(item: NotRead, run: int) -> str:
    """Return how far a source was compared whose texts cannot be read."""
    tokens = item.guaranteed_tokens
    runs = "shared runs were not searched for"
    if tokens is not None:
        runs = f"shared runs of {run} to {tokens - 1} words were not searched for"
    return (
        f"{item.dataset.removeprefix('local/')}@{item.version}: its texts cannot be read, so only "
        f"what the index knows was compared; {runs}"
    )


def _missed(item: SetLeftOut, run: int) -> list[str]:
    """Return what could not be found of a set."""
    lines = []
    if not item.near_searched:
        lines.append(
            "nearly equal documents were not searched for: it has no sketches in the index"
        )
    if item.guaranteed_tokens is None:
        lines.append("passages were not searched for: it has none in the index")
    elif item.guaranteed_tokens > run:
        lines.append(
            f"shared runs of {run} to {item.guaranteed_tokens - 1} words were found by luck only: "
            f"index it with passages of {run}"
        )
    if item.short_items:
        few = plural(item.short_items, "item")
        lines.append(
            f"{few} of fewer than 8 words: found only where a document is as a whole alike"
        )
    return lines


def typed(argument: str) -> str:
    """Return a path as it would be typed, also one that looks like an option."""
    return clean(shlex.quote(f"./{argument}" if argument.startswith("-") else argument))


def _table(made: Plan) -> list[str]:
    rows = [("", "documents", "bytes", "human", "because")]
    for item in made.inputs:
        rows.append(
            (
                item.ref.short,
                count(item.documents),
                size(item.bytes),
                share(item.human_bytes, item.bytes),
                _because(item.standing.view.origins(), item.standing),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        )
        + f"  {row[4]}".rstrip()
        for row in rows
    ]


def _because(origins: list[Any], standing: Any) -> str:
    if not len(standing.hashes):
        return "it has no documents"
    if len(origins) == 1:
        only = str(origins[0])
        return "nobody said what made it" if only == "unknown" else f"declared {only}"
    return f"declared per document: {', '.join(str(origin) for origin in origins)}"


def _explained(made: Plan) -> list[str]:
    lines = ["Left out"]
    for item in made.inputs:
        not_drawn = item.candidates - item.documents
        for out in item.left_out:
            lines.append(
                f"  {item.ref.short}: {plural(out.documents, 'document')} "
                f"({size(out.bytes)}): {clean(out.reason)}"
            )
        if not_drawn:
            lines.append(
                f"  {item.ref.short}: {plural(not_drawn, 'document')} more could have been drawn"
            )
    if len(lines) == 1:
        lines.append("  nothing")
    lines += block(
        [
            ("Seed", str(made.recipe.seed)),
            ("Recipe", made.recipe.digest),
            ("Plan", made.digest),
        ]
    )
    lines.append("The share is what claims declare. Nothing about it was measured.")
    return lines
