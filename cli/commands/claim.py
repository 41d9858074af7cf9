"""`firsthand claim` and `lineage add`: say something about a registered version."""

from __future__ import annotations

from typing import Any

import click

from cli.assertions import Wanted, assertion_options, chosen_by, scope_options
from cli.output import clean, emit, json_option, plural, say


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@assertion_options
@click.option("--reason", metavar="TEXT", required=True, help="Why; others will ask.")
@scope_options
@click.option(
    "--conflict",
    metavar="N",
    type=click.IntRange(1),
    help="Only the texts of that conflict, as `conflicts` and `show` number them.",
)
@json_option
@click.pass_obj
def claim(
    home: str | None,
    /,
    *,
    ref: str,
    reason: str,
    conflict: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Correct what is claimed about a version: a new claim; the old ones stay.

    Say one thing: `--origin`, `--license`, `--date` or `--language`. While claims disagree, the
    most cautious one counts: a text that any claim calls not human is not human, and the terms of
    all licenses apply. A claim that is wrong is ended by a dispute: `dispute open`. Snapshots that
    were exported before stay as they are.
    """
    from cli.context import clock, opened
    from registry import lifecycle
    from registry.core.dataset import DatasetRef
    from registry.query.catalogue import ref_of
    from registry.query.show import claim_record, version_record
    from registry.settings import actor

    wanted = DatasetRef.parse(ref)
    asked = Wanted.of(given)
    said = asked.assertion()
    if said is None:
        raise click.UsageError(
            "say what the texts are: `--origin`, `--license`, `--date` or `--language`"
        )
    with opened(home) as registry:
        chosen = chosen_by(registry, wanted, asked, conflict=conflict)
        with registry.database.write() as session:
            made = lifecycle.claim(
                session,
                registry.store,
                wanted,
                said,
                reason=reason,
                claimed_by=actor(),
                now=clock(),
                chosen=chosen,
            )
            about = ref_of(made.version)
        with registry.database.read() as session:
            record = version_record(session, registry.store, about)
    number = record["claims"][-1]["number"]
    if as_json:
        emit(
            {
                "dataset": str(about.dataset),
                "version": about.version,
                "number": number,
                "claim": claim_record(made),
                "origins": record["origins"],
                "human_fraction": record["human_fraction"],
            }
        )
        return
    from registry.query.words import claim_in_words

    words = clean(claim_in_words(claim_record(made)))
    scope = "all documents" if made.selection is None else plural(made.selection.texts, "text")
    whose = scope if asked.origin else f"{made.property} of {scope}"
    say(f"{about}   {whose} claimed to be {words} by {clean(made.claimed_by)}")
    counted(record)
    if asked.origin and asked.origin not in record["origins"]:
        say("a more cautious claim about the same documents still counts")


def counted(record: dict[str, Any]) -> None:
    """Say what the documents of a version count as."""
    parts = [f"{sums['documents']:,} {name}" for name, sums in record["origins"].items()]
    say(f"now counts as {' · '.join(parts)}")


@click.command("add")
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.option("--from", "source", metavar="DATASET[@VERSION]", required=True, help="The source.")
@click.option(
    "--kind",
    type=click.Choice(
        ["filtered", "merged", "deduplicated", "translated", "reformatted", "generated", "copied"]
    ),
    required=True,
    help="What was done to the source.",
)
@click.option("--note", metavar="TEXT", help="Details, such as the filter or the prompt.")
@json_option
@click.pass_obj
def lineage_add(
    home: str | None, ref: str, source: str, kind: str, note: str | None, as_json: bool
) -> None:
    """Record that a version was derived from another.

    DATASET is what was made, `--from` what it was made from: `lineage add clean --from crawl
    --kind filtered`. Nothing is called human because of it; what a model generated no longer is.
    """
    from cli.context import clock, opened
    from registry import lifecycle
    from registry.core.dataset import DatasetRef
    from registry.core.lineage import EdgeKind
    from registry.query.catalogue import ref_of
    from registry.settings import actor

    derived, origin = DatasetRef.parse(ref), DatasetRef.parse(source)
    with opened(home) as registry, registry.database.write() as session:
        edge = lifecycle.add_lineage(
            session, derived, origin, EdgeKind(kind), added_by=actor(), now=clock(), note=note
        )
        names = ref_of(edge.version), ref_of(edge.source)
    if as_json:
        emit({"version": str(names[0]), "source": str(names[1]), "kind": kind, "note": note})
        return
    say(f"{names[0]} was {kind} from {names[1]}")
