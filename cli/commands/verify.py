"""`firsthand verify`: show what holds, what is only declared, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.output import clean, emit, json_option, progress, say, tell

if TYPE_CHECKING:
    from pathlib import Path

    from registry.core.attest import PublicKey


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
    "--level",
    type=click.Choice(["files", "content"]),
    envvar="FIRSTHAND_LEVEL",
    help="How deep to look: `files` (the default) compares every file with its signed digest; "
    "`content` reads every row, so that the same rows in other files pass too.",
)
@json_option
def verify(path: str, key_file: str | None, level: str | None, as_json: bool) -> int:
    """Check a snapshot, or one shard of it, offline with the signer's public key.

    PATH is the folder of a snapshot, or one Parquet shard that travels alone. Needs no account,
    network or registry.

    Exit codes: 0 valid, 3 refused, 1 could not decide (such as without a key), 2 wrong usage.
    """
    from pathlib import Path

    from registry import verify as verifier
    from registry.errors import InvalidInputError
    from registry.verify import screen

    place = Path(path)
    if "://" in path and not place.exists():
        raise InvalidInputError(
            f"`{clean(path)}` is not on this machine, and verifying uses no network",
            hint="download all that is under it into a folder, and verify that",
        )
    if level == "files" and not place.is_dir() and place.exists():
        raise click.UsageError("`--level files` needs a folder; one shard is read by its content")
    key = _read_key(key_file, beside=place)
    depth = verifier.Level(level or "files")
    with progress("verifying") as on_progress:
        report = verifier.examine(place, key=key, level=depth, on_progress=on_progress)
    if as_json:
        emit(report.to_json())
    else:
        for line in screen.lines(report):
            say(line)
    return report.exit_code


def _read_key(name: str | None, *, beside: Path) -> PublicKey | None:
    """Read the key that was given, unless it came with what it is to verify."""
    from pathlib import Path

    from registry.core.attest import PublicKey
    from registry.errors import InvalidInputError, NotFoundError

    if name is None:
        return None
    folder = (beside if beside.is_dir() else beside.parent).resolve()
    if folder in Path(name).resolve().parents and (folder / "certificate.json").exists():
        tell(f"`{clean(name)}` lies in the snapshot: a key that came along proves nothing")
        return None
    hint = "give the signer's public key file with `--key`"
    try:
        with Path(name).open("rb") as file:
            pem = file.read(64 * 2**10)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no key file `{name}`", hint=hint) from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"the key file `{name}` cannot be read: {error}", hint=hint
        ) from error
    return PublicKey.parse(pem, name=name)
