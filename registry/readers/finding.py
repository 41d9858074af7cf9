"""Which files are read, in which order: files and folders, here and in object stores."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError
from registry.places import STDIN, Place, Remote, expand, parse, relative, shown, stores
from registry.readers.files import (
    CARD_NAME,
    SourceFile,
    check_one_kind,
    is_card,
    kind,
    unreadable,
)
from registry.readers.piped import PipedFile
from registry.readers.remote import RemoteFile

_LOOKING: Final = 16
"""How many objects are asked about at once."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found under some paths.

    Attributes:
        files: The files to read, sorted by path; those of this machine first.
        skipped: Hidden files and cards, sorted likewise.
    """

    files: tuple[SourceFile, ...]
    skipped: tuple[Place, ...]


def discover(
    paths: Sequence[Place | str], options: ReadOptions, *, every: bool = False
) -> Discovered:
    """Find the files to read under some paths, sorted by their normalised absolute path.

    Folders are searched to any depth and links are followed. Hidden files and folders are skipped,
    unless they are named, and so are the cards of a named folder: the files in it, not in folders
    below, that are called `dataset.json`, `README…` or `LICENSE…` in exactly this case. A
    `dataset.json` among several named paths is skipped too. A file that is reached in two ways is
    read once, under the first of its names.

    Args:
        paths: Files and folders. A text may also be a URI, a pattern such as `data/*.jsonl`, or
            `-` for standard input, which then is all there is.
        options: `format` decides for every file but archives; without it each file's name does.
        every: Take every named file, also a card: it was chosen before.

    Raises:
        InvalidInputError: A path does not exist, cannot be read or leads back to itself, a name
            does not tell the format, or there is nothing to read.
        UnavailableError: An object store does not answer.
    """
    if not paths:
        raise InvalidInputError("no files were named", hint="name files or folders to read")
    if "-" in paths:
        return Discovered((_piped(paths, options),), ())
    named = {place for path in paths for place in _places(path)}
    local, remote = _Search(options.format), _RemoteSearch(options.format)
    # Sorted first, so that of two names for one folder the same one is kept in any order.
    for place in sorted(named, key=_order):
        search = remote if isinstance(place, Remote) else local
        if place.name == CARD_NAME and len(named) > 1 and not every:
            search.skipped.add(place)
        elif isinstance(place, Remote):
            remote.named(place, known=every)
        else:
            local.named(place)
    files: dict[str, SourceFile] = {}
    for file in sorted(local.found, key=lambda file: str(file.path)):
        files.setdefault(os.path.realpath(str(file.path)), file)
    objects = remote.looked_at()
    if not files and not objects:
        raise InvalidInputError(
            f"there are no files to read in {_in_words(named)} besides cards and hidden files",
            hint="name a folder or files that hold documents",
        )
    if objects:
        relative([file.path for file in (*files.values(), *objects)])  # refuses what is apart
    skipped = sorted(local.skipped | remote.skipped, key=_order)
    return Discovered((*files.values(), *objects), tuple(skipped))


def _in_words(places: Collection[Place]) -> str:
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"`{shown(min(places, key=_order))}`{more}"


def _order(place: Place) -> tuple[bool, str, str]:
    if isinstance(place, Remote):
        return True, f"{place.scheme}://{place.store}", place.key
    return False, "", str(place)


def _piped(paths: Sequence[Place | str], options: ReadOptions) -> PipedFile:
    if len(paths) > 1:
        raise InvalidInputError(
            "`-`, standard input, is named beside other paths",
            hint="register it on its own; a file called `-` is `./-`",
        )
    if options.format is None:
        raise InvalidInputError(
            "standard input has no name that would tell its format",
            hint=f"say it with `--format {'|'.join(Format)}`",
        )
    if sys.stdin is None:
        raise InvalidInputError("there is no standard input", hint="pipe something into it")
    return PipedFile(STDIN, options.format, None, 0, None, stream=sys.stdin.buffer)


def _places(path: Place | str) -> Iterable[Place]:
    """Return what a path stands for: itself, or all that matches a pattern."""
    if isinstance(path, str):
        found: Iterable[Place]
        if parts := expand(path):
            found = stores.matching(_store_of(path), parts)
        else:
            place = parse(path)
            if isinstance(place, Remote) or not glob.has_magic(path) or os.path.lexists(place):
                return _places(place)
            found = [_normal(Path(name)) for name in glob.glob(path, recursive=True)]  # noqa: PTH207 - as a shell does, also absolute
        if not found:
            raise InvalidInputError(
                f"nothing matches `{shown(path)}`", hint="check the pattern and the folders in it"
            )
        return found
    return [path if isinstance(path, Remote) else _normal(path)]


def _store_of(pattern: str) -> Remote:
    scheme, _, rest = pattern.partition("://")
    place = parse(f"{scheme}://{rest.partition('/')[0]}")
    if not isinstance(place, Remote):
        raise TypeError(pattern)
    return place


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


class _Search:
    """Walks folders and collects what it finds."""

    def __init__(self, format: Format | None) -> None:
        self.format = format
        self.found: list[SourceFile] = []
        self.skipped: set[Place] = set()
        self._folders: set[str] = set()

    def named(self, path: Path) -> None:
        """Take a path that somebody named."""
        info = _stat(path)
        if not stat.S_ISDIR(info.st_mode):
            self.found.append(_source_file(path, info, self.format))
            return
        before = len(self.found)
        self._folder(path, ())
        check_one_kind(shown(path), self.found[before:])

    def _folder(self, folder: Path, above: tuple[str, ...]) -> None:
        real = os.path.realpath(folder)
        if real in above:
            raise InvalidInputError(
                f"`{shown(folder)}` is a link back to `{shown(Path(real))}`, which holds it",
                hint="remove the link, or name the files to read",
            )
        if real in self._folders:
            return
        self._folders.add(real)
        try:
            inside = sorted(folder.iterdir())
        except OSError as error:
            raise unreadable(folder, error) from error
        for path in inside:
            if path.name.startswith("."):
                self.skipped.add(path)
                continue
            info = _stat(path)
            if not above and is_card(path.name) and not stat.S_ISDIR(info.st_mode):
                self.skipped.add(path)
                continue
            if stat.S_ISDIR(info.st_mode):
                self._folder(path, (*above, real))
            else:
                self.found.append(_source_file(path, info, self.format))


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        # Unlike `Path.is_symlink`, this is no error where the name itself is one.
        if os.path.islink(path):  # noqa: PTH114
            raise InvalidInputError(
                f"`{shown(path)}` is a link that leads nowhere", hint="remove or repair the link"
            ) from error
        if isinstance(error, FileNotFoundError):
            raise InvalidInputError(
                f"`{shown(path)}` does not exist", hint="check the path"
            ) from error
        raise unreadable(path, error) from error


def _source_file(path: Path, info: os.stat_result, format: Format | None) -> SourceFile:
    if not stat.S_ISREG(info.st_mode):
        raise InvalidInputError(
            f"`{shown(path)}` is neither a file nor a folder", hint="write its content to a file"
        )
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"the name `{shown(path)}` is not valid UTF-8", hint="rename the file"
        ) from error
    if not os.access(path, os.R_OK):
        raise InvalidInputError(
            f"`{shown(path)}` cannot be read: permission denied", hint="check its permissions"
        )
    format, compression = kind(path.name, format, shown(path))
    return SourceFile(
        path, format, compression, info.st_size, info.st_mtime_ns, ctime_ns=info.st_ctime_ns
    )


class _RemoteSearch:
    """Lists objects, by the rules for files."""

    def __init__(self, format: Format | None) -> None:
        self.format = format
        self.found: dict[Remote, RemoteFile] = {}
        self.skipped: set[Place] = set()

    def named(self, place: Remote, *, known: bool) -> None:
        """Take a place that somebody named: an object, or what the names of others begin with.

        Args:
            place: The place.
            known: It is an object, so the store need not be asked now; `looked_at` asks for all.
        """
        if known or (place.key and stores.look(place) is not None):
            self.found[place] = self._file(place)
            return
        inside = stores.below(place)
        if not inside:
            raise InvalidInputError(
                f"`{place}` does not exist", hint="check the name, and what is in the bucket"
            )
        files = [self._file(item) for item in inside if not self._is_skipped(place, item)]
        check_one_kind(str(place), files)
        self.found |= {file.remote: file for file in files}

    def _is_skipped(self, folder: Remote, item: Remote) -> bool:
        """Return whether an object of a folder is hidden, or a card, and then note it."""
        parts = item.key.removeprefix(f"{folder.key}/").split("/")
        at = folder
        for part in parts:
            at /= part
            if part.startswith("."):
                self.skipped.add(at)
                return True
        if len(parts) == 1 and is_card(item.name):
            self.skipped.add(item)
            return True
        return False

    def _file(self, place: Remote) -> RemoteFile:
        format, compression = kind(place.name, self.format, str(place))
        return RemoteFile(place, format, compression, 0, None)

    def looked_at(self) -> list[RemoteFile]:
        """Return what was found, in order, with what the store says of each now."""
        files = [self.found[place] for place in sorted(self.found, key=_order)]
        with ThreadPoolExecutor(_LOOKING) as pool:
            return list(pool.map(RemoteFile.as_it_is, files))
