"""From the words of a command line to a report: the same for every program that verifies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from registry.core.attest import PublicKey
from registry.core.note import MAX_NOTE
from registry.core.trust import MAX_TRUST, Trust
from registry.errors import InvalidInputError, NotFoundError
from registry.plain_words import clean
from registry.verify import rowproof
from registry.verify.files import Progress
from registry.verify.report import Level, Report
from registry.verify.snapshot import examine as look

_MAX_KEY: Final = 64 * 2**10


Tell = Callable[[str], None]
"""Takes what is said besides the report."""


class UsageError(Exception):
    """The words do not fit one another; a program says so with exit code 2."""


def examine(
    path: str,
    *,
    key_file: str | None,
    trust_file: str | None,
    checkpoint: str | None,
    log: str | None,
    level: str | None,
    text_file: str | None,
    tell: Tell,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of what is at a path, whatever it says.

    Args:
        path: A snapshot's folder, a lone shard, or a proof.
        key_file: The file of the signer's public key.
        trust_file: Instead of that, a trust file.
        checkpoint: The file of a checkpoint that the caller kept.
        log: The folder of a newer copy of the log.
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
    shard = place.exists() and not place.is_dir() and not rowproof.is_proof(place)
    if shard and (checkpoint or log):
        raise UsageError("`--checkpoint` and `--log` need a folder; no log is about a shard")
    if key_file is not None and trust_file is not None:
        raise UsageError("give a key with `--key` or a trust file with `--trust`, not both")
    key = _read_key(key_file, place, tell)
    trust = _read_trust(trust_file, place, tell)
    older = None if checkpoint is None else _read(checkpoint, "the checkpoint", MAX_NOTE)
    text = None if text_file is None else _read(text_file, "the text", None)
    return look(
        place,
        key=key,
        trust=trust,
        level=Level(level or "files"),
        text=text,
        checkpoint=older,
        log=log,
        on_progress=on_progress,
    )


def _read_key(name: str | None, beside: Path, tell: Tell) -> PublicKey | None:
    """Read the key that was given, unless it came with what it is to verify."""
    if name is None or _came_along(name, "key", beside, tell):
        return None
    return PublicKey.parse(_read(name, "the key", _MAX_KEY), name=name)


def _read_trust(name: str | None, beside: Path, tell: Tell) -> Trust | None:
    """Read the trust file that was given, unless it came with what it is to verify."""
    if name is None or _came_along(name, "trust file", beside, tell):
        return None
    return Trust.parse(_read(name, "the trust", MAX_TRUST), name=name)


def _came_along(name: str, what: str, beside: Path, tell: Tell) -> bool:
    """Return whether a file lies in the snapshot that it is to verify, and say so."""
    folder = (beside if beside.is_dir() else beside.parent).resolve()
    if folder not in Path(name).resolve().parents or not (folder / "certificate.json").exists():
        return False
    tell(f"`{clean(name)}` lies in the snapshot: a {what} that came along proves nothing")
    return True


def _read(name: str, what: str, limit: int | None) -> bytes:
    """Read a file of the caller's own; of one that should be small, little more than the limit.

    Raises:
        NotFoundError: It is not there.
        InvalidInputError: It cannot be read.
    """
    hint = {
        "the key": "give the signer's public key file with `--key`",
        "the trust": "give a trust file with `--trust`; `firsthand keys show --trust` writes one",
        "the text": "give the file of the text with `--text`",
    }.get(what, "give the file that you kept")
    try:
        with Path(name).open("rb") as file:
            return file.read(-1 if limit is None else limit + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no {what[4:]} file `{name}`", hint=hint) from error
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{what} file `{name}` cannot be read: {error}", hint=hint
        ) from error
