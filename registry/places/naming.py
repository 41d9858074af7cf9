"""How places are written: paths, and the URIs `file:// s3:// gs:// abfss://`."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes

from registry.errors import InvalidInputError

_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_STORES: Final = {
    "s3": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "gs": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*"),
    "abfss": re.compile(r"[A-Za-z0-9$][A-Za-z0-9-]*@[a-z0-9]+\.dfs\.core\.windows\.net"),
}
_SPELLED: Final = {
    "s3": "s3://BUCKET/NAME",
    "gs": "gs://BUCKET/NAME",
    "abfss": "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/NAME",
}
_ALIASES: Final = {"gcs": "gs"}
_QUOTED: Final = frozenset(" %?#*[]\\")


@dataclass(frozen=True, slots=True)
class Remote:
    """An object in an object store, or what its objects' names begin with.

    As text it is its one canonical URI: characters that would mean something else there are
    percent-encoded, others, also of any script, stand as they are.

    Attributes:
        scheme: `s3`, `gs` or `abfss`.
        store: The bucket, or for `abfss` the container and its account.
        key: The name in it, decoded; empty for all of it.
    """

    scheme: str
    store: str
    key: str = ""

    def __str__(self) -> str:
        """Return the URI."""
        root = f"{self.scheme}://{self.store}"
        return f"{root}/{_quoted(self.key)}" if self.key else root

    def __truediv__(self, name: str) -> Remote:
        """Return what has that name in here."""
        return Remote(self.scheme, self.store, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """Return the last part of its name; none for all of a store."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> Remote:
        """Return what it is in; a store is in itself."""
        return Remote(self.scheme, self.store, self.key.rpartition("/")[0])

    @property
    def inside(self) -> str:
        """Return how pyarrow calls it: bucket or container, and the name."""
        bucket = self.store.partition("@")[0]
        return f"{bucket}/{self.key}" if self.key else bucket


Place = Path | Remote
STDIN: Final = Path("-")
"""The place of what is piped in. No file has it: their paths are absolute."""
_PIPED: Final = ("standard input", ["-"])


def parse(text: str) -> Place:
    """Return the place that somebody typed, a path or a URI; nothing is looked up.

    Two spellings of one object give the same place. In URIs percent signs encode, as in
    `a%3Fb` for the name `a?b`.

    Raises:
        InvalidInputError: It is no place that can be read, or it carries credentials or options.
    """
    found = _URI.fullmatch(text)
    if found is None:
        return Path(text)
    scheme, store, path, options = found.groups()
    scheme = _ALIASES.get(scheme.lower(), scheme.lower())
    if scheme == "file":
        return _file(store, path, options)
    _check_parts(scheme, store, options)
    try:
        key = unquote(path.strip("/"), errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"the name `{shown(path)}` is not valid UTF-8 once its percent signs are decoded",
            hint="percent signs encode bytes of UTF-8; write a percent sign of a name as `%25`",
        ) from error
    return checked(Remote(scheme, store, key))


def checked(remote: Remote) -> Remote:
    """Return a place whose name has only parts that are names.

    Raises:
        InvalidInputError: A part is empty, `.` or `..`.
    """
    if remote.key and {"", ".", ".."} & set(remote.key.split("/")):
        raise InvalidInputError(
            f"`{remote}` has an empty part, `.` or `..` in its name",
            hint="write the name as it is, without detours; an object that is called so must be"
            " renamed",
        )
    return remote


def expand(text: str) -> list[str] | None:
    """Return the parts of a URI's name where it is a pattern with `*` or `[…]`, or None.

    What is percent-encoded is no pattern.
    """
    found = _URI.fullmatch(text)
    if found is None or not re.search(r"[*\[]", found[3]) or found[1].lower() == "file":
        return None
    return found[3].strip("/").split("/")


def relative(places: Sequence[Place]) -> tuple[str, list[str]]:
    """Return the folder or URI that all places are in, and their names relative to it.

    `parse(base) / name` gives each of them back.

    Raises:
        InvalidInputError: They are in different stores, or only some of them are on this machine.
    """
    if places == [STDIN]:
        return _PIPED
    paths = [place for place in places if isinstance(place, Path)]
    if len(paths) == len(places):
        base = os.path.commonpath([str(path.parent) for path in paths])
        return base, [os.path.relpath(path, base) for path in paths]
    remotes = [place for place in places if isinstance(place, Remote)]
    if paths or len({(remote.scheme, remote.store) for remote in remotes}) > 1:
        raise InvalidInputError(
            f"`{places[0]}` and `{places[-1]}` are not in one place",
            hint="files of one registration are all on this machine, or all in one bucket:"
            " register the others as another dataset",
        )
    top = posixpath.commonpath([f"/{remote.parent.key}" for remote in remotes])[1:]
    start = len(top) + 1 if top else 0
    root = Remote(remotes[0].scheme, remotes[0].store, top)
    return str(root), [remote.key[start:] for remote in remotes]


def shown(place: Place | str) -> str:
    """Return a place for a message, without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(place))


def _quoted(key: str) -> str:
    return "".join(quote(c, safe="") if c in _QUOTED or not c.isprintable() else c for c in key)


def _file(host: str, path: str, options: str) -> Path:
    if host not in ("", "localhost") or not path:
        raise InvalidInputError(
            f"`file://{shown(host)}` names another machine or no path",
            hint="write `file:///folder/file`, with three slashes, or just the path",
        )
    if options:
        raise InvalidInputError(
            f"`file://{shown(path)}` is followed by `{options[0]}…`, which is no part of a path",
            hint="in a URI, write `?` as `%3F` and `#` as `%23`, or name the plain path",
        )
    return Path(os.fsdecode(unquote_to_bytes(path)))


def _check_parts(scheme: str, store: str, options: str) -> None:
    """Refuse what is no store, without repeating what may be a secret."""
    pattern = _STORES.get(scheme)
    if pattern is None:
        raise InvalidInputError(
            f"nothing can be read from or written to `{shown(scheme)}://`",
            hint="a place is a path, `file://`, `s3://`, `gs://` or `abfss://`; download the rest",
        )
    if options:
        raise InvalidInputError(
            f"a `{scheme}://` URI is followed by `{options[0]}…`, which is no part of a place",
            hint="credentials, region and endpoint come from the environment, see docs/storage.md;"
            " in a name, write `?` as `%3F` and `#` as `%23`",
        )
    account = store.rpartition("@")[0]
    if ":" in account or (account and scheme != "abfss"):
        raise InvalidInputError(
            f"a `{scheme}://` URI carries a user or a password",
            hint="places are recorded, so they must hold no secrets: give credentials in the"
            " environment or a profile, see docs/storage.md",
        )
    if not pattern.fullmatch(store):
        raise InvalidInputError(
            f"`{scheme}://{shown(store)}` names no store", hint=f"write `{_SPELLED[scheme]}`"
        )
