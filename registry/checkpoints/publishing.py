"""Copy the published log to where others can read it: a folder, or a prefix in an object store.

Files first, the checkpoint last: whoever reads meanwhile finds everything that the checkpoint they
have needs. What is there already belongs to this log, or nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registry.checkpoints import files, heads
from registry.checkpoints.advancing import newest_published
from registry.checkpoints.leaves import Leaves
from registry.core.checkpoint import Checkpoint
from registry.core.note import MAX_NOTE, Note
from registry.core.tiles import tiles_of
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError, VerificationError
from registry.log_files import CHECKPOINT
from registry.places import Place, Remote


@dataclass(frozen=True, slots=True)
class Published:
    """What was copied.

    Attributes:
        to: Where to.
        checkpoint: The state of the log that is there now.
        cosignatures: How many witnesses' lines its checkpoint has.
        written: How many files were new, the checkpoint among them.
        hashes_only: Whether the entries stayed here.
    """

    to: Place
    checkpoint: Checkpoint
    cosignatures: int
    written: int
    hashes_only: bool


def publish(database: Database, folder: Path, to: Place, *, hashes_only: bool = False) -> Published:
    """Copy the newest published checkpoint with its tiles, as far as they are not there.

    Args:
        database: The catalogue.
        folder: Where the log's files are here; it is locked.
        to: The folder or the prefix.
        hashes_only: Leave the entries out. Proofs can be made and checked all the same.

    Raises:
        ConflictError: There is no checkpoint yet, or files that are no part of this log are there.
        VerificationError: A checkpoint is there that ours does not go on from:
            `E_CHECKPOINT_ORIGIN`, `E_SIZE_SHRINK`, `E_SPLIT_VIEW` or `E_CONSISTENCY`; or
            `E_ROLLBACK`: the database does not have what it signed.
        UnavailableError: The disk or the store does not take it.
    """
    target = _target(folder, to)
    with files.locked(folder), database.read() as session:
        row = newest_published(session)
        if row is None:
            raise ConflictError(
                "the log has no checkpoint yet", hint="run `firsthand log checkpoint`"
            )
        note = Note.parse(heads.with_cosignatures(session, row))
        ours = Checkpoint.parse(note.text)
        leaves = Leaves(session)
        if not leaves.extend(ours):
            raise heads.rolled_back(leaves, heads.Head(heads.DATABASE, ours))
        before = target.read(CHECKPOINT)
        old = 0 if before is None else _compared(before, to, ours, leaves)
        written = _copy(leaves, target, to, old, ours.size, entries=not hashes_only)
        if target.read(CHECKPOINT) != before:
            raise ConflictError(
                f"somebody else publishes to `{to}`", hint="wait for them, then run this again"
            )
        data = note.to_bytes()
        if data != before:
            target.write(CHECKPOINT, data)
            target.sync()
            written += 1
    return Published(to, ours, len(note.signatures) - 1, written, hashes_only)


def _target(folder: Path, to: Place) -> files.Target:
    if isinstance(to, Remote):
        return files.RemoteTarget(to)
    here, there = folder.resolve(), to.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise InvalidInputError(
            f"`{to}` is where the log is kept",
            hint="name another folder; or serve this one as it is",
        )
    if to.exists() and not to.is_dir():
        raise InvalidInputError(f"`{to}` is no folder", hint="name a folder to publish to")
    return files.FolderTarget(to)


def _compared(data: bytes, to: Place, ours: Checkpoint, leaves: Leaves) -> int:
    """Return the size of the log that is there, if ours goes on from it."""
    try:
        if len(data) > MAX_NOTE:
            raise VerificationError("it is too long", code="E_LIMIT")
        theirs = Checkpoint.parse(Note.parse(data).text)
    except VerificationError as error:
        raise ConflictError(
            f"`{to}` has a `{CHECKPOINT}` that is none", hint="publish to another place"
        ) from error
    theirs.require_origin(ours.origin)
    both = (
        f"there: {theirs.size:,} entries with root {theirs.root.hex()}; "
        f"here: {ours.size:,} entries with root {ours.root.hex()}"
    )
    hint = "one of them is not the log that others rely on: find out which, and overwrite neither"
    if theirs.size > ours.size:
        raise VerificationError(
            f"the log at `{to}` is longer than this one: {both}", code="E_SIZE_SHRINK", hint=hint
        )
    if not leaves.extend(theirs):
        same = theirs.size == ours.size
        raise VerificationError(
            f"the log at `{to}` has another history: {both}",
            code="E_SPLIT_VIEW" if same else "E_CONSISTENCY",
            hint=hint,
        )
    return theirs.size


def _copy(
    leaves: Leaves, target: files.Target, to: Place, old: int, size: int, *, entries: bool
) -> int:
    """Write what is missing, and return how much it was."""
    there = target.there()
    known = set(files.files_of(tiles_of(old)))
    done = 0
    for file in files.files_of(tiles_of(size)):
        if (file.is_bundle and not entries) or (file in known and file.name in there):
            continue
        data = leaves.bundle(file.tile) if file.is_bundle else leaves.tile(file.tile)
        found = target.read(file.name) if file.name in there else b""
        if found == data:
            continue
        # A transfer that broke off may have left the beginning of a file.
        if found is not None and not data.startswith(found):
            raise ConflictError(
                f"`{to}` has a `{file.name}` that is not of this log",
                hint="publish to an empty place",
            )
        target.write(file.name, data)
        done += 1
    target.sync()
    return done
