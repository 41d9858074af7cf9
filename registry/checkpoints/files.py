"""Write the files of a log into a folder or under a prefix: each whole, and once.

What a file holds follows from the entries, so writing one again writes the same bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from registry.blobs import make_folder, sync_folder
from registry.checkpoints.leaves import Leaves
from registry.core.tiles import HEIGHT, WIDTH, Tile, tiles_between, tiles_of
from registry.errors import UnavailableError
from registry.log_files import CHECKPOINT
from registry.places import Remote, contents, publishing, stores

LOCK: Final = ".lock"
_NEXT: Final = ".next"
_WAIT: Final = 30.0
_PAUSE: Final = 0.01


@dataclass(frozen=True, slots=True)
class File:
    """A file of a log.

    Attributes:
        name: Where it is, below the log.
        tile: The tile, or the one that has the hashes of the entries in the bundle.
        is_bundle: Whether it holds entries.
    """

    name: str
    tile: Tile
    is_bundle: bool


def files_of(tiles: Iterable[Tile]) -> list[File]:
    """Return the files of some tiles, the bundles of those of level 0 among them."""
    found = []
    for tile in tiles:
        found.append(File(tile.path, tile, False))
        if tile.level == 0:
            found.append(File(tile.bundle, tile, True))
    return found


class Target(Protocol):
    """Where the files of a log go."""

    def there(self) -> set[str]:
        """Return the names of all files."""

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file, or None."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, which nobody sees in part."""

    def sync(self) -> None:
        """Make durable what was written."""


class FolderTarget:
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        """Write nothing yet."""
        self.path = path
        self._touched: set[Path] = set()

    def there(self) -> set[str]:
        """Return the names of all files."""
        with self._refused():
            return {
                path.relative_to(self.path).as_posix()
                for path in self.path.rglob("*")
                if path.is_file() and not path.name.startswith(".")
            }

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file, or None."""
        return contents.read(self.path / name)

    def write(self, name: str, data: bytes) -> None:
        """Write a file, which nobody sees in part."""
        target, draft = self.path / name, self.path / _NEXT
        with self._refused():
            make_folder(target.parent)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(target)
        self._touched.add(target.parent)

    def sync(self) -> None:
        """Make durable what was written."""
        with self._refused():
            for folder in sorted(self._touched):
                sync_folder(folder)
        self._touched.clear()

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with contextlib.suppress(OSError):
                (self.path / _NEXT).unlink()
            raise UnavailableError(
                f"`{self.path}` cannot be written: {error.strerror or error}",
                hint="make room on the disk, then run the command again; the log is as it was",
            ) from error


class RemoteTarget:
    """A prefix in an object store."""

    def __init__(self, place: Remote) -> None:
        """Write nothing yet."""
        self.place = place

    def there(self) -> set[str]:
        """Return the names of all objects."""
        start = len(self.place.key) + 1 if self.place.key else 0
        return {found.key[start:] for found in stores.below(self.place)}

    def read(self, name: str) -> bytes | None:
        """Return the bytes of an object, or None."""
        return contents.read(self.place / name)

    def write(self, name: str, data: bytes) -> None:
        """Write an object, read back and compared."""
        publishing.put(self.place / name, data)

    def sync(self) -> None:
        """Do nothing: what arrived in a store is durable."""


def write(leaves: Leaves, target: Target, files: Iterable[File]) -> int:
    """Write files of a log, and return how many were not there as they should be.

    Args:
        leaves: The log.
        target: Where to.
        files: Which ones.
    """
    done = 0
    for file in files:
        data = leaves.bundle(file.tile) if file.is_bundle else leaves.tile(file.tile)
        if target.read(file.name) != data:
            target.write(file.name, data)
            done += 1
    target.sync()
    return done


def grow(leaves: Leaves, folder: Path, old: int, new: int) -> None:
    """Write what a log of `new` entries has and one of `old` had not, and what is missing."""
    target = FolderTarget(folder)
    there = target.there()
    fresh = set(files_of(tiles_between(old, new)))
    files = files_of(tiles_of(new))
    write(leaves, target, [file for file in files if file in fresh or file.name not in there])


def rebuild(leaves: Leaves, folder: Path, sizes: Iterable[int]) -> None:
    """Write all files of a log that had checkpoints of these sizes, and remove other tiles.

    The checkpoint is not touched.
    """
    sizes = sorted(sizes)
    newest = sizes[-1] if sizes else 0
    tiles = dict.fromkeys(tiles_of(newest))
    tiles |= dict.fromkeys(tile for size in sizes for tile in _edge(size) if _is_open(tile, newest))
    files = files_of(tiles)
    target = FolderTarget(folder)
    write(leaves, target, files)
    for name in target.there() - {file.name for file in files} - {CHECKPOINT}:
        (folder / name).unlink()


def differences(leaves: Leaves, folder: Path, size: int) -> Iterator[str]:
    """Give the names of files that are missing, or are not those of a log of some size."""
    target = FolderTarget(folder)
    for file in files_of(tiles_of(size)):
        data = leaves.bundle(file.tile) if file.is_bundle else leaves.tile(file.tile)
        if target.read(file.name) != data:
            yield file.name


def holds(leaves: Leaves, folder: Path, size: int) -> bool:
    """Return whether a folder has all files of a log of some size."""
    return next(differences(leaves, folder, size), None) is None


def _edge(size: int) -> Iterator[Tile]:
    """Give the tiles of a log that are not full."""
    level = 0
    while size:
        size, rest = divmod(size, WIDTH)
        if rest:
            yield Tile(level, size, rest)
        level += 1


def _is_open(tile: Tile, size: int) -> bool:
    """Return whether a log of some size does not have the whole of a tile."""
    return (tile.number + 1) * WIDTH > size >> HEIGHT * tile.level


def drop_parts(folder: Path, old: int, new: int) -> None:
    """Remove parts of tiles that became full; readers find the full ones."""
    for tile in tiles_between(old, new):
        if tile.width == WIDTH:
            for file in files_of([tile]):
                shutil.rmtree(folder / f"{file.name}.p", ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one who writes to a log's folder.

    Raises:
        UnavailableError: Another command has been at it for half a minute, or the disk refused.
    """
    try:
        make_folder(folder)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(
            f"`{folder}` cannot be written: {error.strerror or error}",
            hint="check the disk and its rights",
        ) from error
    try:
        _wait(handle, folder)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, folder: Path) -> None:
    until = time.monotonic() + _WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise UnavailableError(
                    f"another command is publishing the log in `{folder}`",
                    hint="wait for it to end, then run this one again",
                ) from error
        time.sleep(_PAUSE)
