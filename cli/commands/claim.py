"""`firsthand claim` and `lineage add`: say something about a registered version."""

from __future__ import annotations

import click

from cli.commands.register import ORIGINS
from cli.output import clean, emit, json_option, plural, say


@click.command()
@click.argument("ref", metavar="DATASET[@VERSION]")
@click.option(
    "--origin", type=click.Choice(ORIGINS), required=True, help="What made the texts, as you claim."
)
@click.option("--reason", metavar="TEXT", required=True, help="Why; others will ask.")
@click.option(
    "--generator",
    "generators",
    metavar="MODEL",
    multiple=True,
    help="A model that wrote them; may be repeated.",
)
@click.option(
    "--where",
    metavar="FILE",
    help="Only the texts whose SHA-256 stands in this file, one a line; default: all.",
)
@json_option
@click.pass_obj
def claim(
    home: str | None,
    /,
    *,
    ref: str,
    origin: str,
    reason: str,
    generators: tuple[str, ...],
    where: str | None,
    as_json: bool,
) -> None:
    """Correct what is claimed about a version: a new claim; the old ones stay.

    While claims disagree, the most cautious one counts: a text that any claim calls not human is
    not human. Snapshots that were exported before stay as they are.
    """
    from pathlib import Path

    from cli.context import clock, opened
    from registry import lifecycle
    from registry.core.dataset import DatasetRef, Origin
    from registry.query.catalogue import ref_of
    from registry.query.show import claim_record, version_record
    from registry.settings import actor

    wanted = DatasetRef.parse(ref)
    chosen = lifecycle.read_hash_list(Path(where)) if where else None
    with opened(home) as registry:
        with registry.database.write() as session:
            made = lifecycle.claim_origin(
                session,
                registry.store,
                wanted,
                Origin(origin),
                reason=reason,
                claimed_by=actor(),
                now=clock(),
                generators=generators,
                where=chosen,
            )
            about = ref_of(made.version)
        with registry.database.read() as session:
            record = version_record(session, registry.store, about)
    if as_json:
        emit(
            {
                "dataset": str(about.dataset),
                "version": about.version,
                "claim": claim_record(made),
                "origins": record["origins"],
                "human_fraction": record["human_fraction"],
            }
        )
        return
    scope = "all documents" if made.selection is None else plural(made.selection.texts, "text")
    say(f"{about}   {scope} claimed to be {origin} by {clean(made.claimed_by)}")
    parts = [f"{sums['documents']:,} {name}" for name, sums in record["origins"].items()]
    say(f"now counts as {' · '.join(parts)}")
    if origin not in record["origins"]:
        say("a more cautious claim about the same documents still counts")


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
