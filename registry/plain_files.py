"""Open and list what a stranger put on the disk: plain files only, never through a link."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, cast

from registry.errors import UnavailableError, VerificationError

BLOCK: Final = 2**20
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def open_plain(path: Path, name: str, *, missing: str = "E_FILE_MISSING") -> BinaryIO:
    """Return an open plain file; the caller closes it.

    Args:
        path: Where it is.
        name: What to call it in messages.
        missing: The reason code when there is no such file.

    Raises:
        VerificationError: It is missing (`missing`), or something else than a plain file is in
            its place (`E_FILE_MISSING`).
        UnavailableError: It is there, and we cannot read it.
    """
    try:
        if stat.S_ISLNK(path.lstat().st_mode):
            raise _not_plain(name, "a symbolic link")
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VerificationError(f"`{name}` is missing", code=missing) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_plain(name, "a symbolic link") from error
        if error.errno == errno.ENXIO:
            raise _not_plain(name, "no plain file") from error
        raise unreadable(name, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_plain(name, "no plain file")
    return cast(BinaryIO, open(descriptor, "rb"))  # noqa: PTH123 - a descriptor, not a path


def _not_plain(name: str, found: str) -> VerificationError:
    return VerificationError(f"`{name}` is {found}, expected a plain file", code="E_FILE_MISSING")


def unreadable(name: str, error: OSError) -> UnavailableError:
    """Return the error for a file that is there and that we cannot read."""
    return UnavailableError(
        f"`{name}` cannot be read: {error.strerror or error}",
        hint="check its permissions and the disk, then verify again",
    )


def read_small(path: Path, name: str, *, limit: int, missing: str = "E_FILE_MISSING") -> bytes:
    """Return the bytes of a plain file, at most `limit + 1` of them.

    Raises:
        VerificationError: See `open_plain`.
        UnavailableError: It cannot be read.
    """
    with open_plain(path, name, missing=missing) as file:
        try:
            return file.read(limit + 1)
        except OSError as error:
            raise unreadable(name, error) from error


def sha256_of(file: BinaryIO, name: str, progress: Callable[[int], None]) -> str:
    """Return the SHA-256 of an open file, in hexadecimal; `progress` gets the bytes of each block.

    Raises:
        UnavailableError: It cannot be read.
    """
    hasher = hashlib.sha256()
    block = bytearray(BLOCK)
    view = memoryview(block)
    try:
        while got := file.readinto(block):  # type: ignore[attr-defined]
            hasher.update(view[:got])
            progress(got)
    except OSError as error:
        raise unreadable(name, error) from error
    return hasher.hexdigest()


def names_in(folder: Path, name: str) -> dict[str, bool]:
    """Return what is directly in a folder: the names, and whether each is a plain file.

    Raises:
        UnavailableError: It cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name: entry.is_file(follow_symlinks=False)
                for entry in sorted(entries, key=lambda entry: entry.name)
            }
    except OSError as error:
        raise unreadable(name, error) from error
