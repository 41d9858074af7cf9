"""Have an authority say when the log existed: its token over a checkpoint is kept and logged."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger, tokens
from registry.core.checkpoint import Checkpoint
from registry.core.digest import sha256_hex
from registry.core.entry import EntryKind
from registry.core.evidence import iso_time, to_micros
from registry.core.note import Note
from registry.db.models import LogCheckpoint, Timestamp
from registry.errors import NotFoundError, VerificationError
from registry.query import trust

_SKEW: Final = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send to an authority.

    Attributes:
        checkpoint: What it is about.
        data: The request, DER.
    """

    checkpoint: Checkpoint
    data: bytes


@dataclass(frozen=True, slots=True)
class Attached:
    """A token that is kept.

    Attributes:
        size: The checkpoint it is about.
        digest: SHA-256 of the token.
        time: When the authority says it saw the checkpoint.
        authority: Who says so.
        chain: Whether its signature leads to an authority that this registry trusts.
        existed: It was kept already, and nothing was recorded.
    """

    size: int
    digest: str
    time: dt.datetime
    authority: str
    chain: bool
    existed: bool = False


def request(session: Session, *, nonce: int) -> Request:
    """Return the request for a time stamp of the newest signed checkpoint.

    Raises:
        NotFoundError: No checkpoint was signed yet.
    """
    row = session.scalars(
        sa.select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)
    ).one_or_none()
    if row is None:
        raise NotFoundError(
            "no checkpoint of the log was signed yet", hint="run `firsthand log checkpoint`"
        )
    text = Note.parse(row.note).text
    return Request(Checkpoint.parse(text), tokens.request(text, nonce=nonce))


def attach(session: Session, data: bytes, *, now: dt.datetime) -> Attached:
    """Keep a token over a checkpoint of this registry.

    Args:
        session: A writing session.
        data: The token, or the answer of the authority with it.
        now: The registry's clock.

    Raises:
        VerificationError: `E_TSA_IMPRINT`: it is over no checkpoint that this registry signed.
            `E_TIME_BRACKET`: it is older than that checkpoint, or of the future. Others as in
            `tokens.check_token`.
        UnavailableError: The library is not installed.
    """
    token = tokens.parse(data)
    row = _over(session, token.imprint)
    text = Note.parse(row.note).text
    checked = tokens.check_token(token.data, text, trust.keys(session).roots())
    if not row.signed_at - _SKEW <= checked.time <= now + _SKEW:
        raise VerificationError(
            f"the time stamp is of {_shown(checked.time)}, and the checkpoint was signed "
            f"{_shown(row.signed_at)}; it is {_shown(now)} now",
            code="E_TIME_BRACKET",
            hint="one of the two clocks is wrong",
        )
    digest = sha256_hex(token.data)
    made = Attached(row.size, digest, checked.time, checked.authority, checked.chain)
    if session.scalars(sa.select(Timestamp.id).where(Timestamp.digest == digest)).first():
        return replace(made, existed=True)
    stamp = Timestamp(
        log_size=row.size, digest=digest, token=token.data, time=checked.time, attached_at=now
    )
    session.add(stamp)
    facts = {"size": row.size, "time": _shown(checked.time), "token": digest}
    ledger.append(session, EntryKind.TIMESTAMP_ATTACHED, now=now, facts=facts, rows=[stamp])
    return made


def _over(session: Session, imprint: bytes) -> LogCheckpoint:
    """Return the checkpoint that a token is about."""
    rows = session.scalars(
        sa.select(LogCheckpoint)
        .order_by(LogCheckpoint.size.desc())
        .execution_options(yield_per=1000)
    )
    for row in rows:
        if hashlib.sha256(Note.parse(row.note).text).digest() == imprint:
            return row
    raise VerificationError(
        "the time stamp is over no checkpoint that this registry signed",
        code="E_TSA_IMPRINT",
        hint="send what `firsthand timestamp request` writes, as it is",
    )


def for_checkpoint(session: Session, size: int) -> list[bytes]:
    """Return the tokens over the checkpoint of that size, each as the content of a `*.tsr`."""
    found = session.scalars(
        sa.select(Timestamp.token).where(Timestamp.log_size == size).order_by(Timestamp.id)
    )
    return [tokens.response(token) for token in found]


def _shown(moment: dt.datetime) -> str:
    return iso_time(to_micros(moment))
