"""What the catalogue knows of keys: which sign now, and who is trusted, until when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.core.attest import PublicKey
from registry.core.evidence import iso_time, to_micros
from registry.core.note import NoteKey
from registry.core.trust import (
    Archive,
    CertificateKey,
    LogKey,
    TimestampRoot,
    Trust,
    Window,
    Witness,
)
from registry.db.models import KeyRevocation, KeyRole, SigningKey, TrustedKey, TrustRole
from registry.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that the catalogue has, oldest first.

    Attributes:
        own: Those of this registry.
        others: Those of others that it trusts.
        revocations: For each key that is revoked, by its id, the earliest revocation.
    """

    own: Sequence[SigningKey]
    others: Sequence[TrustedKey]
    revocations: dict[str, KeyRevocation] = field(default_factory=dict)

    def of_role(self, role: KeyRole) -> list[SigningKey]:
        """Return the keys of this registry that have signed what a role signs.

        The log is signed by the keys of certificates until a key has the role of its own.
        """
        if role is KeyRole.CERTIFICATE:
            return [key for key in self.own if key.role is role]
        logs = [key for key in self.own if key.role is role]
        first = logs[0].id if logs else None
        solo = self.of_role(KeyRole.CERTIFICATE)
        return [key for key in solo if first is None or key.id < first] + logs

    def newest(self, role: KeyRole) -> SigningKey:
        """Return the key that signs for a role now, revoked or not.

        Raises:
            ConflictError: There is none.
        """
        keys = self.of_role(role)
        if not keys:
            raise ConflictError(
                f"the registry has no key for its {role}s",
                hint="the database was changed by hand; run `firsthand db check`",
            )
        return keys[-1]

    def until(self, key: SigningKey, role: KeyRole) -> dt.datetime | None:
        """Return when the key after it came, or None."""
        after = [two for one, two in pairwise(self.of_role(role)) if one is key]
        return after[0].created_at if after else None

    def window(self, keyid: str, *, until: dt.datetime | None = None) -> Window:
        """Return when a key is to be believed."""
        revoked = self.revocations.get(keyid)
        return Window(None, until, None if revoked is None else revoked.revoked_from)

    def witnesses(self) -> list[Witness]:
        """Return the witnesses that are trusted, revoked or not."""
        return [
            Witness(NoteKey.parse(item.key), self.window(item.keyid))
            for item in self.others
            if item.role is TrustRole.WITNESS
        ]

    def roots(self) -> list[TimestampRoot]:
        """Return the roots of time-stamp authorities, revoked or not."""
        return [
            TimestampRoot(item.name, item.key, self.window(item.keyid))
            for item in self.others
            if item.role is TrustRole.TIMESTAMP
        ]


def keys(session: Session) -> Keys:
    """Return every key that the catalogue has."""
    own = session.scalars(sa.select(SigningKey).order_by(SigningKey.id)).all()
    others = session.scalars(sa.select(TrustedKey).order_by(TrustedKey.id)).all()
    revocations: dict[str, KeyRevocation] = {}
    order = (KeyRevocation.revoked_from, KeyRevocation.id)
    for row in session.scalars(sa.select(KeyRevocation).order_by(*order)):
        revocations.setdefault(row.keyid, row)
    return Keys(own, others, revocations)


def signing_key(session: Session, role: KeyRole = KeyRole.CERTIFICATE) -> SigningKey:
    """Return the key that signs for a role now.

    Raises:
        ConflictError: It is revoked, or there is none.
    """
    found = keys(session)
    key = found.newest(role)
    revoked = found.revocations.get(key.keyid)
    if revoked is not None:
        since = iso_time(to_micros(revoked.revoked_from))
        raise ConflictError(
            f"the key {key.keyid[:16]}… that signs this registry's {role}s is revoked from {since}",
            hint=f"make a new one: `firsthand keys rotate --role {role}`",
        )
    return key


def trust(session: Session, origin: str) -> Trust:
    """Return the trust file of this registry: its own keys, and whom it trusts.

    Args:
        session: An open session.
        origin: The name of its log.
    """
    found = keys(session)
    certificates = tuple(
        CertificateKey(
            PublicKey.parse(key.pem.encode("ascii"), name=key.keyid),
            found.window(key.keyid, until=found.until(key, KeyRole.CERTIFICATE)),
        )
        for key in found.of_role(KeyRole.CERTIFICATE)
    )
    logs = tuple(
        LogKey(
            NoteKey(origin, PublicKey.parse(key.pem.encode("ascii"), name=key.keyid).raw),
            found.window(key.keyid, until=found.until(key, KeyRole.LOG)),
        )
        for key in found.of_role(KeyRole.LOG)
    )
    archives = tuple(
        Archive(item.name, item.key, found.window(item.keyid))
        for item in found.others
        if item.role is TrustRole.ARCHIVE
    )
    return Trust(
        certificates=certificates,
        logs=logs,
        witnesses=tuple(found.witnesses()),
        timestamps=tuple(found.roots()),
        archives=archives,
    )


def default_origin(keyid: str) -> str:
    """Return the name of the log of a registry whose first key has this id."""
    return f"firsthand/{keyid[:16]}"


def log_origin(session: Session, given: str | None) -> str:
    """Return the name of the registry's log: the one given, or one after its first key."""
    if given is not None:
        return given
    return default_origin(
        session.execute(sa.select(SigningKey.keyid).order_by(SigningKey.id).limit(1)).scalar_one()
    )
