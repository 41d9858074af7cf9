"""Checkpoints as a verifier sees them: who signed one, and when that was at the latest.

Everything here is about notes that are at hand; reading them is others' business.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from registry.core.attest import PublicKey
from registry.core.checkpoint import Checkpoint
from registry.core.note import Note, NoteKey
from registry.core.trust import LogKey, Trust, Window
from registry.errors import VerificationError

Complain = Callable[[VerificationError], None]
"""Takes what does not hold."""
Revocations = Mapping[str, dt.datetime]
"""From when keys are revoked, by their key id."""

_NEWER: Final = "ask for a newer proof, or look into whom you trust"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A witness that the caller trusts, and when it says it saw a checkpoint."""

    name: str
    time: dt.datetime


@dataclass(frozen=True, slots=True)
class Signatures:
    """Who signed a checkpoint, as far as the caller's trust goes.

    Attributes:
        key: The trusted key of the log that signed it and counts, or None.
        why_not: Why no signature of the log counts, in words; None where one does.
        witnesses: The trusted witnesses whose cosignatures count.
        by: When it was there at the latest, by clocks that the log's keeper does not hold.
    """

    key: LogKey | None
    why_not: str | None
    witnesses: tuple[Seen, ...] = ()
    by: dt.datetime | None = None

    def time_of(self, claimed: dt.datetime) -> dt.datetime | None:
        """Return since when, for certain, an entry of the checkpoint is there.

        Args:
            claimed: What the entry itself says.
        """
        if self.key is None:
            return self.by
        window = self.key.window
        # Whoever has a key that is no longer good could write any time into an entry.
        return claimed if window.revoked_from is None and window.not_after is None else self.by


def keyid_of(key: NoteKey) -> str:
    """Return the id that a key of notes has as a key of envelopes."""
    return PublicKey(Ed25519PublicKey.from_public_bytes(key.public)).keyid


def signatures(
    note: Note,
    origin: str,
    trust: Trust,
    complain: Complain,
    *,
    stamped: Sequence[dt.datetime] = (),
    revoked: Revocations | None = None,
) -> Signatures:
    """Return who signed a checkpoint.

    Args:
        note: The checkpoint.
        origin: The log it has to be of.
        trust: Whom the caller believes.
        complain: Takes `E_SIGNATURE`, `E_NONCANONICAL`, `E_NO_LOG_SIGNATURE`, `E_KEY_REVOKED` and
            `E_WITNESS_QUORUM`.
        stamped: Times of checked tokens about this checkpoint.
        revoked: Revocations beyond those of the trust.
    """
    try:
        witnesses = _witnesses(note, trust)
        keys = [_narrowed(item, revoked or {}) for item in trust.log_keys(origin)]
        found = note.opened(item.key for item in keys)
    except VerificationError as error:
        complain(error)
        return Signatures(None, "its signatures do not hold")
    times = sorted(item.time for item in witnesses)
    # As many as are asked for saw it by then; fewer could all be in league with the signer.
    enough = max(trust.quorum, 1)
    by = min([*times[enough - 1 : enough], *stamped], default=None)
    signed = [item for item in keys if item.key in found]
    key, why_not, code = _admitted(signed, origin, by) if signed else _unsigned(note, origin, trust)
    if code is None and why_not is not None and trust.quorum:
        code = "E_NO_LOG_SIGNATURE"
    if code is not None:
        complain(VerificationError(f"{why_not}", code=code, hint=_NEWER))
    if len(witnesses) < trust.quorum:
        complain(
            VerificationError(
                f"{len(witnesses)} of the witnesses you trust cosigned, you ask for {trust.quorum}",
                code="E_WITNESS_QUORUM",
                hint=_NEWER,
            )
        )
    return Signatures(key, why_not, witnesses, by)


_Choice = tuple[LogKey | None, str | None, str | None]
"""The key that counts; or why there is none, with a reason code if that refuses."""


def _unsigned(note: Note, origin: str, trust: Trust) -> _Choice:
    """Say why a checkpoint that no trusted key of its log signed does not count."""
    keys = trust.log_keys(origin)
    if not keys:
        return None, f"you trust no key of the log `{origin}`", None
    if trust.pinned and any(line.name == origin for line in note.signatures):
        # Whoever pins the key of certificates does not say what the log's key is.
        return None, f"the log `{origin}` is signed by another key than the one you gave", None
    return None, f"no key of the log `{origin}` that you trust signed it", "E_NO_LOG_SIGNATURE"


def _admitted(signed: Sequence[LogKey], origin: str, by: dt.datetime | None) -> _Choice:
    """Choose the key that counts among those that signed."""
    if (key := next((it for it in signed if not _late(it.window, by)), None)) is not None:
        return key, None, None
    if any(item.window.revoked_from is not None for item in signed):
        why = f"it is signed by a key of `{origin}` that is revoked"
        return None, f"{why}, and nothing shows that it was signed before", "E_KEY_REVOKED"
    return None, f"nothing shows that the key of `{origin}` signed it in its time", None


def _late(window: Window, by: dt.datetime | None) -> bool:
    """Return whether a key of a log may have signed when it was not good.

    A checkpoint has no time of its own. That it is there since some moment shows that it is not
    from after the key's end, and never that it is from after its beginning.
    """
    if by is not None and window.not_before is not None and by < window.not_before:
        return True
    return replace(window, not_before=None).refusal(by) is not None


def _narrowed(item: LogKey, revoked: Revocations) -> LogKey:
    """Return a key with what the log itself says of its revocation."""
    return LogKey(item.key, narrowed(item.window, revoked.get(keyid_of(item.key))))


def narrowed(window: Window, since: dt.datetime | None) -> Window:
    """Return a window that ends at a revocation, if that is earlier."""
    if since is None or (window.revoked_from is not None and window.revoked_from <= since):
        return window
    return replace(window, revoked_from=since)


def _witnesses(note: Note, trust: Trust) -> tuple[Seen, ...]:
    """Return the witnesses that count: each key once, in its time.

    Raises:
        VerificationError: `E_SIGNATURE` or `E_NONCANONICAL`.
    """
    found = note.opened(item.key for item in trust.witnesses)
    counted: dict[bytes, Seen] = {}
    for item in trust.witnesses:
        seconds = found.get(item.key)
        if seconds is None or seconds > _LATEST:
            continue
        moment = _EPOCH + dt.timedelta(seconds=seconds)
        if item.window.refusal(moment) is None:
            counted.setdefault(item.key.public, Seen(item.key.name, moment))
    return tuple(counted.values())


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint, and how it is called in messages."""

    what: str
    checkpoint: Checkpoint

    def __str__(self) -> str:
        """Return it with all that tells it apart from another one."""
        it = self.checkpoint
        return f"{self.what}: `{it.origin}`, {it.size:,} entries, root {it.root.hex()}"

    def against(self, other: Head, code: str, why: str) -> VerificationError:
        """Return the error that another head contradicts this one; both are named."""
        return VerificationError(
            f"{why} ({self}; {other})",
            code=code,
            hint="get the newest copy of the log; a log never gets shorter"
            if code == "E_SIZE_SHRINK"
            else "keep both: together they prove that the log's keeper told two stories",
        )
