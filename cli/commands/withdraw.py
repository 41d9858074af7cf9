"""`firsthand withdraw`: documents that are to be used no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.output import clean, emit, json_option, plural, say

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.context import Opened
    from registry.query.impact import Subject

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
@click.option(
    "--erase",
    is_flag=True,
    help="Also remove the registry's own copies, hashes and sketches, for good.",
)
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
    erase: bool,
    as_json: bool,
) -> None:
    """Take a version, or some texts, out of use: hidden at once, and left out of plans.

    What is claimed about them counts on. Snapshots that were exported before stay as they are;
    they are listed, and `reissue` makes one without these documents. Files that were registered
    where they are stay there, too.
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
        if erase:
            numbers = _erased(registry, subject, reason)
        else:
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
            names = {id: _name(session, id) for id in stones}
    shown = [(it.version_id, it) for each in stones.values() for it in each if it.number in numbers]
    held = [{"path": it.path, "certificate": it.certificate} for it in found.touched]
    if as_json:
        emit(
            {
                "withdrawn": [names[id] | it.to_json() for id, it in shown],
                "snapshots": held,
            }
        )
        return
    for id, it in shown:
        what = "all documents" if it.texts is None else plural(it.texts, "text")
        ref_text = f"{names[id]['dataset'].removeprefix('local/')}@{names[id]['version']}"
        done = "withdrawn and erased" if it.erased else "withdrawn"
        say(f"{ref_text}   {what} {done}, tombstone {it.number}: {clean(it.reason)}")
    if held:
        say(f"{plural(len(held), 'snapshot')} with such documents, which stay as they are:")
    for item in held[:SHOWN]:
        say(f"  {clean(item['path'])}")
    if len(held) > SHOWN:
        say(f"  … and {len(held) - SHOWN:,} more: `firsthand impact` tells of them")
    if held:
        say("Next  firsthand reissue SNAPSHOT --out DIR")


def _erased(registry: Opened, subject: Subject, reason: str) -> list[int]:
    """Erase, and make the index anew; return the numbers of the tombstones."""
    from cli.context import clock, erasure_folders
    from registry import lifecycle, reindex
    from registry.settings import actor

    done = lifecycle.erase(
        registry.database,
        registry.store,
        subject.versions,
        reason=reason,
        erased_by=actor(),
        places=erasure_folders(registry),
        clock=clock,
    )
    reindex.rebuild(registry.database, registry.store, clock=clock)
    return list(done.withdrawals)


def _name(session: Session, version_id: int) -> dict[str, Any]:
    from registry.db.models import DatasetVersion
    from registry.query.catalogue import ref_of

    ref = ref_of(session.get_one(DatasetVersion, version_id))
    return {"dataset": str(ref.dataset), "version": ref.version}
