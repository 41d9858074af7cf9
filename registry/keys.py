"""Rotate, revoke and add keys; every change is in the log, and in the trust file to hand out.

A rotation in order: the new private key is written beside the old one, which is kept under its id →
one transaction in the catalogue → public key and trust file are written → the new key takes the
place of the old one. A kill before the transaction leaves the old key in use; after it, the new
one, and the next command that changes something finishes the rest (`settle`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from registry import key_files, ledger
from registry.blobs import write_file
from registry.core import keyfile
from registry.core.attest import PublicKey, Signer
from registry.core.digest import is_sha256_hex, sha256_hex
from registry.core.entry import EntryKind
from registry.core.evidence import iso_time, to_micros
from registry.core.note import NoteKey, SignatureType
from registry.core.trust import MAX_TRUST
from registry.db.base import Base
from registry.db.models import KeyRevocation, KeyRole, SigningKey, TrustedKey, TrustRole
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.query.trust import Keys, log_origin, trust
from registry.query.trust import keys as all_keys
from registry.settings import Settings

__all__ = ["Event", "add", "change_passphrase", "revoke", "rotate", "settle", "trust"]

Clock = Callable[[], dt.datetime]
_SHORTEST_PREFIX: Final = 8
_PREFIX: Final = re.compile(r"[0-9a-f]{8,64}")
_LONGEST_NAME: Final = 200
_LONGEST_REASON: Final = 2000


@dataclass(frozen=True, slots=True)
class Event:
    """What was recorded about a key.

    Attributes:
        kind: What happened.
        keyid: The key.
        role: What it signs, or vouches for.
        name: Whose it is, or None for one of this registry.
        trust: SHA-256 of the new trust file.
        before: For a rotation, the key that it follows.
        lost: For a rotation, whether the private half of that key was not there to be kept.
        since: For a revocation, from when on.
    """

    kind: EntryKind
    keyid: str
    role: str
    name: str | None
    trust: str
    before: str | None = None
    lost: bool = False
    since: dt.datetime | None = None


def file_of(settings: Settings, role: KeyRole) -> Path:
    """Return where the private key of a role is."""
    return settings.log_key_file if role is KeyRole.LOG else settings.private_key_file


def current_file(session: Session, settings: Settings, role: KeyRole) -> Path:
    """Return where the private key is that signs for a role now, which may be that of another."""
    key = all_keys(session).newest(role)
    pending = key_files.coming(settings.keys, key.keyid)
    return pending if key_files.there(pending) else file_of(settings, key.role)


def rotate(
    database: Database,
    settings: Settings,
    role: KeyRole = KeyRole.CERTIFICATE,
    *,
    passphrase: str | None,
    clock: Clock,
) -> Event:
    """Make a new key for a role; what the old one signed stays checkable.

    Args:
        database: The catalogue.
        settings: The registry's configuration.
        role: What the new key signs.
        passphrase: What opens the new key, or None.
        clock: The registry's clock.

    Raises:
        ConflictError: Another command is changing the keys, or the clock is behind.
        InvalidInputError: The passphrase is none, or the old key can be read by others.
        UnavailableError: The disk or the database refused.
    """
    signer = Signer.generate()
    data = key_files.content(signer, passphrase)
    new = signer.public.keyid
    with key_files.locked(settings.keys):
        _settle(database, settings)
        with database.read() as session:
            found = all_keys(session)
        key_files.drop_coming(settings.keys, {key.keyid for key in found.own})
        before = found.newest(role).keyid
        lost = not _keep(settings, role, found)
        key_files.write(key_files.coming(settings.keys, new), data)
        with database.write() as session:
            now = clock()
            key = SigningKey(keyid=new, role=role, pem=signer.public.pem, created_at=now)
            digest = _record(
                session, settings, EntryKind.KEY_CREATED, key, now, {"role": str(role)}
            )
        _settle(database, settings)
    return Event(EntryKind.KEY_CREATED, new, str(role), None, digest, before, lost)


def _keep(settings: Settings, role: KeyRole, found: Keys) -> bool:
    """Keep a role's private key under its id; return whether there is one that should be."""
    of_role = [key for key in found.own if key.role is role]
    path = file_of(settings, role)
    if not of_role:
        return True
    if not key_files.there(path):
        return False
    data = key_files.read(path)
    # Under a passphrase it is not looked into: whoever forgot it must still be able to go on.
    plain = not keyfile.is_encrypted(data)
    keyid = Signer.parse(data, name=str(path)).public.keyid if plain else of_role[-1].keyid
    key_files.write(key_files.kept(settings.keys, keyid), data)
    return keyid == of_role[-1].keyid


