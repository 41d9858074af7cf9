"""`firsthand verify`: show what holds, what is only declared, and what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from cli.output import clean, emit, json_option, progress, say, tell

if TYPE_CHECKING:
    from pathlib import Path

    from registry.core.attest import PublicKey
    from registry.core.trust import Trust

_MAX_KEY: Final = 64 * 2**10


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
@json_option
def verify(
    *,
    path: str,
    key_file: str | None,
    trust_file: str | None,
    checkpoint: str | None,
    log: str | None,
    level: str | None,
    as_json: bool,
) -> int:
    """Check a snapshot, or one shard of it, offline with the signer's public key.

    PATH is the folder of a snapshot, or one Parquet shard that travels alone. Needs no account,
    network or registry.

    Exit codes: 0 valid, 3 refused, 1 could not decide (such as without a key), 2 wrong usage.
    """
    from pathlib import Path

    from registry import verify as verifier
    from registry.core.note import MAX_NOTE
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
    if not place.is_dir() and place.exists() and (checkpoint or log):
        raise click.UsageError("`--checkpoint` and `--log` need a folder; no log is about a shard")
    if key_file is not None and trust_file is not None:
        raise click.UsageError("give a key with `--key` or a trust file with `--trust`, not both")
    key = _read_key(key_file, beside=place)
    trust = _read_trust(trust_file, beside=place)
    older = None if checkpoint is None else _read(checkpoint, "the checkpoint", MAX_NOTE)
    depth = verifier.Level(level or "files")
    with progress("verifying") as on_progress:
        report = verifier.examine(
            place,
            key=key,
            trust=trust,
            level=depth,
            checkpoint=older,
            log=log,
            on_progress=on_progress,
        )
    if as_json:
        emit(report.to_json())
    else:
        for line in screen.lines(report):
            say(line)
    return report.exit_code


def _read_key(name: str | None, *, beside: Path) -> PublicKey | None:
    """Read the key that was given, unless it came with what it is to verify."""
    from registry.core.attest import PublicKey

    if name is None or _came_along(name, "key", beside):
        return None
    return PublicKey.parse(_read(name, "the key", _MAX_KEY), name=name)


def _read_trust(name: str | None, *, beside: Path) -> Trust | None:
    """Read the trust file that was given, unless it came with what it is to verify."""
    from registry.core.trust import MAX_TRUST, Trust

    if name is None or _came_along(name, "trust file", beside):
        return None
    return Trust.parse(_read(name, "the trust", MAX_TRUST), name=name)


def _came_along(name: str, what: str, beside: Path) -> bool:
    """Return whether a file lies in the snapshot that it is to verify, and say so."""
    from pathlib import Path

    folder = (beside if beside.is_dir() else beside.parent).resolve()
    if folder not in Path(name).resolve().parents or not (folder / "certificate.json").exists():
        return False
    tell(f"`{clean(name)}` lies in the snapshot: a {what} that came along proves nothing")
    return True


def _read(name: str, what: str, limit: int) -> bytes:
    """Read a small file of the caller's own.

    Raises:
        NotFoundError: It is not there.
        InvalidInputError: It cannot be read.
    """
    from pathlib import Path

    from registry.errors import InvalidInputError, NotFoundError

    hint = {
        "the key": "give the signer's public key file with `--key`",
        "the trust": "give a trust file with `--trust`; `firsthand keys show --trust` writes one",
    }.get(what, "give the file that you kept")
    try:
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {what[4:]} file `{name}`", hint=hint) from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{what} file `{name}` cannot be read: {error}", hint=hint
        ) from error
