"""`firsthand verify`: show what holds, what is only declared, and what is not known."""

from __future__ import annotations

import click

from cli.output import emit, json_option, progress, say, tell


@click.command()
@click.argument("path", metavar="PATH")
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    envvar="FIRSTHAND_KEY",
    help="The signer's public key (PEM), from a source you trust. Without it nothing is valid.",
)
@click.option(
    "--trust",
    "trust_file",
    metavar="FILE",
    envvar="FIRSTHAND_TRUST",
    help="Instead of a key: a trust file with the keys of signers, logs and witnesses that you "
    "believe.",
)
@click.option(
    "--checkpoint",
    metavar="FILE",
    help="A checkpoint of the signer's log that you kept: the log must go on from it.",
)
@click.option(
    "--log",
    metavar="DIR",
    help="A newer copy of the signer's log: whether it has the snapshot, and what came after.",
)
@click.option(
    "--level",
    type=click.Choice(["files", "content"]),
    envvar="FIRSTHAND_LEVEL",
    help="How deep to look: `files` (the default) compares every file with its signed digest; "
    "`content` reads every row, so that the same rows in other files pass too.",
)
@click.option(
    "--text",
    "text_file",
    metavar="FILE",
    help="For a proof: the text that it should be about, to the last byte.",
)
@json_option
def verify(
    *,
    path: str,
    key_file: str | None,
    trust_file: str | None,
    checkpoint: str | None,
    log: str | None,
    level: str | None,
    text_file: str | None,
    as_json: bool,
) -> int:
    """Check a snapshot, one shard of it, or a proof, offline with the signer's public key.

    PATH is the folder of a snapshot, one Parquet shard that travels alone, or what `prove` wrote
    about one row or the absence of a text. Needs no account, network or registry.

    Exit codes: 0 valid, 3 refused, 1 could not decide (such as without a key), 2 wrong usage.
    """
    from registry.verify import front, screen

    try:
        with progress("verifying") as on_progress:
            report = front.examine(
                path,
                key_file=key_file,
                trust_file=trust_file,
                checkpoint=checkpoint,
                log=log,
                level=level,
                text_file=text_file,
                tell=tell,
                on_progress=on_progress,
            )
    except front.UsageError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        emit(report.to_json())
    else:
        for line in screen.lines(report):
            say(line)
    return report.exit_code
