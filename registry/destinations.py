"""Where a snapshot goes: a folder of this machine, or a prefix in an object store.

A folder is written beside its place under a hidden name and renamed. For a prefix it is written
in the registry's storage, sent before it is recorded, and sealed by its certificate after that.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from registry import intents
from registry.core.certificate import Certificate, open_envelope
from registry.core.digest import sha256_hex
from registry.core.manifest import Manifest
from registry.db.models import Snapshot
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError
from registry.places import Place, Remote, contents, publishing


def normal(out: Place) -> Place:
    """Return a destination as it is recorded.

    Raises:
        InvalidInputError: It has a name that the catalogue could not record, or is a whole bucket.
    """
    if isinstance(out, Remote):
        if not out.key:
            raise InvalidInputError(
                f"`{out}` is a whole bucket", hint=f"name a prefix in it, such as `{out}/snapshot`"
            )
        return out
    try:
        str(out).encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            "the name of the folder to make is not valid UTF-8", hint="choose another `--out`"
        ) from error
    return out.absolute()


def check(database: Database, out: Place) -> None:
    """Refuse, before anything is written, a place that a snapshot cannot be moved to.

    Raises:
        ConflictError: Another export to the same prefix is under way.
        InvalidInputError: There can be no such folder.
    """
    if isinstance(out, Remote):
        # Folders appear all at once, so the second of two finds out; under a prefix they would mix.
        if intents.is_target(database, str(out)):
            raise ConflictError(
                f"another export to `{out}` is under way, or waits to be finished",
                hint="wait for it, or choose another `--out`",
            )
        return
    if not out.parent.is_dir():
        raise InvalidInputError(
            f"the folder `{out.parent}` does not exist", hint="make it, or choose another `--out`"
        )
    if out.is_symlink() or out.is_mount():
        raise InvalidInputError(
            f"`{out}` is a link or a mount point", hint="name a folder to be made, inside of it"
        )


def existing(database: Database, out: Place, manifest: Manifest) -> str | None:
    """Return the digest of the certificate at a place if it is of the snapshot asked for.

    Returns:
        SHA-256 of `certificate.json`, or None if the place is free.

    Raises:
        ConflictError: Something else is there, or the snapshot is damaged.
    """
    if not contents.is_taken(out):
        return None
    data = contents.read(out / intents.SEAL) or b""
    same = contents.read(out / "manifest.json") == manifest.to_bytes()
    digest = sha256_hex(data)
    with database.read() as session:
        known = session.execute(
            sa.select(Snapshot.id).where(
                Snapshot.certificate_digest == digest,
                Snapshot.snapshot_root == manifest.root,
            )
        ).first()
    if same and known is not None:
        _check_files(out, data)
        return digest
    raise ConflictError(
        f"`{out}` exists and is not this snapshot", hint="choose another `--out`, or remove it"
    )


def _check_files(out: Place, envelope: bytes) -> None:
    """Compare the shards of a snapshot that is there with its certificate.

    Raises:
        ConflictError: One is missing or was changed.
    """
    statement, _ = open_envelope(envelope, None)
    for name, digest in Certificate.parse(statement).files.items():
        found = contents.sha256(out / name)
        if found != digest:
            problem = "was changed" if found else "is missing"
            raise ConflictError(
                f"`{out}` is this snapshot, but `{name}` {problem}",
                hint="remove all of it, then export again, or choose another `--out`",
            )


def send(folder: Path, out: Place, *, on_chunk: Callable[[], None]) -> None:
    """Bring a finished snapshot to its store, all but the certificate; a folder is there already.

    Raises:
        ConflictError: Something else is there.
        UnavailableError: The store does not take it.
    """
    if isinstance(out, Remote):
        publishing.send(folder, out, seal=intents.SEAL, on_chunk=on_chunk)
