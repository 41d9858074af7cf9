"""A copy of the log that the caller has: whether it is whole, what it goes on from, what it says.

The leaves are hashed up to the root, so that each of them is the one that was signed; tiles of
higher levels are only held to the same root.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from registry.core.checkpoint import Checkpoint
from registry.core.merkle import TreeBuilder
from registry.core.note import Note
from registry.core.tiles import WIDTH, Tile
from registry.errors import VerificationError
from registry.log_files import LogFolder
from registry.verify.heads import Head
from registry.verify.leaves import parse_entry, revocation

COPY: Final = "the log in --log"


@dataclass(slots=True)
class Copy:
    """A published log in a folder.

    Attributes:
        folder: Its files.
        note: Its checkpoint.
        head: What that says.
    """

    folder: LogFolder
    note: Note
    head: Checkpoint
    _roots: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, *, origin: str) -> Copy:
        """Read the checkpoint of a copy.

        Raises:
            VerificationError: `E_INCLUSION` (there is none), `E_ENVELOPE`, `E_NONCANONICAL`,
                `E_LIMIT` or `E_CHECKPOINT_ORIGIN`.
            UnavailableError: It cannot be read.
        """
        folder = LogFolder(path)
        note = folder.note()
        head = Checkpoint.parse(note.text)
        head.require_origin(origin)
        return cls(folder, note, head)

    @property
    def has_entries(self) -> bool:
        """Return whether it has more than hashes."""
        return (self.folder.path / "tile" / "entries").is_dir()

    def read_hashes(self, sizes: Iterable[int]) -> None:
        """Hash all leaves up to the root, and keep the roots it had at some sizes.

        Raises:
            VerificationError: `E_INCLUSION`: the tiles do not have the root of the checkpoint.
            UnavailableError: Something cannot be read.
        """
        wanted, tree = {size for size in sizes if size <= self.head.size}, TreeBuilder()
        self._keep(wanted, tree)
        for number in range(-(-self.head.size // WIDTH)):
            first = number * WIDTH
            for leaf in self.folder.tile(Tile(0, number, min(WIDTH, self.head.size - first))):
                tree.add(leaf)
                self._keep(wanted, tree)
        if not tree.root() == self.head.root == self.folder.hashes(self.head.size).root():
            raise VerificationError(
                "its tiles do not have the root of its checkpoint",
                code="E_INCLUSION",
                hint="get the copy again",
            )

    def _keep(self, wanted: set[int], tree: TreeBuilder) -> None:
        if tree.size in wanted:
            self._roots[tree.size] = tree.root()

    def require(self, older: Head) -> None:
        """Refuse a copy that does not go on from a checkpoint of the same log.

        Args:
            older: One whose size `read_hashes` was told.

        Raises:
            VerificationError: `E_SIZE_SHRINK`, `E_SPLIT_VIEW` or `E_CONSISTENCY`; both heads are
                named.
        """
        mine = Head(COPY, self.head)
        if older.checkpoint.size > self.head.size:
            raise older.against(mine, "E_SIZE_SHRINK", "the log is shorter than it was")
        if self._roots[older.checkpoint.size] == older.checkpoint.root:
            return
        if older.checkpoint.size == self.head.size:
            raise older.against(mine, "E_SPLIT_VIEW", "there are two histories of one length")
        raise older.against(mine, "E_CONSISTENCY", "the newer log does not go on from the older")

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Give all entries, each checked against its leaf."""
        return self.folder.entries(0, self.head.size, self.head.size)


@dataclass(slots=True)
class Told:
    """What the entries of a log say of one certificate.

    Attributes:
        found: The positions of the entries that name it.
        superseded: Position, time and certificate of the entries that take its place.
        revoked: From when which keys are revoked, by key id.
        registered: Which of the entries asked for register a version.
        claims: The positions of claims.
        newest: The time of the last entry.
    """

    found: list[int] = field(default_factory=list)
    superseded: list[tuple[int, dt.datetime, str]] = field(default_factory=list)
    revoked: dict[str, dt.datetime] = field(default_factory=dict)
    registered: set[int] = field(default_factory=set)
    claims: list[int] = field(default_factory=list)
    newest: dt.datetime | None = None

    def claims_after(self, position: int) -> int:
        """Return how many claims stand at a position or after it."""
        return len(self.claims) - bisect_left(self.claims, position)


def read_entries(copy: Copy, digest: str, *, inputs: set[int]) -> Told:
    """Look through all entries of a copy for what is said of a certificate.

    Entries are canonical JSON, so that only those are taken apart that have the words looked for.

    Args:
        copy: The copy, whose hashes were read.
        digest: SHA-256 of the certificate's envelope.
        inputs: Positions of the entries that should register its inputs.

    Raises:
        VerificationError: `E_INCLUSION`, or an entry is malformed.
        UnavailableError: Something cannot be read.
    """
    told, last, name = Told(), b"", digest.encode("ascii")
    for position, data in copy.entries():
        last = data
        if position in inputs:
            rows = parse_entry(data).rows
            if any(row.table == "dataset_versions" for row in rows):
                told.registered.add(position)
        if b'"kind":"claim.added"' in data:
            told.claims.append(position)
        if name in data:
            entry = parse_entry(data)
            if entry.facts.get("certificate") == digest:
                told.found.append(position)
            if entry.facts.get("supersedes") == digest:
                told.superseded.append((position, entry.time, str(entry.facts.get("certificate"))))
        elif b'"kind":"key.revoked"' in data and (gone := revocation(parse_entry(data))):
            keyid, since = gone
            told.revoked[keyid] = min(since, told.revoked.get(keyid, since))
    told.newest = parse_entry(last).time if last else None
    return told
