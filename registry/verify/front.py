"""From the words of a command line to a report: the same for every program that verifies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from registry.core.attest import PublicKey
from registry.errors import InvalidInputError, NotFoundError
from registry.plain_words import clean
from registry.verify.report import Level, Report
from registry.verify.snapshot import Progress
from registry.verify.snapshot import examine as look

_MAX_KEY: Final = 64 * 2**10


class UsageError(Exception):
    """The words do not fit one another; a program says so with exit code 2."""


def examine(
    path: str,
    *,
    key_file: str | None,
    level: str | None,
    text_file: str | None,
    tell: Callable[[str], None],
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of what is at a path, whatever it says.

    Args:
        path: A snapshot's folder, a lone shard, or a proof.
        key_file: The file of the signer's public key.
        level: `files` or `content`.
        text_file: For a proof, the file of the text that it should be about.
        tell: Called with what to say that is not part of the report.
        on_progress: Called now and then with bytes done and bytes in all.

    Raises:
        UsageError: The words do not fit one another.
        InvalidInputError: A file that was given is not what it should be.
        NotFoundError: There is nothing at the path, or no key file.
        UnavailableError: The path itself cannot be read.
    """
    place = Path(path)
    if "://" in path and not place.exists():
        raise InvalidInputError(
            f"`{clean(path)}` is not on this machine, and verifying uses no network",
            hint="download all that is under it into a folder, and verify that",
        )
    if level == "files" and not place.is_dir() and place.exists():
        raise UsageError("`--level files` needs a folder; one shard is read by its content")
    if text_file is not None and place.is_dir():
        raise UsageError("`--text` is for a proof, and this is a folder")
    key = _read_key(key_file, beside=place, tell=tell)
    text = None if text_file is None else _read(text_file)
    return look(place, key=key, level=Level(level or "files"), text=text, on_progress=on_progress)


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file `{name}`") from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"`{name}` cannot be read: {error}") from error


def _read_key(name: str | None, *, beside: Path, tell: Callable[[str], None]) -> PublicKey | None:
    """Read the key that was given, unless it came with what it is to verify."""
    if name is None:
        return None
    folder = (beside if beside.is_dir() else beside.parent).resolve()
    if folder in Path(name).resolve().parents and (folder / "certificate.json").exists():
        tell(f"`{clean(name)}` lies in the snapshot: a key that came along proves nothing")
        return None
    hint = "give the signer's public key file with `--key`"
    try:
        with Path(name).open("rb") as file:
            pem = file.read(_MAX_KEY)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no key file `{name}`", hint=hint) from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"the key file `{name}` cannot be read: {error}", hint=hint
        ) from error
    return PublicKey.parse(pem, name=name)
