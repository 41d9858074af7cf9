"""Make a registry: its folder, its key, its database. It appears whole or not at all.

And open what is in it: the database, and the private keys that sign.
"""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import orjson
from sqlalchemy.orm import Session

from registry import key_files, ledger
from registry.blobs import sync_folder, sync_tree, write_file
from registry.core.attest import PublicKey, Signer
from registry.core.certificate import Issuer
from registry.core.digest import sha256_hex
from registry.core.entry import EntryKind
from registry.core.note import NoteKey, NoteSigner
from registry.db.models import KeyRole, SigningKey
from registry.db.session import Database, sqlite_url
from registry.errors import ConflictError, InvalidInputError, UnavailableError
from registry.query import trust
from registry.settings import Settings
from registry.settings import passphrase as ask_passphrase

_LONGEST_ORIGIN: Final = 200


def create(settings: Settings, *, now: dt.datetime, passphrase: str | None = None) -> PublicKey:
    """Make a registry at `settings.home` and return the public key to hand out.

    Args:
        settings: Where and whose; without a `log_origin`, the log is named after the issuer's
            URL or the key.
        now: The registry's clock.
        passphrase: What opens the private key, or None.

    Raises:
        ConflictError: There is one already, or something else is in the way.
        InvalidInputError: The issuer's name, the log's or the passphrase cannot be used.
        UnavailableError: The folder or the database cannot be written.
    """
    _check_issuer(settings)
    home = settings.home
    if settings.config_file.exists():
        raise ConflictError(
            f"there is a registry at `{home}` already",
            hint="use it, or choose another place with `--home`",
        )
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise ConflictError(f"`{home}` exists and is no registry", hint="choose another `--home`")
    signer = Signer.generate()
    settings = replace(settings, log_origin=_origin(settings, signer.public))
    private = key_files.content(signer, passphrase)
    draft = home.with_name(f".{home.name.lstrip('.')}.{secrets.token_hex(8)}.partial")
    try:
        draft.mkdir(parents=True)
        _fill(replace(settings, home=draft), signer, private, now)
        sync_tree(draft)
        draft.rename(home)
        sync_folder(home.parent)
    except OSError as error:
        raise UnavailableError(
            f"`{home}` cannot be written: {error.strerror or error}",
            hint="choose a folder that you may write, with `--home`",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return signer.public


def _check_issuer(settings: Settings) -> None:
    for what, text in (("name", settings.issuer_name), ("URL", settings.issuer_url)):
        if text is not None and (not text.strip() or not text.isprintable() or len(text) > 200):
            raise InvalidInputError(
                f"the issuer's {what} is empty, longer than 200 characters or not plain text",
                hint="give the name of your team or organisation",
            )


def _origin(settings: Settings, key: PublicKey) -> str:
    """Return the name of the log: the one given, one after the issuer's URL, or after the key."""
    if settings.log_origin is None:
        try:
            host = urlsplit(settings.issuer_url or "").hostname
            return NoteKey(f"{host}/log", key.raw).name if host else trust.default_origin(key.keyid)
        except (ValueError, InvalidInputError):
            return trust.default_origin(key.keyid)
    if not settings.log_origin.isprintable() or len(settings.log_origin) > _LONGEST_ORIGIN:
        raise InvalidInputError(
            f"the log's name is longer than {_LONGEST_ORIGIN} characters or not plain text",
            hint="write it like an address, `example.com/log`",
        )
    return NoteKey(settings.log_origin, key.raw).name


def _fill(settings: Settings, signer: Signer, private: bytes, now: dt.datetime) -> None:
    settings.storage.mkdir()
    settings.keys.mkdir(mode=0o700)
    key_files.write(settings.private_key_file, private)
    write_file(settings.public_key_file, signer.public.pem.encode("ascii"))
    database = open_database(settings, create=True)
    try:
        # Alembic is slow to load, and only this needs it.
        from registry.db.upgrade import upgrade

        upgrade(database)
        with database.write() as session:
            if ledger.size(session):
                raise ConflictError(
                    "the database is that of another registry",
                    hint="one registry has one home: use that home, or another database",
                )
            key = SigningKey(
                keyid=signer.public.keyid,
                role=KeyRole.CERTIFICATE,
                pem=signer.public.pem,
                created_at=now,
            )
            session.add(key)
            session.flush()
            document = trust.trust(session, log_origin(settings, session)).to_bytes()
            ledger.append(
                session,
                EntryKind.KEY_CREATED,
                now=now,
                facts={
                    "keyid": key.keyid,
                    "role": str(key.role),
                    "trust": sha256_hex(document),
                },
                rows=[key],
            )
        write_file(settings.trust_file, document)
    finally:
        database.dispose()
    # A database URL may hold a password.
    write_file(
        settings.config_file,
        orjson.dumps(settings.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
        mode=0o600,
    )


def open_database(settings: Settings, *, create: bool = False) -> Database:
    """Return the registry's database.

    Raises:
        UnavailableError: The file is gone.
    """
    if settings.database is not None:
        return Database(settings.database, busy_seconds=settings.busy_seconds)
    if not create and not settings.database_file.is_file():
        raise UnavailableError(
            f"the database `{settings.database_file}` is missing",
            hint="restore it from a backup",
        )
    return Database(sqlite_url(settings.database_file), busy_seconds=settings.busy_seconds)


def load_signer(settings: Settings, role: KeyRole = KeyRole.CERTIFICATE) -> Signer:
    """Return the private key that signs for a role now.

    A passphrase is taken from FIRSTHAND_PASSPHRASE, or asked for at the terminal.

    Raises:
        UnavailableError: The file is missing or cannot be read.
        InvalidInputError: It is not such a key, others may read it, or the passphrase is wrong.
        ConflictError: It is not the newest key of that role, or that key is revoked.
    """
    database = open_database(settings)
    try:
        with database.read() as session:
            key = trust.signing_key(session, role)
    finally:
        database.dispose()
    return _private_half(settings, key)


def load_log_signer(settings: Settings, session: Session) -> NoteSigner:
    """Return the private key that signs checkpoints, under the log's name.

    Raises:
        UnavailableError: As `load_signer`.
        InvalidInputError: As `load_signer`.
        ConflictError: As `load_signer`.
    """
    signer = _private_half(settings, trust.signing_key(session, KeyRole.LOG))
    return NoteSigner(log_origin(settings, session), signer.key)


def log_origin(settings: Settings, session: Session) -> str:
    """Return the name of the registry's log."""
    return trust.log_origin(session, settings.log_origin)


def _private_half(settings: Settings, key: SigningKey) -> Signer:
    usual = settings.log_key_file if key.role is KeyRole.LOG else settings.private_key_file
    pending = key_files.coming(settings.keys, key.keyid)
    # A rotation that was killed after it was recorded left the new key under its other name.
    path = pending if key_files.there(pending) else usual
    signer = key_files.load(path, lambda path: ask_passphrase(f"`{path}`"))
    if signer.public.keyid != key.keyid:
        raise ConflictError(
            f"the private key in `{path}` is not the newest {key.role} key of this registry, "
            f"{key.keyid[:16]}…",
            hint=f"restore `keys/{usual.name}` from your backup, or `firsthand keys rotate`",
        )
    return signer


def issuer(settings: Settings, signer: Signer) -> Issuer:
    """Return who signs, as certificates state it."""
    return Issuer(settings.issuer_name, settings.issuer_url, signer.public.pem)
