"""`firsthand export`: from a recipe to a certified snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.commands.plan import TOKENIZER, make_plan, read_recipe, typed
from cli.output import (
    block,
    clean,
    count,
    emit,
    json_option,
    plural,
    progress,
    say,
    share,
    size,
    tell,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cli.context import Opened
    from registry.export import Log, Superseded


@click.command()
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    help="The folder to make, or the prefix to fill, such as `s3://bucket/snapshot`.",
)
@TOKENIZER
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    envvar="FIRSTHAND_THREADS",
    help="With two or more, reading overlaps with writing; the result is the same.",
)
@click.option(
    "--supersedes",
    metavar="SNAPSHOT",
    help="The folder, `certificate.json` or root of a snapshot of this registry whose place the "
    "new one takes: its certificate and the log say so.",
)
@click.option(
    "--reason",
    metavar="TEXT",
    help="Why it takes its place; kept here, and not published.",
)
@json_option
@click.pass_obj
def export(
    home: str | None,
    /,
    *,
    recipe: str,
    out: str,
    tokenizer: str | None,
    threads: int,
    supersedes: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Write what a recipe draws as Parquet files with a certificate and a proof from the log.

    RECIPE is a YAML or JSON file; `firsthand plan RECIPE` shows first what it would draw.

    Every text is fetched again and checked against what was registered. Exit code 3: the recipe
    cannot be kept.
    """
    from cli.context import clock, opened, tidy
    from registry import export as verb
    from registry import home as homes
    from registry.places import Remote, parse

    if reason is not None and supersedes is None:
        raise click.UsageError("`--reason` says why a snapshot supersedes another: `--supersedes`")
    target = parse(out)
    asked = read_recipe(recipe)
    with opened(home) as registry:
        tidy(registry)
        signer = homes.load_signer(registry.settings)
        with registry.database.read() as session:
            log = log_of(registry, session)
            older = None if supersedes is None else superseded(session, supersedes, reason)
        made = make_plan(registry, asked, tokenizer)
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
                supersedes=older,
                threads=threads,
                on_progress=on_progress,
            )
        key = registry.settings.public_key_file
    if as_json:
        emit(
            {
                "path": str(done.place),
                "snapshot_root": done.snapshot_root,
                "certificate": done.certificate,
                "documents": done.documents,
                "bytes": made.bytes,
                "files": done.files,
                "human_fraction": made.human.to_json(),
                "log": {"origin": done.log, "entry": done.entry, "proven": done.proven},
                "supersedes": None if older is None else older.certificate,
                "existed": done.existed,
            }
        )
        return
    check = f"firsthand verify {typed(out)} --key {typed(str(key))}"
    if isinstance(target, Remote):
        check = f"download it, then firsthand verify DIR --key {typed(str(key))}"
    fraction = made.human
    verb_word = "was there already" if done.existed else "exported"
    say(f"{clean(str(done.place))}   {verb_word}")
    lines = [
        ("Documents", f"{count(done.documents)} in {plural(done.files, 'file')} · "
                      f"{size(made.bytes)}"),
        ("Declared", f"{share(fraction.numerator, fraction.denominator)} human of {fraction.of}"),
        ("Snapshot root", done.snapshot_root),
        ("Log", f"entry {count(done.entry)} of {done.log}, "
                f"{'proven' if done.proven else 'pending'}"),
        ("Next", check),
    ]  # fmt: skip
    for line in block(lines):
        say(line)


def log_of(registry: Opened, session: Session) -> Log:
    """Return where the registry's log is published, and who signs it."""
    from registry import export as verb
    from registry import home, settings

    return verb.Log(
        home.load_log_signer(registry.settings, session),
        registry.settings.log_folder,
        settings.state_folder(),
        tell,
    )


def superseded(session: Session, named: str, reason: str | None) -> Superseded:
    """Find the certificate whose place a new one takes.

    Args:
        session: A reading session.
        named: The folder of a snapshot, its certificate, or its root.
        reason: Why.

    Raises:
        NotFoundError: This registry did not issue such a certificate.
    """
    from pathlib import Path

    from registry.core.caller import OPERATOR
    from registry.core.digest import is_sha256_hex, sha256_hex
    from registry.errors import NotFoundError
    from registry.export import Superseded
    from registry.query import pages

    path = Path(named)
    if path.is_dir():
        path /= "certificate.json"
    if path.is_file():
        digest = sha256_hex(path.read_bytes())
        if pages.issued(session, digest):
            return Superseded(digest, reason)
        raise NotFoundError(
            f"`{clean(str(path))}` is not a certificate of this registry",
            hint="only who issued a certificate can supersede it",
        )
    if is_sha256_hex(named):
        return Superseded(pages.issues(session, named, OPERATOR)[0].certificate_digest, reason)
    raise NotFoundError(
        f"there is no snapshot at `{clean(named)}`",
        hint="name its folder, its `certificate.json` or its snapshot root",
    )
