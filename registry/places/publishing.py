"""A finished folder, put into an object store so that it is visibly complete or visibly not.

An object store has no rename. What takes its place is one object, the *seal*, that is written
last: what is under a prefix without it is unfinished. Every step can be repeated; what is there
already is compared, not trusted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from registry.errors import ConflictError, UnavailableError
from registry.places import contents, stores
from registry.places.naming import Remote

_CHUNK: Final = 4 << 20
_TRIES: Final = 2
"""How often an object is sent that did not arrive as it should; each request is repeated, too."""


def send(folder: Path, to: Remote, *, seal: str, on_chunk: Callable[[], None]) -> None:
    """Put every file of a folder under a prefix but the seal, each one read again and compared.

    Args:
        folder: What to send; nothing changes it meanwhile.
        to: The prefix.
        seal: The name of the file that is kept back.
        on_chunk: Called often, for a lease that must not run out.

    Raises:
        ConflictError: Something else is under the prefix.
        UnavailableError: The store does not take it.
    """
    names = [name for name in _names(folder) if name != seal]
    for name in names:
        _put(folder / name, to / name, on_chunk)
    found = {item.key for item in stores.below(to)}
    if found - {(to / seal).key} != {(to / name).key for name in names}:
        raise ConflictError(
            f"somebody else writes to `{to}`", hint="choose another `--out`, then export again"
        )


def finish(folder: Path, to: Remote, *, seal: str) -> None:
    """Put the seal on what was sent; sealing it again is the same.

    Raises:
        ConflictError: Something else is under the prefix.
        UnavailableError: The store does not take it.
    """
    found = contents.sha256(to / seal)
    if found is not None and found != contents.sha256_of_file(folder / seal):
        raise ConflictError(
            f"something else appeared at `{to}` while an export to it was being finished",
            hint=f"the finished export is at `{folder}`; remove what is at its target",
        )
    _put(folder / seal, to / seal, lambda: None)


def withdraw(folder: Path, to: Remote, *, seal: str) -> None:
    """Remove what was sent, unless it is sealed: then it is somebody else's.

    Raises:
        UnavailableError: The store does not answer.
    """
    there = {item.key: item for item in stores.below(to)}
    if (to / seal).key in there:
        return
    system = stores.filesystem(to)
    for name in _names(folder):
        sent = there.get((to / name).key)
        if sent is not None:
            with stores.errors(sent):
                system.delete_file(sent.inside)


def put(target: Remote, data: bytes) -> None:
    """Write an object, read it again and compare.

    Raises:
        UnavailableError: The store does not take it.
    """
    with stores.errors(target):
        out = stores.filesystem(target).open_output_stream(target.inside, compression=None)
        with out:
            out.write(data)
    if contents.read(target) != data:
        raise UnavailableError(
            f"`{target}` does not arrive as it is sent", hint="run the command again"
        )


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def _put(source: Path, target: Remote, on_chunk: Callable[[], None]) -> None:
    """Send a file until it has arrived."""
    expected = contents.sha256_of_file(source)
    on_chunk()
    trouble: UnavailableError | None = None
    for _ in range(_TRIES):
        try:
            if expected is not None and contents.sha256(target) == expected:
                return
            on_chunk()
            _send_once(source, target, on_chunk)
            trouble = None
        except UnavailableError as error:
            trouble = error
    if trouble is None and contents.sha256(target) == expected:
        return
    raise trouble or UnavailableError(
        f"`{target}` does not arrive as it is sent", hint="run the command again"
    )


def _send_once(source: Path, target: Remote, on_chunk: Callable[[], None]) -> None:
    """Send a file; when that breaks off, some of it may stand under its name."""
    with stores.errors(target):
        out = stores.filesystem(target).open_output_stream(target.inside, compression=None)
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                with stores.errors(target):
                    out.write(chunk)
                on_chunk()
    except BaseException:
        # Now, and not when it is collected: by then it may have been withdrawn.
        with contextlib.suppress(Exception):
            out.close()
        raise
    with stores.errors(target):
        out.close()
