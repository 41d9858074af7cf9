"""`firsthand reissue`: a snapshot once more, under today's claims and withdrawals."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from cli.commands.export import log_of, superseded
from cli.commands.plan import TOKENIZER, make_plan, typed
from cli.output import block, clean, count, emit, json_option, plural, progress, say, share, size


@click.command()
@click.argument("snapshot", metavar="SNAPSHOT")
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    help="The folder to make, or the prefix to fill, such as `s3://bucket/snapshot`.",
)
@click.option("--reason", metavar="TEXT", help="Why; kept here, and not published.")
@TOKENIZER
@json_option
@click.pass_obj
def reissue(
    home: str | None,
    /,
    *,
    snapshot: str,
    out: str,
    reason: str | None,
    tokenizer: str | None,
    as_json: bool,
) -> None:
    """Export a snapshot's recipe again, from the same versions, as claims and withdrawals are now.

    SNAPSHOT is its folder, its `certificate.json` or its root. The new certificate says how many
    documents left and why, and takes the place of the old one, which stays checkable.

    Exit code 3: what the recipe asks cannot be kept any more; nothing is written.
    """
    from cli.context import clock, opened, tidy
    from registry import export as verb
    from registry import home as homes
    from registry.places import parse
    from registry.query import reissuing

    target = parse(out)
    with opened(home) as registry:
        tidy(registry)
        signer = homes.load_signer(registry.settings)
        with registry.database.read() as session:
            log = log_of(registry, session)
            older = superseded(session, snapshot, reason)
            was = reissuing.older(session, registry.store, older.certificate)
        made = make_plan(registry, was.recipe, tokenizer, versions=was.versions)
        made.require()
        with registry.database.read() as session:
            left = reissuing.what_left(session, registry.store, was, made)
        with progress("exporting") as on_progress:
            done = verb.snapshot(
                registry.database,
                registry.store,
                made,
                target,
                signer=signer,
                issuer=homes.issuer(registry.settings, signer),
                log=log,
                clock=clock,
                supersedes=replace(older, reissued=left),
                on_progress=on_progress,
            )
        key = registry.settings.public_key_file
    if as_json:
        emit(
            {
                "path": str(done.place),
                "snapshot_root": done.snapshot_root,
                "certificate": done.certificate,
                "supersedes": older.certificate,
                "reissued": None if left is None else asdict(left),
                "documents": done.documents,
                "bytes": made.bytes,
                "files": done.files,
                "human_fraction": made.human.to_json(),
                "log": {"origin": done.log, "entry": done.entry, "proven": done.proven},
                "existed": done.existed,
            }
        )
        return
    fraction = made.human
    say(f"{clean(str(done.place))}   reissued")
    lines = [("Takes the place of", f"certificate {older.certificate}")]
    if left is None:
        lines.append(("Left", "not known: which rows the old one holds is not on record"))
    else:
        parts = [
            f"{number:,} {word}"
            for number, word in (
                (left.withdrawn, "withdrawn"),
                (left.erased, "erased"),
                (left.not_admitted, "no longer admitted"),
                (left.not_drawn, "not drawn again"),
            )
            if number
        ]
        why = f": {' · '.join(parts)}" if parts else ""
        lines.append(("Left", f"{count(left.left)} of {plural(left.documents, 'document')}{why}"))
        if left.added:
            lines.append(("Came", plural(left.added, "document")))
    lines += [
        (
            "Documents",
            f"{count(done.documents)} in {plural(done.files, 'file')} · {size(made.bytes)}",
        ),
        ("Declared", f"{share(fraction.numerator, fraction.denominator)} human of {fraction.of}"),
        ("Snapshot root", done.snapshot_root),
        (
            "Log",
            f"entry {count(done.entry)} of {done.log}, {'proven' if done.proven else 'pending'}",
        ),
        ("Next", f"firsthand verify {typed(out)} --key {typed(str(key))}"),
    ]
    for line in block(lines):
        say(line)
