"""Go on after a backup came back: put entries back where they are found, and log what was lost.

If the entries up to the longest signed state are found, in the folder or in a published copy,
history goes on from there, without a fork; what the lost entries had bound is lost, and an entry
says so. If nobody has them, only an explicit choice makes another history of the same name, which
everybody with an older checkpoint will refuse.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import ledger
from registry.checkpoints import files, heads
from registry.checkpoints.advancing import finish, newest_published, sign_next, write_file
from registry.checkpoints.heads import Head, Tell, silent
from registry.checkpoints.leaves import Leaves
from registry.core.checkpoint import Checkpoint
from registry.core.entry import EntryKind, parse_leaf
from registry.core.merkle import TreeBuilder, leaf_hash
from registry.core.note import Note, NoteKey, NoteSigner
from registry.db.models import Cosignature, LogCheckpoint, LogEntry, LogSalt, LogState
from registry.db.session import Database
from registry.errors import UnavailableError, VerificationError
from registry.log_files import CHECKPOINT, LogFolder


@dataclass(frozen=True, slots=True)
class Lost:
    """An entry whose rows the database does not have any more.

    Attributes:
        position: Where it is.
        kind: What happened.
        time: When.
    """

    position: int
    kind: str
    time: dt.datetime


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery did.

    Attributes:
        position: The entry that tells of it, or None if there was nothing to recover.
        checkpoint: The newest checkpoint, which has that entry.
        lost: Entries that were put back without the rows they had bound.
        moved: How many entries of the database are behind those now.
        rebuilt: Whether the folder was made anew.
        forked: Signed states that were given up.
    """

    position: int | None
    checkpoint: Checkpoint
    lost: tuple[Lost, ...] = ()
    moved: int = 0
    rebuilt: bool = False
    forked: tuple[Checkpoint, ...] = ()


def recover(
    database: Database,
    folder: Path,
    signer: NoteSigner,
    *,
    state: Path,
    now: dt.datetime,
    copy: Path | None = None,
    accept_fork: bool = False,
    tell: Tell = silent,
) -> Recovery:
    """Let the log go on from what was signed, and log that it was recovered.

    Args:
        database: The catalogue.
        folder: Where the log's files are.
        signer: The log's key; its name is the log's origin.
        state: Where this machine remembers what it signed.
        now: The registry's clock.
        copy: A folder with a published copy of the log, which may have what is missing here.
        accept_fork: Give up what was signed if its entries are nowhere.
        tell: Takes what whoever runs this should know.

    Raises:
        VerificationError: `E_ROLLBACK`: entries are missing and were not found, or two states were
            signed that exclude each other. Of the copy: it is not one of this log.
        ConflictError: The clock is behind the last entry.
        UnavailableError: The disk refused, or another command is publishing.
    """
    with files.locked(folder):
        # The entry is committed before it is signed: a signature of what is lost is a fork.
        with database.write() as session:
            case = _Case.of(session, folder, copy, origin=signer.name, state=state)
            done = case.repair(accept_fork=accept_fork)
            position = None
            if done is not None:
                position = ledger.append(
                    session, EntryKind.LOG_RECOVERED, now=now, facts=done.facts(case), rows=[]
                )
        done = done or _Repair()
        _clear(case, forked=bool(done.given_up))
        with database.write() as session:
            leaves = Leaves(session)
            if case.rebuild or case.behind:
                sizes = session.scalars(sa.select(LogCheckpoint.size)).all()
                files.rebuild(leaves, folder, sizes)
                if (row := newest_published(session)) is not None:
                    write_file(session, folder, row)
            found = heads.read(session, folder, origin=signer.name, state=state)
            heads.require(found, leaves)
            made = sign_next(
                session, leaves, found, folder, signer, state=state, now=now, tell=tell
            )
        row = finish(database, folder, made)
    head = Checkpoint(signer.name, row.size, bytes.fromhex(row.root))
    rebuilt = case.rebuild and position is not None
    return Recovery(position, head, done.lost, done.moved, rebuilt, done.given_up)


