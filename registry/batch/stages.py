"""Folders of finished stages: named by what they were made of, whole or not there.

    <root>/<stage>.<key>/             files and `manifest.json`, which has their digests
    <root>/.<stage>.<key>.<token>/    being made, or left by a run that was killed

The root may be any folder of the user's: what is not named like that is never touched.

A run that was interrupted finds the stages it had finished. Whoever uses or makes a folder holds a
shared lock on it, which the kernel lets go of when the process ends, however it ends; only folders
that nobody holds are removed. Two runs of the same work may make the same stage: one of the two
stays. Where a file system has no locks, the worst is an error that says to run the command again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from registry.batch.engine import refused
from registry.blobs import make_folder, sync_folder, sync_tree
from registry.core.digest import digest_of

FORMAT: Final = 1
KEPT_SECONDS: Final = 7 * 24 * 3600.0
"""How long a stage is kept that nobody has used."""
_MANIFEST: Final = "manifest.json"
_SPILL: Final = "spill"
_KEY_DIGITS: Final = 32
_TOKEN_BYTES: Final = 8
_SCRATCH: Final = "scratch"
_FINISHED: Final = re.compile(r"[a-z]+\.[0-9a-f]{32}")
_LEFT: Final = re.compile(r"\.(?:[a-z]+\.[0-9a-f]{32}|scratch)\.[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A finished stage.

    Attributes:
        name: What it is.
        folder: Where it is.
        key: What it was made of; stages made of it include it in theirs.
        facts: What making it found out.
        made: Whether this run made it.
    """

    name: str
    folder: Path
    key: str
    facts: Mapping[str, Any]
    made: bool

    def file(self, name: str) -> Path:
        """Return one of its files."""
        return self.folder / name


Make = Callable[[Path, Path], Mapping[str, Any]]
"""Makes a stage in a folder, with another for what does not fit into memory; returns facts."""


class Workspace:
    """The stages of one run, which it holds until it ends.

    Args:
        root: The folder of all stages; made if need be.
        now: Seconds since 1970.
    """

    def __init__(self, root: Path, *, now: float | None = None) -> None:
        self.root = root
        self._now = time.time() if now is None else now
        self._held: dict[Path, int] = {}

    def __enter__(self) -> Self:
        try:
            make_folder(self.root)
            self._sweep()
        except OSError as error:
            raise refused(self.root, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()

    def stage(self, name: str, made_of: Mapping[str, Any], make: Make) -> Stage:
        """Return a stage: the one that is there, or a new one.

        Args:
            name: What it is.
            made_of: All that its content depends on.
            make: Makes it.

        Raises:
            UnavailableError: The disk refused; nothing half-made stays.
        """
        key = digest_of({"format": FORMAT, "stage": name, "made_of": made_of})
        target = self.root / f"{name}.{key[:_KEY_DIGITS]}"
        try:
            while True:
                facts = self._take(target)
                if facts is not None:
                    return Stage(name, target, key, facts, made=False)
                facts = self._make(target, make)
                if facts is not None:
                    return Stage(name, target, key, facts, made=True)
        except OSError as error:
            raise refused(self.root, error) from error

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder for what is of no use to anybody else; it goes in the end."""
        try:
            folder, handle = self._begin(self.root / _SCRATCH)
        except OSError as error:
            raise refused(self.root, error) from error
        try:
            yield folder
        finally:
            if handle is not None:
                os.close(handle)
            shutil.rmtree(folder, ignore_errors=True)

    def drop(self, stage: Stage) -> None:
        """Remove a stage that is of no more use, unless somebody else is using it."""
        handle = self._held.pop(stage.folder, None)
        if handle is not None:
            os.close(handle)
        self._remove(stage.folder)

    def _take(self, target: Path) -> Mapping[str, Any] | None:
        """Hold a finished stage, and return its facts; None if there is none that is whole."""
        if target in self._held:
            return _manifest(target)["facts"]  # type: ignore[no-any-return]
        handle = _lock(target, fcntl.LOCK_SH)
        if handle is None:
            return None
        try:
            manifest = _checked(target)
            facts: Mapping[str, Any] = manifest["facts"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            os.close(handle)
            self._give_up(target)
            return None
        # From now on it counts as used.
        with contextlib.suppress(OSError):
            os.utime(target)
        self._held[target] = handle
        return facts

    def _make(self, target: Path, make: Make) -> Mapping[str, Any] | None:
        """Make a stage and hold it; None if another run was faster."""
        partial, handle = self._begin(target)
        spill = partial / _SPILL
        try:
            facts = dict(make(partial, spill))
            shutil.rmtree(spill, ignore_errors=True)
            _seal(partial, facts)
            sync_tree(partial)
            try:
                partial.rename(target)
            except OSError:
                if target.is_dir():
                    return None
                raise
            sync_folder(self.root)
            if handle is not None:
                self._held[target], handle = handle, None
            return facts
        finally:
            if handle is not None:
                os.close(handle)
            shutil.rmtree(partial, ignore_errors=True)

    def _begin(self, target: Path) -> tuple[Path, int | None]:
        """Return a new folder, held; not held where the file system has no locks."""
        for _ in range(3):
            partial = self._hidden(target)
            partial.mkdir()
            handle = _lock(partial, fcntl.LOCK_SH)
            if handle is not None:
                break
            # Somebody took it for left over before it was held.
            partial.mkdir(exist_ok=True)
        return partial, handle

    def _hidden(self, target: Path) -> Path:
        return self.root / f".{target.name}.{secrets.token_hex(_TOKEN_BYTES)}"

    def _give_up(self, target: Path) -> None:
        """Put a damaged stage out of the way."""
        hidden = self._hidden(target)
        with contextlib.suppress(FileNotFoundError):
            target.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what killed runs left, and stages that nobody has used for long."""
        for path in self.root.iterdir():
            left = _LEFT.fullmatch(path.name) is not None
            if not left and not _FINISHED.fullmatch(path.name):
                continue
            with contextlib.suppress(OSError):
                if path.is_symlink() or not path.is_dir():
                    continue
                if left or path.stat().st_mtime < self._now - KEPT_SECONDS:
                    self._remove(path)

    def _remove(self, folder: Path) -> None:
        handle = _lock(folder, fcntl.LOCK_EX)
        if handle is None:
            return
        hidden = self._hidden(folder)
        try:
            # Nobody finds it under its name and loses it while reading.
            folder.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)
        except OSError:
            pass  # somebody else removes it
        finally:
            os.close(handle)


def _lock(folder: Path, how: int) -> int | None:
    """Lock a folder without waiting; None if it is not there or is locked against that."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
        # It may have been renamed away between the two calls.
        mine, there = os.fstat(handle), folder.stat()
        if (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino):
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _seal(folder: Path, facts: Mapping[str, Any]) -> None:
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    document = {"format": FORMAT, "facts": facts, "files": files}
    (folder / _MANIFEST).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _manifest(folder: Path) -> dict[str, Any]:
    found = orjson.loads((folder / _MANIFEST).read_bytes())
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError("another format")
    return found


def _checked(folder: Path) -> dict[str, Any]:
    """Return the manifest of a stage whose files are what it says."""
    manifest = _manifest(folder)
    for name, said in manifest["files"].items():
        path = folder / name
        if path.stat().st_size != said["bytes"] or _digest(path) != said["sha256"]:
            raise ValueError(f"{name} was changed")
    return manifest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
