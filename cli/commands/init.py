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
@click.option(
    "--log-origin",
    metavar="NAME",
    help="What the log is called, such as `acme.example/log`; default: after the issuer's URL, or "
    "after the key. It cannot be changed later.",
)
@click.option(
    "--passphrase",
    "with_passphrase",
    is_flag=True,
    help="Ask for a passphrase for the private key.",
)
@json_option
@click.pass_obj
def init(
    home: str | None,
    /,
    *,
    issuer: str | None,
    issuer_url: str | None,
    database: str | None,
    log_origin: str | None,
    with_passphrase: bool,
    as_json: bool,
) -> None:
    """Make a registry here: a folder with a database, storage and a signing key.

    A passphrase is typed at the terminal, unseen, or taken from FIRSTHAND_PASSPHRASE, never from
    the command line.
    """
    from pathlib import Path

    from cli.context import clock
    from registry import home as homes
    from registry import settings

    place = settings.home_for_init(Path(home) if home else None)
    who = issuer or settings.actor()
    made = settings.Settings(place, who, issuer_url, database, log_origin=log_origin)
    secret = settings.passphrase("the new key", twice=True) if with_passphrase else None
    key = homes.create(made, now=clock(), passphrase=secret)
    origin = settings.Settings.load(place).log_origin
    if as_json:
        emit(
            {
                "home": str(place),
                "issuer": {"name": made.issuer_name, "url": made.issuer_url},
                "keyid": key.keyid,
                "log_origin": origin,
                "public_key": str(made.public_key_file),
                "trust": str(made.trust_file),
            }
        )
        return
    lines = [
        ("Registry", clean(str(place))),
        ("Issuer", clean(made.issuer_name) + " (say who you are with --issuer)" * (not issuer)),
        ("Key", f"{key.keyid[:16]}…  public half in {clean(str(made.public_key_file))}"),
        ("Log", clean(origin or "")),
        ("Keep safe", f"{clean(str(made.private_key_file))} signs in your name; back it up"),
        ("Next", "firsthand register FILES --name NAME --origin human|ai|…"),
    ]
    for line in block(lines):
        say(line)