@dataclass(frozen=True, slots=True)
class _Repair:
    """What was done to the database."""

    lost: tuple[Lost, ...] = ()
    moved: int = 0
    given_up: tuple[Checkpoint, ...] = ()

    def facts(self, case: _Case) -> dict[str, Any]:
        """Return what anybody may see of it."""
        positions = [item.position for item in self.lost]
        return {
            "fork": bool(self.given_up),
            "heads": [
                {"root": head.root.hex(), "size": head.size}
                for head in dict.fromkeys(item.checkpoint for item in case.behind)
            ],
            "kinds": dict(sorted(Counter(item.kind for item in self.lost).items())),
            "lost": [list(it) for it in _ranges(positions)],
            "moved": self.moved,
            "tiles": case.rebuild,
        }


@dataclass(slots=True)
class _Case:
    """What is wrong.

    Attributes:
        session: A writing session.
        folder: Where the log's files are.
        high_water: The file of what this machine signed.
        leaves: The log as the database has it.
        heads: Signed states that are remembered.
        behind: Those that the database does not go on from.
        damaged: Files that should have a signed state, and have none.
        places: Where entries are looked for.
    """

    session: Session
    folder: Path
    high_water: Path
    leaves: Leaves
    heads: list[Head]
    behind: list[Head]
    damaged: list[Path]
    rebuild: bool
    places: list[Path]

    @classmethod
    def of(
        cls, session: Session, folder: Path, copy: Path | None, *, origin: str, state: Path
    ) -> _Case:
        """Look at everything that is remembered."""
        leaves = Leaves(session)
        keys = heads.log_keys(session, origin)
        high_water = heads.high_water_file(session, origin=origin, state=state)
        damaged, found = [], dict[str, Head | None]()
        for by, path in ((heads.FOLDER, folder / CHECKPOINT), (heads.HIGH_WATER, high_water)):
            try:
                found[by] = heads.signed(path, origin, keys, by=by)
            except VerificationError:
                damaged.append(path)
        known = [head for head in found.values() if head is not None]
        rows = session.scalars(sa.select(LogCheckpoint).order_by(LogCheckpoint.size)).all()
        known += [Head(heads.DATABASE, Checkpoint.parse(Note.parse(it.note).text)) for it in rows]
        if copy is not None:
            known.append(_copied(copy, origin, keys))
        published = newest_published(session)
        at = found.get(heads.FOLDER)
        older = published is not None and (at is None or at.checkpoint.size < published.size)
        rebuild = older or folder / CHECKPOINT in damaged
        if published is not None and not older:
            rebuild = rebuild or not files.holds(leaves, folder, published.size)
        return cls(
            session=session,
            folder=folder,
            high_water=high_water,
            leaves=leaves,
            heads=known,
            behind=[head for head in known if not leaves.extend(head.checkpoint)],
            damaged=damaged,
            rebuild=rebuild,
            places=[folder] if copy is None else [folder, copy],
        )

    def repair(self, *, accept_fork: bool) -> _Repair | None:
        """Repair the database, and return what was done; None if nothing is wrong anywhere.

        Raises:
            VerificationError: `E_ROLLBACK`.
        """
        if not self.behind:
            if self.leaves.problem is None:
                return _Repair() if self.rebuild or self.damaged else None
            size = self.leaves.size
            return _Repair(*_put_back(self.session, _stored(self.session)[:size], size))
        head = max(self.behind, key=lambda item: item.checkpoint.size)
        whole = next((it for at in self.places if (it := _entries(at, head)) is not None), None)
        if whole is None and not accept_fork:
            raise VerificationError(
                f"{head.by} remembers a signed log of {head}; the database has "
                f"{self.leaves.size:,} entries, and the others were not found",
                code="E_ROLLBACK",
                hint="name a published copy with `--from DIR`; without one, all that is left is "
                "`--accept-fork`, and who has an older checkpoint will refuse what comes of it",
            )
        lost, moved = tuple[Lost, ...](), 0
        if whole is not None:
            lost, moved = _put_back(self.session, whole, head.checkpoint.size)
        elif self.leaves.problem is not None:
            size = self.leaves.size
            lost, moved = _put_back(self.session, _stored(self.session)[:size], size)
        leaves = Leaves(self.session)
        excluded = [head for head in self.heads if not leaves.extend(head.checkpoint)]
        if excluded and not accept_fork:
            raise heads.rolled_back(leaves, excluded[0])
        _forget(self.session, leaves)
        given_up = dict.fromkeys(item.checkpoint for item in excluded)
        return _Repair(lost, moved, tuple(given_up))


