"""The private keys of a registry on disk: `keys/` in its home, which nobody else may look into.

Layout::

    keys/issuer.key    signs certificates, and the log while no key has that role
    keys/log.key       signs the log
    keys/ID.key        an earlier key, kept
    keys/ID.next       a key that takes the place of its role's file as soon as the catalogue has it
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from registry.blobs import sync_folder, write_file
from registry.core import keyfile
from registry.core.attest import Signer
from registry.errors import ConflictError, InvalidInputError, UnavailableError

MAX_KEY_FILE: Final = 1 << 16
PRIVATE: Final = 0o600
_OTHERS: Final = 0o077

Ask = Callable[[Path], str]
"""Gives the passphrase of a file."""


def kept(folder: Path, keyid: str) -> Path:
    """Return where an earlier key is kept."""
    return folder / f"{keyid}.key"


def coming(folder: Path, keyid: str) -> Path:
    """Return where a new key is until it has taken its place."""
    return folder / f"{keyid}.next"


def there(path: Path) -> bool:
    """Return whether there is such a file, as far as we may look."""
    return os.path.lexists(path)


def read(path: Path, *, folder_too: bool = True) -> bytes:
    """Return the bytes of a private key file that is ours alone.

    Args:
        path: The file.
        folder_too: Its folder must be ours alone as well.

    Raises:
        UnavailableError: It is missing or cannot be read.
        InvalidInputError: Others may read it, or look into its folder.
    """
    try:
        # The mode is that of what is read, whatever takes its place meanwhile.
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_KEY_FILE + 1)
        above = path.parent.stat().st_mode
    except OSError as error:
        raise UnavailableError(
            f"the signing key `{path}` cannot be read: {error.strerror}",
            hint="restore it from a backup",
        ) from error
    if mode & _OTHERS:
        raise InvalidInputError(
            f"the signing key `{path}` can be read by others",
            hint=f"run `chmod 600 {_quoted(path)}`",
        )
    if folder_too and above & _OTHERS:
        raise InvalidInputError(
            f"the folder of the signing key `{path}` is open to others",
            hint=f"run `chmod 700 {_quoted(path.parent)}`",
        )
    if len(data) > MAX_KEY_FILE:
        raise InvalidInputError(
            f"`{path}` is larger than any private key", hint="restore the key file from your backup"
        )
    return data


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def load(path: Path, ask: Ask) -> Signer:
    """Return the private key of a file.

    Args:
        path: The file.
        ask: Gives its passphrase, if it has one.

    Raises:
        UnavailableError: It is missing or cannot be read.
        InvalidInputError: It is no such key, others may read it, or the passphrase is wrong.
    """
    data = read(path)
    if keyfile.is_encrypted(data):
        return keyfile.decrypt(data, ask(path), name=str(path))
    return Signer.parse(data, name=str(path))


def content(signer: Signer, passphrase: str | None) -> bytes:
    """Return what is written for a key, under a passphrase or plain."""
    if passphrase is None:
        return signer.to_pem()
    return keyfile.encrypt(signer, passphrase, random=os.urandom)


def write(path: Path, data: bytes) -> None:
    """Write a private key file; it appears whole, for us alone.

    Raises:
        UnavailableError: The disk refused.
    """
    write_file(path, data, mode=PRIVATE)


def take_place(pending: Path, target: Path) -> None:
    """Let a new key take its role's file, which is kept elsewhere already.

    Raises:
        UnavailableError: The disk refused.
    """
    try:
        pending.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise UnavailableError(
            f"`{target}` cannot be written: {error.strerror}", hint="check the disk and its rights"
        ) from error


def drop_coming(folder: Path, known: set[str]) -> None:
    """Remove new keys that the catalogue never got: whoever made them was killed."""
    for path in folder.glob("*.next"):
        if path.stem not in known:
            with contextlib.suppress(OSError):
                path.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one who changes the keys of a home.

    Raises:
        ConflictError: Somebody else is at it.
        UnavailableError: The folder cannot be written.
    """
    path = folder / ".lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        raise UnavailableError(
            f"`{path}` cannot be written: {error.strerror}", hint="check the disk and its rights"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                "another command is changing the keys", hint="run this one again when it has ended"
            ) from error
        yield
    finally:
        os.close(handle)
