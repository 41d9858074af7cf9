"""The registry's own bytes: document tables, kept texts, stored selections.

Layout under the storage folder::

    staging/<uid>/             being written; belongs to the intent with that uid
    unfinished/<key>.<uid>/    what an interrupted registration had read; the next one takes it
    documents/<uid>/           the document table of a location, and what went for it
    vault/<uid>/               the texts of a location, in the same rows
    sketches/<uid>/            the sketches of a location, in the same rows
    segments/<uid>/            files of the index, made with a location or by a merge
    selections/<digest>        sorted content hashes, 32 bytes each
    mixtures/<digest>          which rows of a version a mixture holds
    overlaps/<key>.json        what versions have in common, which can be computed again
    derived/<kind>/<key>       answers that took long, which can be made again
    batch/<stage>.<key>/       stages of `duplicates` and `dedup`, which can be made again

Files are written under `staging`, synced, and renamed; nothing outside it is ever half-written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from pathlib import Path
from typing import Final

from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.errors import ConflictError, UnavailableError

_UID = re.compile(r"[0-9a-f]{32}")
DOCUMENTS: Final = "documents"
VAULT: Final = "vault"
SKETCHES: Final = "sketches"
SEGMENTS: Final = "segments"
MIXTURES: Final = "mixtures"
NOTES: Final = "notes"
RUNS: Final = "runs"
UNFINISHED: Final = "unfinished"
_KEY: Final = "key"


class Store:
    """A storage folder."""

    def __init__(self, root: Path, *, tried: str | None = None) -> None:
        """Use the folder; it is made when something is first written.

        Args:
            root: The folder.
            tried: A uid whose files are looked for where they were written: they are not to be
                published.
        """
        self.root = root
        self._tried = tried

    def trying(self, uid: str) -> Store:
        """Return the same storage as it would be with what a writer has not published."""
        return Store(self.root, tried=_checked(uid))

    def _folder(self, part: str, uid: str) -> Path:
        if uid == self._tried:
            return self.root / "staging" / uid / part
        return self.root / part / _checked(uid)

    def staging(self, uid: str) -> Path:
        """Return a writer's own folder, made if need be."""
        folder = self.root / "staging" / _checked(uid)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def documents(self, uid: str) -> Path:
        """Return the folder of a location's document table."""
        return self._folder(DOCUMENTS, uid)

    def vault(self, uid: str) -> Path:
        """Return the folder of a location's kept texts."""
        return self._folder(VAULT, uid)

    def sketches(self, uid: str) -> Path:
        """Return the folder of a location's sketches."""
        return self._folder(SKETCHES, uid)

    def segments(self, uid: str) -> Path:
        """Return the folder of the index files that were made under a uid."""
        return self._folder(SEGMENTS, uid)

    def publish(self, uid: str, part: str) -> None:
        """Move `staging/<uid>/<part>` to its place `<part>/<uid>`; all or nothing.

        Raises:
            UnavailableError: The disk refused.
        """
        source = self.root / "staging" / _checked(uid) / part
        target = self.root / part / uid
        try:
            sync_tree(source)
            make_folder(target.parent)
            source.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise UnavailableError(
                f"`{target}` cannot be written: {error.strerror}",
                hint="check the disk; nothing was recorded",
            ) from error

    def replace_sketches(self, uid: str, made: Path) -> None:
        """Put sketch files, which are durable, into the place of those of a location.

        One by one: of the same texts they are the same, so that whoever reads meanwhile, or
        finds what a kill left, finds what the catalogue names.

        Raises:
            UnavailableError: The disk refused.
        """
        target = self.sketches(uid)
        try:
            make_folder(target)
            names = {path.name for path in made.iterdir()}
            for name in sorted(names):
                (made / name).replace(target / name)
            for path in list(target.iterdir()):
                if path.name not in names:
                    path.unlink()
            sync_folder(target)
        except OSError as error:
            raise UnavailableError(
                f"`{target}` cannot be written: {error.strerror}",
                hint="check the disk; run the command again",
            ) from error

    def name_work(self, uid: str, key: str, *, part: str = DOCUMENTS) -> None:
        """Say what a writer is at, so that its work can be continued when it is interrupted.

        Args:
            uid: The writer.
            key: What it is at; `resume` asks for the same.
            part: Of what it writes, what it publishes first: without that nothing is continued.
        """
        words = f"{_checked_key(key)} {part}"
        write_file(self.root / "staging" / _checked(uid) / _KEY, words.encode("ascii"))

    def set_aside(self, uid: str) -> bool:
        """Let what a writer had finished wait for `resume`; return whether there was any."""
        staging = self.root / "staging" / _checked(uid)
        try:
            key, part = (staging / _KEY).read_text("ascii").split(" ")
            if not (staging / part).is_dir() or not any((staging / NOTES).iterdir()):
                return False
            make_folder(self.root / UNFINISHED)
            os.utime(staging)  # `drop_unfinished` counts from now, not from when it was begun
            staging.rename(self.root / UNFINISHED / f"{_checked_key(key)}.{uid}")
        except (OSError, ValueError):
            return False
        return True

    def resume(self, uid: str, key: str) -> list[Path]:
        """Move what interrupted writers had finished of the same work into a writer's folder."""
        taken = []
        for folder in sorted((self.root / UNFINISHED).glob(f"{_checked_key(key)}.*")):
            own = self.staging(uid) / folder.name
            # Another writer of the same work may have been faster.
            with contextlib.suppress(FileNotFoundError):
                folder.rename(own)
                taken.append(own)
        return taken

    def end_resume(self, left: list[Path], *, again: bool) -> None:
        """Remove what is left of folders that `resume` moved, or let them wait `again`."""
        for folder in left:
            if again:
                folder.rename(self.root / UNFINISHED / folder.name)
            else:
                shutil.rmtree(folder, ignore_errors=True)

    def drop_unfinished(self, *, before: float) -> int:
        """Remove work that was set aside before a time, in seconds since 1970; return how much."""
        dropped = 0
        folder = self.root / UNFINISHED
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)
                dropped += 1
        return dropped

    def remove(self, uid: str) -> None:
        """Remove everything that belongs to a uid; what is not there is no error."""
        for part in ("staging", DOCUMENTS, VAULT, SKETCHES, SEGMENTS):
            shutil.rmtree(self.root / part / _checked(uid), ignore_errors=True)

    def index_files(self) -> dict[str, set[str]]:
        """Return what is among the index's files, by uid: names of segments, `sketches/` itself.

        Names begin with the part they are in, as in `segments/<uid>/<name>`.
        """
        found: dict[str, set[str]] = {}
        for folder in _folders(self.root / SEGMENTS):
            names = {f"{SEGMENTS}/{folder.name}/{path.name}" for path in folder.iterdir()}
            found.setdefault(folder.name, set()).update(names or {f"{SEGMENTS}/{folder.name}"})
        for folder in _folders(self.root / SKETCHES):
            found.setdefault(folder.name, set()).add(f"{SKETCHES}/{folder.name}")
        return found

    def drop_index_file(self, name: str) -> bool:
        """Remove something that `index_files` names; return whether nobody was reading it."""
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            return True
        if not _remove_unread(path):
            return False
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        return True

    def end_staging(self, uid: str) -> None:
        """Remove a writer's own folder."""
        shutil.rmtree(self.root / "staging" / _checked(uid), ignore_errors=True)

    def put_selection(self, digest: str, hashes: bytes) -> None:
        """Keep a list of content hashes under its digest; writing it twice is the same."""
        target = self.root / "selections" / digest
        if target.exists():
            return
        write_file(target, hashes)

    def selection(self, digest: str) -> bytes:
        """Return a stored list of content hashes.

        Raises:
            ConflictError: The catalogue knows the list, the storage does not have it, or has
                another one.
        """
        try:
            hashes = (self.root / "selections" / digest).read_bytes()
        except OSError as error:
            raise ConflictError(
                f"the stored selection `{digest[:16]}…` is missing",
                hint="restore the storage folder from a backup",
            ) from error
        if sha256_hex(SELECTION_PREFIX + hashes) != digest:
            raise ConflictError(
                f"the stored selection `{digest[:16]}…` was changed after it was recorded",
                hint="restore the storage folder from a backup",
            )
        return hashes

    def put_mixture(self, digest: str, data: bytes) -> None:
        """Keep the file of drawn rows with that SHA-256; writing it twice is the same."""
        target = self.root / MIXTURES / digest
        if not target.exists():
            write_file(target, data)

    def mixture(self, digest: str) -> bytes:
        """Return a file of drawn rows.

        Raises:
            ConflictError: The catalogue knows it, the storage does not have it, or has another.
        """
        try:
            data = (self.root / MIXTURES / digest).read_bytes()
        except OSError as error:
            raise ConflictError(
                f"the drawn rows `{digest[:16]}…` of a mixture are missing",
                hint="restore the storage folder from a backup",
            ) from error
        if sha256_hex(data) != digest:
            raise ConflictError(
                f"the drawn rows `{digest[:16]}…` of a mixture were changed after they were "
                "recorded",
                hint="restore the storage folder from a backup",
            )
        return data

    def mixtures(self) -> set[str]:
        """Return the names of all files of drawn rows, half-written ones included."""
        folder = self.root / MIXTURES
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def drop_mixtures(self, names: set[str]) -> None:
        """Remove files of drawn rows."""
        for name in names:
            (self.root / MIXTURES / name).unlink(missing_ok=True)

    def selections(self) -> set[str]:
        """Return the names of all files among the selections, half-written ones included."""
        folder = self.root / "selections"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def drop_selections(self, names: set[str]) -> None:
        """Remove files from among the selections."""
        for name in names:
            (self.root / "selections" / name).unlink(missing_ok=True)


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []


def _remove_unread(path: Path) -> bool:
    """Remove a file unless somebody holds a lease on it, which is a shared lock.

    Whoever takes a lease looks after that whether the file still has a name.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return not path.exists()
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _checked(uid: str) -> str:
    if not _UID.fullmatch(uid):
        raise ValueError(f"{uid!r} is not a uid")
    return uid


def _checked_key(key: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ValueError(f"{key!r} is not a key")
    return key


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably; one that is there is fine."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make what is in a file durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make the files of a folder, and the folder itself, durable."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            sync_file(path)
        elif path.is_dir():
            sync_folder(path)
    sync_folder(folder)


def write_file(target: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a whole file: nobody ever sees a part of it, also after a crash.

    What is there and no file, such as a pipe or `/dev/null`, is written into, and stays what it is.

    Raises:
        UnavailableError: The disk refused.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(data)
            return
        make_folder(target.parent)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UnavailableError(
            f"`{target}` cannot be written: {error.strerror}", hint="check the disk and its rights"
        ) from error