def _copied(copy: Path, origin: str, keys: list[NoteKey]) -> Head:
    """Return the signed state of a published copy.

    Raises:
        VerificationError: It has none that this registry signed.
    """
    return Head(f"`{copy}`", heads.opened(LogFolder(copy).note(), origin, keys))


def _entries(place: Path, head: Head) -> list[bytes] | None:
    """Return all entries of a signed state as a place has them, or None if it does not.

    Tiles are not believed: the root is computed from the entries.
    """
    size, tree = head.checkpoint.size, TreeBuilder()
    found = []
    try:
        for _, entry in LogFolder(place).entries(0, size, size):
            tree.add(leaf_hash(entry))
            found.append(entry)
    except (VerificationError, UnavailableError):
        return None
    return found if tree.root() == head.checkpoint.root else None


def _stored(session: Session) -> list[bytes]:
    return list(session.scalars(sa.select(LogEntry.leaf).order_by(LogEntry.position)))


def _put_back(session: Session, whole: list[bytes], size: int) -> tuple[tuple[Lost, ...], int]:
    """Let the log of the database begin with some entries; its own others come after them.

    Args:
        session: A writing session.
        whole: The entries.
        size: How many they are.

    Returns:
        Those that the database did not have, and how many of its own come after.
    """
    mine = session.execute(
        sa.select(LogEntry.position, LogEntry.leaf).order_by(LogEntry.position)
    ).all()
    same = 0
    while same < min(len(mine), size) and mine[same] == (same, whole[same]):
        same += 1
    salts: dict[int, list[tuple[str, bytes]]] = {}
    for row in session.scalars(sa.select(LogSalt).where(LogSalt.position >= same)).all():
        salts.setdefault(row.position, []).append((row.name, row.salt))
    # What was in the database under another number keeps the salts of its rows.
    had = {leaf: position for position, leaf in mine[same:]}
    session.execute(sa.delete(LogSalt).where(LogSalt.position >= same))
    session.execute(sa.delete(LogEntry).where(LogEntry.position >= same))
    theirs = whole[same:size]
    known = set(theirs)
    others = [leaf for _, leaf in mine[same:] if leaf not in known]
    lost = []
    for position, leaf in enumerate([*theirs, *others], same):
        entry = parse_leaf(leaf)
        session.add(LogEntry(position=position, kind=entry.kind, leaf=leaf))
        if leaf in had:
            for name, salt in salts.get(had[leaf], []):
                session.add(LogSalt(position=position, name=name, salt=salt))
        else:
            lost.append(Lost(position, entry.kind, entry.time))
    session.get_one(LogState, 1).size = same + len(theirs) + len(others)
    session.flush()
    return tuple(lost), len(others)


def _forget(session: Session, leaves: Leaves) -> None:
    """Remove checkpoints of the database that the log does not go on from any more."""
    for row in session.scalars(sa.select(LogCheckpoint)).all():
        if not leaves.extend(Checkpoint.parse(Note.parse(row.note).text)):
            session.execute(sa.delete(Cosignature).where(Cosignature.checkpoint_id == row.id))
            session.delete(row)
    session.flush()


def _clear(case: _Case, *, forked: bool) -> None:
    """Remove files that remember what cannot be: damaged ones, and all of a history given up."""
    gone = [case.folder / CHECKPOINT, case.high_water] if forked else case.damaged
    try:
        for path in gone:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(
            f"`{error.filename}` cannot be removed: {error.strerror or error}",
            hint="check its rights, then run the command again",
        ) from error


def _ranges(positions: list[int]) -> Iterator[tuple[int, int]]:
    """Give runs of numbers that follow one another, as where they begin and end."""
    begin = None
    for at, position in enumerate(positions):
        if begin is None:
            begin = position
        if at + 1 == len(positions) or positions[at + 1] != position + 1:
            yield begin, position + 1
            begin = None
