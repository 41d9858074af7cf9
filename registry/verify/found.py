"""What was found of a certificate in the log: its proof, a copy of the log, time stamps."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from registry.verify.heads import Seen


@dataclass(frozen=True, slots=True)
class LogFound:
    """What a proof from the log shows of a certificate.

    Attributes:
        origin: Which log it is.
        entry: The position of the certificate's entry.
        time: What the entry says of its time.
        size: How many entries the proof's checkpoint has.
        root: The root over them, in hexadecimal.
        signed: Whether a key of the log that the caller trusts signed the checkpoint, in its time.
        why_not: Why not, in words, or None.
        witnesses: The trusted witnesses that cosigned it.
        trusted_witnesses: How many the caller trusts.
        quorum: How many the caller asks for.
        by: When it was there at the latest, by witnesses and time stamps, or None.
    """

    origin: str
    entry: int
    time: dt.datetime
    size: int
    root: str
    signed: bool
    why_not: str | None
    witnesses: tuple[Seen, ...]
    trusted_witnesses: int
    quorum: int
    by: dt.datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "origin": self.origin,
            "entry": self.entry,
            "time": shown(self.time),
            "size": self.size,
            "root": self.root,
            "signed": self.signed,
            "why_not": self.why_not,
            "witnesses": [{"name": it.name, "time": shown(it.time)} for it in self.witnesses],
            "trusted_witnesses": self.trusted_witnesses,
            "quorum": self.quorum,
            "by": None if self.by is None else shown(self.by),
        }


@dataclass(frozen=True, slots=True)
class CopySeen:
    """What a copy of the log was found to be.

    Attributes:
        size: How many entries it has.
        root: The root over them, in hexadecimal.
        entries: Whether the entries were read; some copies have hashes only.
        newest: The time of the last entry, or None where they were not.
        claims: How many claims come after the snapshot; about what, they do not say.
        signed: Whether a key of the log that the caller trusts signed its checkpoint.
    """

    size: int
    root: str
    entries: bool
    newest: dt.datetime | None
    claims: int
    signed: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "size": self.size,
            "root": self.root,
            "entries": self.entries,
            "newest": None if self.newest is None else shown(self.newest),
            "claims": self.claims,
            "signed": self.signed,
        }


@dataclass(frozen=True, slots=True)
class Token:
    """A time stamp beside the certificate.

    Attributes:
        file: Its name.
        time: What it says, or None where it was not checked.
        authority: Who says so, or None.
        not_checked: Why it was not checked, or None.
    """

    file: str
    time: dt.datetime | None = None
    authority: str | None = None
    not_checked: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "file": self.file,
            "time": None if self.time is None else shown(self.time),
            "authority": self.authority,
            "not_checked": self.not_checked,
        }


def shown(moment: dt.datetime) -> str:
    """Return a time as it is written: RFC 3339 in UTC."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
