"""Whole contents of a file or an object, and what a folder or prefix holds, wherever it is."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from registry.places import stores, streams
from registry.places.naming import Place, Remote

_LARGEST: Final = 64 << 20
_CHUNK: Final = 1 << 20


def is_taken(place: Place) -> bool:
    """Return whether there is something at a place, an empty folder excepted.

    Raises:
        RegistryError: The store does not answer, or does not let us.
    """
    if isinstance(place, Remote):
        return bool(stores.below(place)) or (bool(place.key) and stores.look(place) is not None)
    return place.exists() and not (place.is_dir() and not any(place.iterdir()))


def read(place: Place) -> bytes | None:
    """Return the bytes of a file, or None if there is none of at most 64 MiB that can be read.

    Raises:
        RegistryError: The store does not answer, or does not let us.
    """
    if not isinstance(place, Remote):
        try:
            return place.read_bytes() if place.stat().st_size <= _LARGEST else None
        except OSError:
            return None
    info = stores.look(place)
    if info is None or info.size > _LARGEST:
        return None
    with streams.in_order(place, info) as stream:
        return stream.read()


def sha256(place: Place) -> str | None:
    """Return the SHA-256 of a file's bytes, all of them read, or None if there is no such file.

    Raises:
        RegistryError: The store does not answer, or does not let us.
    """
    if not isinstance(place, Remote):
        return sha256_of_file(place)
    info = stores.look(place)
    if info is None:
        return None
    digest = hashlib.sha256()
    with streams.in_order(place, info) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str | None:
    """Return the SHA-256 of a file of this machine, or None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
