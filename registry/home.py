"""Make a registry: its folder, its key, its database. It appears whole or not at all."""

from __future__ import annotations

import datetime as dt
import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import orjson

from registry import ledger
from registry.blobs import sync_folder, sync_tree, write_file
from registry.core.attest import PublicKey, Signer
from registry.core.certificate import Issuer
from registry.core.entry import EntryKind
from registry.db.models import KeyRole, SigningKey
from registry.db.session import Database, sqlite_url
from registry.errors import ConflictError, InvalidInputError, UnavailableError
from registry.settings import Settings


def create(settings: Settings, *, now: dt.datetime) -> PublicKey:
    """Make a registry at `settings.home` and return the public key to hand out.

    Raises:
        ConflictError: There is one already, or something else is in the way.
        InvalidInputError: The issuer's name is empty or has control characters.
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
    draft = home.with_name(f".{home.name.lstrip('.')}.{secrets.token_hex(8)}.partial")
    try:
        draft.mkdir(parents=True)
        _fill(replace(settings, home=draft), signer, now)
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


def _fill(settings: Settings, signer: Signer, now: dt.datetime) -> None:
    settings.storage.mkdir()
    settings.private_key_file.parent.mkdir(mode=0o700)
    write_file(settings.private_key_file, signer.to_pem(), mode=0o600)
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
            ledger.append(
                session,
                EntryKind.KEY_CREATED,
                now=now,
                facts={"keyid": key.keyid, "role": str(key.role)},
                rows=[key],
            )
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


def load_signer(settings: Settings) -> Signer:
    """Return the private key.

    Raises:
        UnavailableError: The file is missing or cannot be read.
        InvalidInputError: It is not such a key, or others may read it.
    """
    path = settings.private_key_file
    try:
        data = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise UnavailableError(
            f"the signing key `{path}` cannot be read: {error.strerror}",
            hint="restore it from a backup",
        ) from error
    if mode & 0o077:
        raise InvalidInputError(
            f"the signing key `{path}` can be read by others",
            hint=f"run `chmod 600 {_quoted(path)}`",
        )
    return Signer.parse(data, name=str(path))


def _quoted(path: Path) -> str:
    text = str(path)
    return f"'{text}'" if " " in text else text


def issuer(settings: Settings, signer: Signer) -> Issuer:
    """Return who signs, as certificates state it."""
    return Issuer(settings.issuer_name, settings.issuer_url, signer.public.pem)
