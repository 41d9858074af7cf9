"""Keep what witnesses say of this registry's checkpoints, so that proofs can carry it.

A cosignature is taken only if it is of a witness that the registry trusts, and about a checkpoint
that the registry signed. It is no part of the log: it is a signature, which says itself what it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.checkpoint import Checkpoint
from registry.core.note import Note, NoteKey, Signature
from registry.db.models import Cosignature, LogCheckpoint, TrustRole
from registry.errors import InvalidInputError, NotFoundError, VerificationError
from registry.query import trust

_SKEW: Final = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Added:
    """What was taken of a cosigned checkpoint.

    Attributes:
        size: Which checkpoint it is.
        added: The names of the witnesses whose lines are new here.
        known: Those whose lines were here.
        unknown: The names on other lines, which say nothing: strangers, and the log itself.
    """

    size: int
    added: tuple[str, ...]
    known: tuple[str, ...]
    unknown: tuple[str, ...]


def add(session: Session, data: bytes, *, origin: str, now: dt.datetime) -> Added:
    """Take the cosignatures of a checkpoint.

    Args:
        session: A writing session.
        data: The checkpoint with its signatures, as a witness gives it out.
        origin: The name of this registry's log.
        now: The registry's clock.

    Raises:
        VerificationError: It is no checkpoint (`E_ENVELOPE`, `E_NONCANONICAL`, `E_LIMIT`), of
            another log (`E_CHECKPOINT_ORIGIN`) or another history of this one (`E_SPLIT_VIEW`); a
            line does not belong to it (`E_SIGNATURE`) or is of the future (`E_TIME_BRACKET`).
        NotFoundError: This registry signed no checkpoint of that size.
        InvalidInputError: No line is of a witness that this registry trusts.
    """
    note = Note.parse(data)
    row = _own(session, note, origin)
    witnesses = _live(session)
    times = note.opened(witnesses)
    if not times:
        raise InvalidInputError(
            "no line of this checkpoint is of a witness that this registry trusts",
            hint="`firsthand keys add --role witness KEY` first; `firsthand keys show` lists them",
        )
    lines = {(line.name, line.id): line for line in note.signatures}
    there = set(
        session.scalars(sa.select(Cosignature.keyid).where(Cosignature.checkpoint_id == row.id))
    )
    added = []
    for key, seconds in times.items():
        moment = _moment(key, seconds or 0, now)
        if witnesses[key] in there:
            continue
        added.append(key.name)
        session.add(
            Cosignature(
                checkpoint_id=row.id,
                keyid=witnesses[key],
                line=str(lines[key.name, key.id]),
                time=moment,
                added_at=now,
            )
        )
    session.flush()
    ours = {(key.name, key.id) for key in times}
    return Added(
        row.size,
        tuple(added),
        tuple(key.name for key in times if witnesses[key] in there),
        tuple(name for name, id in lines if (name, id) not in ours),
    )


def _own(session: Session, note: Note, origin: str) -> LogCheckpoint:
    """Return the row of a checkpoint that this registry signed."""
    head = Checkpoint.parse(note.text)
    head.require_origin(origin)
    row = session.scalars(
        sa.select(LogCheckpoint).where(LogCheckpoint.size == head.size)
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            f"this registry signed no checkpoint of {head.size:,} entries",
            hint="take the cosigned copy of one that it published",
        )
    if row.root != head.root.hex():
        raise VerificationError(
            f"this registry's checkpoint of {head.size:,} entries has the root {row.root}, and "
            f"this one {head.root.hex()}: somebody was shown another history",
            code="E_SPLIT_VIEW",
            hint="keep this file, and ask the witness where the checkpoint came from",
        )
    if Note.parse(row.note).text != note.text:
        raise VerificationError(
            "this is not the text that this registry signed", code="E_NONCANONICAL"
        )
    return row


def _live(session: Session) -> dict[NoteKey, str]:
    """Return the witnesses that are trusted and not revoked, with their ids."""
    found = trust.keys(session)
    return {
        NoteKey.parse(item.key): item.keyid
        for item in found.others
        if item.role is TrustRole.WITNESS and item.keyid not in found.revocations
    }


def _moment(key: NoteKey, seconds: int, now: dt.datetime) -> dt.datetime:
    if seconds > (now + _SKEW).timestamp():
        raise VerificationError(
            f"the cosignature of `{key.name}` is of the future", code="E_TIME_BRACKET"
        )
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def of_checkpoint(session: Session, size: int) -> list[Signature]:
    """Return the cosignatures of the checkpoint of that size, for whatever carries it."""
    found = session.scalars(
        sa.select(Cosignature)
        .join(LogCheckpoint, Cosignature.checkpoint_id == LogCheckpoint.id)
        .where(LogCheckpoint.size == size)
        .order_by(Cosignature.id)
    )
    return [Note.parse(b"\n\n" + row.line.encode()).signatures[0] for row in found]


def every(session: Session) -> Sequence[tuple[Cosignature, str]]:
    """Return all cosignatures with the names of their witnesses, the newest checkpoint first."""
    names = {
        item.keyid: item.name
        for item in trust.keys(session).others
        if item.role is TrustRole.WITNESS
    }
    found = session.scalars(
        sa.select(Cosignature)
        .join(LogCheckpoint, Cosignature.checkpoint_id == LogCheckpoint.id)
        .order_by(LogCheckpoint.size.desc(), Cosignature.id)
    )
    return [(row, names.get(row.keyid, "")) for row in found]