def revoke(
    database: Database,
    settings: Settings,
    keyid: str,
    *,
    since: dt.datetime,
    reason: str,
    revoked_by: str,
    clock: Clock,
) -> Event:
    """Let a key not be believed from some time on; what it signed before stays checkable.

    Args:
        database: The catalogue.
        settings: The registry's configuration.
        keyid: The key, of this registry or of somebody else; a beginning of 8 digits or more.
        since: From when on; not later than now.
        reason: Why; people will ask.
        revoked_by: Who revokes it.
        clock: The registry's clock.

    Raises:
        NotFoundError: There is no such key.
        InvalidInputError: The time is in the future, or nobody could read the reason.
        ConflictError: It is revoked from that time or an earlier one already.
    """
    _check_text("reason", reason, _LONGEST_REASON)
    with key_files.locked(settings.keys), database.write() as session:
        now = clock()
        if since > now:
            raise InvalidInputError(
                f"{_shown(since)} is in the future: a key is revoked from now or from earlier on",
                hint="`--from now` is the latest",
            )
        found = all_keys(session)
        key = _find(found, keyid)
        known = found.revocations.get(key.keyid)
        if known is not None and known.revoked_from <= since:
            raise ConflictError(
                f"the key {key.keyid[:16]}… is revoked from {_shown(known.revoked_from)} already",
                hint="only an earlier time would change anything",
            )
        row = KeyRevocation(
            keyid=key.keyid,
            revoked_from=since,
            reason=reason,
            revoked_by=revoked_by,
            revoked_at=now,
        )
        facts = {"revoked_from": _shown(since), "role": str(key.role)}
        digest = _record(session, settings, EntryKind.KEY_REVOKED, row, now, facts)
        name = key.name if isinstance(key, TrustedKey) else None
        made = Event(EntryKind.KEY_REVOKED, key.keyid, str(key.role), name, digest, since=since)
    settle(database, settings)
    return made


def add(
    database: Database,
    settings: Settings,
    role: TrustRole,
    key: bytes,
    *,
    name: str | None,
    added_by: str,
    clock: Clock,
) -> Event | None:
    """Trust a key of somebody else: the trust file names it from now on.

    Args:
        database: The catalogue.
        settings: The registry's configuration.
        role: What it vouches for.
        key: A witness's `NAME+ID+KEY`, the root certificate of a time-stamp authority in PEM, or
            the SHA-256 of an archive's manifest in hexadecimal.
        name: Whose it is; a witness's key has a name already.
        added_by: Who trusts it.
        clock: The registry's clock.

    Returns:
        What was recorded, or None where the registry trusts exactly that already.

    Raises:
        InvalidInputError: It is no such key, has expired, or the name is not plain text.
        ConflictError: It is trusted under another name, or was revoked.
    """
    now = clock()
    name, keyid, text = _READERS[role](key, name, now)
    _check_text("name", name, _LONGEST_NAME)
    with key_files.locked(settings.keys), database.write() as session:
        now = clock()
        known = session.scalars(
            sa.select(TrustedKey).where(TrustedKey.role == role, TrustedKey.keyid == keyid)
        ).one_or_none()
        if keyid in all_keys(session).revocations:
            raise ConflictError(
                f"the key {keyid[:16]}… was revoked, and that stays so",
                hint="ask its owner for a new one",
            )
        if known is not None:
            if known.name == name and known.key == text:
                return None
            raise ConflictError(
                f"this key is trusted already, as that of `{known.name}`",
                hint="one key has one name",
            )
        row = TrustedKey(
            keyid=keyid, role=role, name=name, key=text, added_by=added_by, added_at=now
        )
        digest = _record(session, settings, EntryKind.KEY_TRUSTED, row, now, {"role": str(role)})
    settle(database, settings)
    return Event(EntryKind.KEY_TRUSTED, keyid, str(role), name, digest)


def change_passphrase(settings: Settings, path: Path, *, old: str | None, new: str | None) -> None:
    """Set, change or remove the passphrase of a private key file.

    Args:
        settings: The registry's configuration.
        path: The file.
        old: What opens it, or None if it has no passphrase.
        new: What is to open it, or None for no passphrase.

    Raises:
        InvalidInputError: The old one is wrong, or the new one is none.
        ConflictError: Another command is changing the keys.
        UnavailableError: The disk refused.
    """
    with key_files.locked(settings.keys):
        signer = key_files.load(path, lambda _: old or "")
        key_files.write(path, key_files.content(signer, new))


def settle(database: Database, settings: Settings) -> list[str]:
    """Finish what a killed command left of a change of keys, and say what was done.

    The trust file is made again where it is missing or not what the catalogue says. Nothing is
    done while another command changes keys: it finishes itself.
    """
    with database.read() as session:
        document, pending = _wanted(session, settings)
    if not pending and _content(settings.trust_file) == document:
        return []
    try:
        with key_files.locked(settings.keys):
            return _settle(database, settings)
    except ConflictError:
        return []


def _settle(database: Database, settings: Settings) -> list[str]:
    with database.read() as session:
        document, pending = _wanted(session, settings)
    said = []
    for key in pending:
        if key.role is KeyRole.CERTIFICATE:
            write_file(settings.public_key_file, key.pem.encode("ascii"))
    if _content(settings.trust_file) != document:
        said = [f"`{settings.trust_file}` was made from the catalogue"]
        write_file(settings.trust_file, document)
    for key in pending:
        target = file_of(settings, key.role)
        key_files.take_place(key_files.coming(settings.keys, key.keyid), target)
        said.append(f"the key {key.keyid[:16]}… is in use from now on")
    return said


