"""`firsthand init`: make a registry here."""

from __future__ import annotations

import click

from cli.output import block, clean, emit, json_option, say


@click.command()
@click.option(
    "--issuer",
    metavar="NAME",
    envvar="FIRSTHAND_ISSUER",
    help="Who signs certificates, as others know you; default: the name of this user.",
)
@click.option(
    "--issuer-url", metavar="URL", envvar="FIRSTHAND_ISSUER_URL", help="Where to find the issuer."
)
@click.option(
    "--database",
    metavar="URL",
    envvar="FIRSTHAND_DATABASE",
    help="A PostgreSQL database, `postgresql+psycopg://…`; default: a SQLite file in the folder.",
)
@json_option
@click.pass_obj
def init(
    home: str | None,
    issuer: str | None,
    issuer_url: str | None,
    database: str | None,
    as_json: bool,
) -> None:
    """Make a registry here: a folder with a database, storage and a signing key."""
    from pathlib import Path

    from cli.context import clock
    from registry import home as homes
    from registry import settings

    place = settings.home_for_init(Path(home) if home else None)
    made = settings.Settings(place, issuer or settings.actor(), issuer_url, database)
    key = homes.create(made, now=clock())
    if as_json:
        emit(
            {
                "home": str(place),
                "issuer": {"name": made.issuer_name, "url": made.issuer_url},
                "keyid": key.keyid,
                "public_key": str(made.public_key_file),
            }
        )
        return
    lines = [
        ("Registry", clean(str(place))),
        ("Issuer", clean(made.issuer_name) + " (say who you are with --issuer)" * (not issuer)),
        ("Key", f"{key.keyid[:16]}…  public half in {clean(str(made.public_key_file))}"),
        ("Keep safe", f"{clean(str(made.private_key_file))} signs in your name; back it up"),
        ("Next", "firsthand register FILES --name NAME --origin human|ai|…"),
    ]
    for line in block(lines):
        say(line)
