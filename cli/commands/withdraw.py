"""`firsthand withdraw`: documents that are to be used no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.output import clean, emit, json_option, plural, say

if TYPE_CHECKING:
    from registry.db.models import Withdrawal

SHOWN = 20
"""How many snapshots are listed on the screen."""


@click.command()
@click.argument("ref", metavar="[DATASET[@VERSION]]", required=False)
@click.option("--hash", "digest", metavar="SHA256", help="A text, in every version that has it.")
@click.option(
    "--where",
    metavar="FILE",
    help="Only the texts of the version whose SHA-256 stands in this file, one a line.",
)
@click.option("--reason", metavar="TEXT", required=True, help="Why; plans and exports will say it.")
@json_option
@click.pass_obj
def withdraw(
    home: str | None,
    /,
    *,
    ref: str | None,
    digest: str | None,
    where: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Take a version, or some texts, out of use: hidden at once, and left out of plans.

    What is claimed about them counts on. Snapshots that were exported before stay as they are;
    they are listed, and `reissue` makes one without these documents.
    """
    from pathlib import Path

    from cli.commands.impact import subject_of
    from cli.context import clock, opened
    from registry import lifecycle
    from registry.query import withdrawn
    from registry.query.impact import impact
    from registry.settings import actor

    if (ref is None) == (digest is None):
        raise click.UsageError("name a dataset, or a text with `--hash`")
    if where is not None and ref is None:
        raise click.UsageError("`--where` needs a dataset")
    chosen = lifecycle.read_hash_list(Path(where)) if where else None
    with opened(home) as registry:
        with registry.database.read() as session:
            subject = subject_of(session, registry.store, ref=ref, digest=digest, where=chosen)
            found = impact(session, registry.store, subject, limit=0)
        with registry.database.write() as session:
            made = lifecycle.withdraw(
                session,
                registry.store,
                subject.versions,
                reason=reason,
                withdrawn_by=actor(),
                now=clock(),
            )
            numbers = [row.id for row in made]
        with registry.database.read() as session:
            stones = withdrawn.tombstones(session, list(subject.versions))
    shown = [it.to_json() for each in stones.values() for it in each if it.number in numbers]
    names = {row.id: _name(row) for row in made}
    held = [{"path": it.path, "certificate": it.certificate} for it in found.touched]
    if as_json:
        emit(
            {
                "withdrawn": [names[it["withdrawal"]] | it for it in shown],
                "snapshots": held,
            }
        )
        return
    for it in shown:
        name = names[it["withdrawal"]]
        what = "all documents" if it["about"] == "all" else plural(it["about"], "text")
        ref_text = f"{name['dataset'].removeprefix('local/')}@{name['version']}"
        say(f"{ref_text}   {what} withdrawn, tombstone {it['withdrawal']}: {clean(it['reason'])}")
    if held:
        say(f"{plural(len(held), 'snapshot')} with such documents, which stay as they are:")
    for item in held[:SHOWN]:
        say(f"  {clean(item['path'])}")
    if len(held) > SHOWN:
        say(f"  … and {len(held) - SHOWN:,} more: `firsthand impact` tells of them")
    if held:
        say("Next  firsthand reissue SNAPSHOT --out DIR")


def _name(row: Withdrawal) -> dict[str, Any]:
    from registry.query.catalogue import ref_of

    return {"dataset": str(ref_of(row.version).dataset), "version": row.version.number}
