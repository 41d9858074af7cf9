"""The list of erasures, outside of the database: what a restored backup must not bring back.

One record for each erasure, with the salt and the salted hashes of what was erased, and neither
texts nor their hashes. It lies in the storage, for all machines that share it, and beside the
high-water file, which no backup holds. A record that is not done says what is left to be removed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import orjson

from registry.blobs import write_file
from registry.errors import ConflictError, UnavailableError

FOLDER: Final = "erasures"
_TYPE: Final = "firsthand-erasure/v1"


@dataclass(frozen=True, slots=True)
class Moved:
    """A location whose files were written anew without what is erased.

    Attributes:
        old: The uid of the files before; they are removed.
        new: That of the new ones.
        table_digest: The digest of the new document table.
        vault: The digest of the new kept texts, or None where there are none.
    """

    old: str
    new: str
    table_digest: str
    vault: str | None


@dataclass(frozen=True, slots=True)
class Gone:
    """What is erased of a version.

    Attributes:
        dataset: `team/name`.
        version: Its number.
        content_root: Which version it is, whatever it is called.
        whole: Whether it is erased as a whole.
        texts: The salted hashes of the texts, 64 hexadecimal digits each, ascending.
        moved: Its locations, once their files are written.
    """

    dataset: str
    version: int
    content_root: str
    whole: bool
    texts: tuple[str, ...]
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure.

    Attributes:
        id: Its name, 32 hexadecimal digits.
        salt: The salt, in hexadecimal.
        reason: Why.
        by: Who asked for it.
        at: When, RFC 3339.
        gone: What, by version.
        remove: Uids whose files are still to be removed.
        done: Whether all of it is done.
    """

    id: str
    salt: str
    reason: str
    by: str
    at: str
    gone: tuple[Gone, ...]
    remove: tuple[str, ...] = ()
    done: bool = False

    @property
    def moment(self) -> dt.datetime:
        """Return when it was asked for."""
        return dt.datetime.fromisoformat(self.at)

    def to_bytes(self) -> bytes:
        """Return the record as it is stored."""
        return orjson.dumps({"type": _TYPE} | asdict(self), option=orjson.OPT_INDENT_2)

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> Self:
        """Read a record.

        Raises:
            ConflictError: It is none.
        """
        try:
            value: dict[str, Any] = orjson.loads(data)
            if value.pop("type") != _TYPE:
                raise ValueError("another type")
            gone = tuple(
                Gone(
                    **(
                        item
                        | {
                            "texts": tuple(item["texts"]),
                            "moved": tuple(Moved(**it) for it in item["moved"]),
                        }
                    )
                )
                for item in value.pop("gone")
            )
            return cls(**(value | {"gone": gone, "remove": tuple(value["remove"])}))
        except (ValueError, KeyError, TypeError) as error:
            raise ConflictError(
                f"`{name}` is not a record of an erasure: {error}",
                hint="restore it from a backup: without it, what was erased may come back",
            ) from error


def folders(storage: Path, state: Path | None, registry: str) -> list[Path]:
    """Return where the records of a registry lie.

    Args:
        storage: The registry's storage.
        state: The folder of what this machine remembers, or None for none.
        registry: The id of the registry's first key.
    """
    found = [storage / FOLDER]
    if state is not None:
        found.append(state / FOLDER / registry)
    return found


def write(places: Sequence[Path], made: Erasure) -> None:
    """Keep a record in every place, durably.

    Raises:
        UnavailableError: The disk refused.
    """
    for place in places:
        write_file(place / f"{made.id}.json", made.to_bytes(), mode=0o600)


def read(places: Sequence[Path]) -> Iterator[Erasure]:
    """Give every record that some place has, oldest first.

    One that is not done in any place is not done.

    Raises:
        ConflictError: One is damaged.
        UnavailableError: One cannot be read.
    """
    found: dict[str, Erasure] = {}
    for place in places:
        for path in sorted(place.glob("*.json")) if place.is_dir() else ():
            try:
                data = path.read_bytes()
            except OSError as error:
                raise UnavailableError(
                    f"`{path}` cannot be read: {error.strerror}", hint="check its rights"
                ) from error
            made = Erasure.parse(data, name=str(path))
            before = found.get(made.id)
            if before is not None and not before.done:
                made = before
            found[made.id] = made
    yield from sorted(found.values(), key=lambda it: (it.at, it.id))


def finished(places: Sequence[Path], made: Erasure) -> None:
    """Note that nothing is left to be removed."""
    write(places, replace(made, remove=(), done=True))
