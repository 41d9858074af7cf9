"""Which states of the log were signed before, as the database, the folder and this machine know.

Each can be restored from a backup by itself. The high-water file is outside of all backups of the
registry: it is the note that was last signed on this machine, and it is what a database and a
folder that came back together are caught by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import write_file
from registry.checkpoints.leaves import Leaves
from registry.core.attest import PublicKey
from registry.core.checkpoint import Checkpoint
from registry.core.digest import sha256_hex
from registry.core.note import MAX_NOTE, Note, NoteKey
from registry.db.models import Cosignature, LogCheckpoint, SigningKey
from registry.errors import ConflictError, VerificationError
from registry.log_files import CHECKPOINT
from registry.plain_files import read_small

HINT: Final = (
    "if it was restored from a backup, run `firsthand log recover`; until then nothing is signed"
)
DATABASE: Final = "the database"
FOLDER: Final = "the folder `log`"
HIGH_WATER: Final = "this machine"

Tell = Callable[[str], None]
"""Takes a sentence for whoever runs the command."""


def silent(_sentence: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Head:
    """A signed state of the log, and who remembers it.

    Attributes:
        by: Who remembers it, for messages.
        checkpoint: The state.
    """

    by: str
    checkpoint: Checkpoint

    def __str__(self) -> str:
        """Return size and root, as both heads of a fork are shown."""
        return f"{self.checkpoint.size:,} entries with root {self.checkpoint.root.hex()}"


@dataclass(frozen=True, slots=True)
class Heads:
    """What is remembered; None where nothing is.

    Attributes:
        row: The newest checkpoint of the database, published or not.
        published: The newest one of the database that is said to be in the folder.
        file: What the checkpoint of the folder says.
        high_water: What this machine signed last.
    """

    row: LogCheckpoint | None
    published: LogCheckpoint | None
    file: Head | None
    high_water: Head | None

    def all(self) -> list[Head]:
        """Return every state that the log must go on from."""
        row = None if self.row is None else Head(DATABASE, Checkpoint.parse(_text(self.row)))
        return [head for head in (row, self.file, self.high_water) if head is not None]


def _text(row: LogCheckpoint) -> bytes:
    return Note.parse(row.note).text


def read(session: Session, folder: Path, *, origin: str, state: Path) -> Heads:
    """Return the heads of a log.

    Raises:
        VerificationError: `E_ROLLBACK`: the checkpoint of the folder or the high-water file is not
            one that this registry signed.
    """
    keys = log_keys(session, origin)
    newest = sa.select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)
    return Heads(
        row=session.scalars(newest).first(),
        published=session.scalars(newest.where(LogCheckpoint.published)).first(),
        file=signed(folder / CHECKPOINT, origin, keys, by=FOLDER),
        high_water=signed(
            high_water_file(session, origin=origin, state=state), origin, keys, by=HIGH_WATER
        ),
    )


def require(heads: Heads, leaves: Leaves) -> None:
    """Refuse to go on from a log that does not have what was signed.

    Raises:
        VerificationError: `E_ROLLBACK`; both heads are named.
        ConflictError: The database has gaps in its log.
    """
    for head in heads.all():
        if not leaves.extend(head.checkpoint):
            raise rolled_back(leaves, head)
    published = heads.published
    if published is not None and (
        heads.file is None or heads.file.checkpoint.size < published.size
    ):
        there = "no checkpoint" if heads.file is None else f"the checkpoint of {heads.file}"
        raise VerificationError(
            f"{FOLDER} has {there}, and {published.size:,} entries with root {published.root} "
            "were published",
            code="E_ROLLBACK",
            hint=HINT,
        )
    if leaves.problem is not None:
        raise ConflictError(leaves.problem, hint="the database was changed by hand")


def rolled_back(leaves: Leaves, head: Head) -> VerificationError:
    """Return the error for a log that does not go on from a head."""
    have = leaves.root(min(head.checkpoint.size, leaves.size))
    assert have is not None  # noqa: S101 - there are so many entries
    now = f"{min(head.checkpoint.size, leaves.size):,} entries with root {have.hex()}"
    return VerificationError(
        f"{head.by} remembers a signed log of {head}, and the database has {now}",
        code="E_ROLLBACK",
        hint=HINT,
    )


def signed(path: Path, origin: str, keys: Iterable[NoteKey], *, by: str) -> Head | None:
    """Return the signed checkpoint in a file, or None if there is no file.

    Raises:
        VerificationError: `E_ROLLBACK`: it is not one that these keys signed for this log.
        UnavailableError: It cannot be read.
    """
    try:
        data = read_small(path, path.name, limit=MAX_NOTE, missing="E_INCLUSION")
        found = opened(Note.parse(data), origin, keys)
    except VerificationError as error:
        if error.code == "E_INCLUSION":
            return None
        raise VerificationError(
            f"`{path}` is not a checkpoint of this registry: {error.message}",
            code="E_ROLLBACK",
            hint=HINT,
        ) from error
    return Head(by, found)


def opened(note: Note, origin: str, keys: Iterable[NoteKey]) -> Checkpoint:
    """Return the checkpoint in a note that one of a log's keys signed.

    Raises:
        VerificationError: `E_CHECKPOINT_ORIGIN`, `E_NO_LOG_SIGNATURE`, `E_SIGNATURE`, or it is no
            checkpoint.
    """
    found = Checkpoint.parse(note.text)
    found.require_origin(origin)
    if not note.opened(keys):
        raise VerificationError(
            f"no key of the log `{origin}` signed the checkpoint", code="E_NO_LOG_SIGNATURE"
        )
    return found


def log_keys(session: Session, origin: str) -> list[NoteKey]:
    """Return every key with which this registry ever signed, as keys of its log."""
    pems = session.scalars(sa.select(SigningKey.pem).order_by(SigningKey.id)).all()
    raws = dict.fromkeys(PublicKey.parse(pem.encode(), name="a signing key").raw for pem in pems)
    return [NoteKey(origin, raw) for raw in raws]


def first_keyid(session: Session) -> str:
    """Return the id of the registry's first key, which it has for ever."""
    found = sa.select(SigningKey.keyid).order_by(SigningKey.id).limit(1)
    return session.execute(found).scalar_one_or_none() or ""


def high_water_file(session: Session, *, origin: str, state: Path) -> Path:
    """Return where this machine keeps the note it last signed for a log."""
    name = sha256_hex(f"{origin}\n{first_keyid(session)}".encode())
    return state / "high-water" / f"{name}.checkpoint"


def write_high_water(path: Path, note: bytes) -> None:
    """Remember what was signed, durably.

    Raises:
        UnavailableError: The disk refused.
    """
    write_file(path, note, mode=0o600)


def with_cosignatures(session: Session, row: LogCheckpoint) -> bytes:
    """Return the note of a checkpoint with the lines of the witnesses that cosigned it."""
    lines = session.scalars(
        sa.select(Cosignature.line)
        .where(Cosignature.checkpoint_id == row.id)
        .order_by(Cosignature.id)
    ).all()
    note = Note.parse(row.note + "".join(lines).encode())
    return note.with_signatures(()).to_bytes()