def _wanted(session: Session, settings: Settings) -> tuple[bytes, list[SigningKey]]:
    """Return what the trust file should be, and the keys that still have to take their place."""
    document = trust(session, log_origin(session, settings.log_origin)).to_bytes()
    own = all_keys(session).own
    newest = {key.role: key for key in own}
    pending = [
        key
        for key in newest.values()
        if key_files.there(key_files.coming(settings.keys, key.keyid))
    ]
    return document, pending


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TRUST + 1)
    except OSError:
        return None


def _record(
    session: Session,
    settings: Settings,
    kind: EntryKind,
    row: SigningKey | TrustedKey | KeyRevocation,
    now: dt.datetime,
    facts: dict[str, Any],
) -> str:
    """Add a row with its entry, and return the digest of the trust file as it is with the row."""
    session.add(row)
    session.flush()
    document = trust(session, log_origin(session, settings.log_origin)).to_bytes()
    if len(document) > MAX_TRUST:
        raise InvalidInputError(
            f"the trust file would have more than {MAX_TRUST:,} bytes",
            hint="nobody could read it; this registry names too many keys",
        )
    digest = sha256_hex(document)
    rows: list[Base] = [row]
    ledger.append(
        session, kind, now=now, facts=facts | {"keyid": row.keyid, "trust": digest}, rows=rows
    )
    return digest


def _find(found: Keys, wanted: str) -> SigningKey | TrustedKey:
    if not _PREFIX.fullmatch(wanted):
        raise InvalidInputError(
            f"`{wanted[:80]}` is not the id of a key",
            hint=f"give {_SHORTEST_PREFIX} or more digits of it: `firsthand keys show` lists them",
        )
    every: list[SigningKey | TrustedKey] = [*found.own, *found.others]
    named = [key for key in every if key.keyid.startswith(wanted)]
    if not named:
        raise NotFoundError(
            f"the registry knows no key {wanted}", hint="`firsthand keys show` lists them"
        )
    if len({key.keyid for key in named}) > 1:
        raise InvalidInputError(f"several keys begin with {wanted}", hint="give more digits")
    return named[0]


def _check_text(what: str, text: str, longest: int) -> None:
    if not text.strip() or not text.isprintable() or len(text) > longest:
        raise InvalidInputError(
            f"the {what} is empty, longer than {longest:,} characters or not plain text",
            hint="write it on one line",
        )


def _shown(moment: dt.datetime) -> str:
    return iso_time(to_micros(moment))


# The keys of others: their names, ids and published forms.

_Read = tuple[str, str, str]
_BAD_CERTIFICATE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def _witness(data: bytes, name: str | None, now: dt.datetime) -> _Read:
    key = NoteKey.parse(_text(data, "the key of a witness"))
    if key.type is not SignatureType.COSIGNATURE:
        raise InvalidInputError(
            f"the key of `{key.name}` is not that of a witness",
            hint="`firsthand witness init` makes one; its key begins with `B` after the id",
        )
    public = PublicKey(Ed25519PublicKey.from_public_bytes(key.public))
    return name or key.name, public.keyid, str(key)


def _timestamp(data: bytes, name: str | None, now: dt.datetime) -> _Read:
    hint = "give the root certificate of the authority, in PEM"
    try:
        found = x509.load_pem_x509_certificates(data)
        certificate = found[0]
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        is_root = basic.value.ca and certificate.issuer == certificate.subject
        der = certificate.public_bytes(serialization.Encoding.DER)
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")
        expires = certificate.not_valid_after_utc
    except _BAD_CERTIFICATE as error:
        raise InvalidInputError("this is no root certificate", hint=hint) from error
    if len(found) != 1 or not is_root:
        raise InvalidInputError("this is not one root certificate", hint=hint)
    if expires <= now:
        raise InvalidInputError(
            f"this certificate expired {_shown(expires)}", hint="ask the authority for a newer one"
        )
    if name is None:
        raise InvalidInputError("say whose certificate it is", hint="with `--name`")
    return name, sha256_hex(der), pem


def _archive(data: bytes, name: str | None, now: dt.datetime) -> _Read:
    digest = _text(data, "the digest of an archive's manifest")
    if not is_sha256_hex(digest):
        raise InvalidInputError(
            f"`{digest[:80]}` is not a SHA-256",
            hint="give 64 hexadecimal digits, or the archive's manifest as a file",
        )
    if name is None:
        raise InvalidInputError("say whose archive it is", hint="with `--name`")
    return name, digest, digest


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{what} is not text", hint="copy it again") from error


_READERS: Final[dict[TrustRole, Callable[[bytes, str | None, dt.datetime], _Read]]] = {
    TrustRole.WITNESS: _witness,
    TrustRole.TIMESTAMP: _timestamp,
    TrustRole.ARCHIVE: _archive,
}
