"""Who is writing which files, so that a killed writer's files can be told from a live one's.

A writer opens an intent before its first byte and closes it in the transaction that records the
result. Cleaning takes an intent over *in a transaction* before it touches a file, and a writer
whose intent was taken over cannot commit. An intent may be taken over when its writer is known to
be dead (same machine, no such process) or its lease has run out.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry.blobs import SEGMENTS, SKETCHES, Store, sync_folder
from registry.core.claim import Property
from registry.db.models import (
    Claim,
    DrawnRows,
    ErasedText,
    Intent,
    IntentKind,
    IntentState,
    KeptTexts,
    Location,
    Segment,
    Selection,
    SketchTable,
)
from registry.db.session import Database
from registry.errors import ConflictError, RegistryError, UnavailableError
from registry.places import Place, Remote, contents, parse, publishing

SEAL: Final = "certificate.json"
"""The file of a snapshot that is put under a prefix last."""
LEASE: Final = dt.timedelta(hours=1)
RENEW_AFTER: Final = dt.timedelta(minutes=2)
RESUMABLE: Final = dt.timedelta(days=7)
"""How long what an interrupted registration had read is kept."""


@dataclass(slots=True)
class Writer:
    """A live intent, held by the process that opened it."""

    uid: str
    renewed_at: dt.datetime
    target: str | None = None


def open_intent(
    database: Database,
    kind: IntentKind,
    *,
    now: dt.datetime,
    target: str | None = None,
    alone: bool = False,
) -> Writer:
    """Announce that files will be written, and return the uid they go under.

    Args:
        database: The catalogue.
        kind: What they are for.
        now: The time.
        target: Where they go, if not into the storage.
        alone: Refuse when there is a live intent of the kind.

    Raises:
        ConflictError: There is one.
    """
    uid = secrets.token_hex(16)
    with database.write() as session:
        if alone:
            others = session.scalars(sa.select(Intent).where(Intent.kind == kind))
            if not all(_dead(intent, now) for intent in others):
                raise ConflictError(
                    f"another command is at work on the registry's {kind}",
                    hint="wait for it to end, then run this one again",
                )
        session.add(
            Intent(
                uid=uid,
                kind=kind,
                state=IntentState.OPEN,
                owner=_this_process(),
                target=target,
                opened_at=now,
                lease_until=now + LEASE,
            )
        )
    return Writer(uid, now, target)


def renew(database: Database, writer: Writer, *, now: dt.datetime) -> None:
    """Extend the lease, at most every two minutes.

    Raises:
        ConflictError: Somebody took the writer for dead and is removing its files.
    """
    if now - writer.renewed_at < RENEW_AFTER:
        return
    with database.write() as session:
        _hold(session, writer).lease_until = now + LEASE
    writer.renewed_at = now


def _hold(session: Session, writer: Writer) -> Intent:
    intent = session.execute(
        sa.select(Intent).where(Intent.uid == writer.uid).with_for_update()
    ).scalar_one_or_none()
    if intent is None or intent.state is IntentState.CLEANING:
        raise ConflictError(
            "this command was taken for dead and its files were removed",
            hint="was the machine suspended? run the command again; nothing was recorded",
        )
    return intent


def close(session: Session, writer: Writer) -> None:
    """End an intent in the transaction that records its result.

    Raises:
        ConflictError: See `renew`.
    """
    session.delete(_hold(session, writer))


def close_without_files(session: Session, writer: Writer) -> None:
    """Let the transaction stand, but not the files: `abandon` removes them after it.

    Raises:
        ConflictError: See `renew`.
    """
    _hold(session, writer).state = IntentState.CLEANING


def commit_before_move(session: Session, writer: Writer) -> None:
    """Record that the result stands and only moving the files into place remains.

    Raises:
        ConflictError: See `renew`.
    """
    _hold(session, writer).state = IntentState.COMMITTED


def finish(database: Database, writer: Writer) -> None:
    """Drop an intent whose files are in place."""
    with database.write() as session:
        session.execute(sa.delete(Intent).where(Intent.uid == writer.uid))


def abandon(database: Database, store: Store, writer: Writer, *, resumable: bool = False) -> bool:
    """Remove the files of an intent that came to nothing, and the intent.

    A writer that was taken for dead cleans up too: it may have written after the cleaning.

    Args:
        database: The catalogue.
        store: The registry's storage.
        writer: The writer.
        resumable: Set aside what can be continued, instead of removing it.

    Returns:
        Whether anything was set aside.
    """
    with database.write() as session:
        intent = session.execute(
            sa.select(Intent).where(Intent.uid == writer.uid)
        ).scalar_one_or_none()
        if intent is not None:
            if intent.state is IntentState.COMMITTED:
                return False
            intent.state = IntentState.CLEANING
        elif _recorded(session, writer.uid):
            return False
    aside = resumable and store.set_aside(writer.uid)
    try:
        _remove(store, writer.uid, writer.target)
    except RegistryError:
        # An object store does not answer: the next command removes what was sent there.
        give_up(database, writer.uid)
    else:
        finish(database, writer)
    return aside


def give_up(database: Database, uid: str) -> None:
    """Leave an intent to whoever comes next, as if its writer were dead."""
    with database.write() as session:
        session.execute(
            sa.update(Intent)
            .where(Intent.uid == uid)
            .values(owner={"host": None}, lease_until=Intent.opened_at)
        )


def _recorded(session: Session, uid: str) -> bool:
    """Return whether the catalogue has the files of an intent: a location, texts, or segments."""
    place = sa.select(Location.id).where(Location.uid == uid)
    texts = sa.select(KeptTexts.id).where(KeptTexts.uid == uid)
    segment = sa.select(Segment.id).where(Segment.name.startswith(f"{uid}/"))
    return any(session.execute(found).first() is not None for found in (place, texts, segment))


def recover(database: Database, store: Store, *, now: dt.datetime) -> list[str]:
    """Finish or undo what dead writers left, and return a sentence for each.

    A live writer's files are never touched.
    """
    with database.read() as session:
        dead = [
            intent.uid
            for intent in session.execute(sa.select(Intent)).scalars()
            if _dead(intent, now)
        ]
    _drop_selections(database, store)
    _drop_mixtures(database, store)
    drop_index_files(database, store)
    store.drop_unfinished(before=(now - RESUMABLE).timestamp())
    return [sentence for uid in dead if (sentence := _recover(database, store, uid, now))]


def _drop_selections(database: Database, store: Store) -> None:
    """Remove stored selections that no claim came of.

    A claim stores its selection while it alone may write to the catalogue. So whoever alone may
    write sees none that is about to be recorded.
    """
    wanted = sa.select(Selection.digest)
    # A claim about one field names a file of numbers beside its list.
    beside = sa.select(Claim.value[("shares", "bytes")].as_string()).where(
        Claim.property == Property.ORIGIN
    )

    def unknown(session: Session) -> set[str]:
        there = store.selections() - set(session.scalars(wanted))
        there -= set(session.scalars(sa.select(ErasedText.digest))) if there else there
        return there - set(session.scalars(beside)) if there else there

    with database.read() as session:
        if not unknown(session):
            return
    with database.write() as session:
        store.drop_selections(unknown(session))


def _drop_mixtures(database: Database, store: Store) -> None:
    """Remove drawn rows that no export came of; they are stored like selections."""
    wanted = sa.select(DrawnRows.digest).where(DrawnRows.digest.is_not(None)).distinct()
    there = store.mixtures()
    with database.read() as session:
        if not there or there <= set(session.scalars(wanted)):
            return
    with database.write() as session:
        store.drop_mixtures(store.mixtures() - {it for it in session.scalars(wanted) if it})


def drop_index_files(database: Database, store: Store) -> int:
    """Remove files of the index that nothing refers to, and return how many are left.

    They were replaced by others, and stay while somebody reads them. Files of a live intent are
    not touched, and only who alone may write sees none that is about to be recorded.
    """
    with database.read() as session:
        if not _unused(session, store):
            return 0
    with database.write() as session:
        return sum(not store.drop_index_file(name) for name in sorted(_unused(session, store)))


def _unused(session: Session, store: Store) -> set[str]:
    """Return what is among the index's files and belongs neither to the catalogue nor a writer."""
    there = store.index_files()
    busy = set(session.scalars(sa.select(Intent.uid)))
    sketched = sa.select(Location.uid).join(SketchTable, SketchTable.location_id == Location.id)
    used = {f"{SEGMENTS}/{name}" for name in session.scalars(sa.select(Segment.name))}
    used |= {f"{SKETCHES}/{uid}" for uid in session.scalars(sketched)}
    return {name for uid, names in there.items() if uid not in busy for name in names} - used


def _recover(database: Database, store: Store, uid: str, now: dt.datetime) -> str | None:
    with database.write() as session:
        intent = session.execute(
            sa.select(Intent).where(Intent.uid == uid).with_for_update()
        ).scalar_one_or_none()
        if intent is None or not _dead(intent, now):
            return None
        if _recorded(session, uid):
            session.delete(intent)
            return None
        target, forward = intent.target, intent.state is IntentState.COMMITTED
        if not forward:
            intent.state = IntentState.CLEANING
            intent.owner = _this_process()
            intent.lease_until = now + LEASE
    if forward:
        place = parse(target or "")
        try:
            done = appear(store, place, uid)
            there = done or contents.is_taken(place / SEAL)
        except RegistryError as error:
            # Whoever wants that export must choose; everybody else's commands go on.
            return f"{error.message}; {error.hint}"
        if not there:
            # Its disk may not be mounted here, or now.
            return f"an export to `{target}` waits to be finished, and its files are not to be seen"
        sentence = f"finished an export that was interrupted: `{target}`" if done else None
    elif store.set_aside(uid):
        _remove(store, uid, target)
        sentence = "kept what an interrupted command had read: the same command continues it"
    else:
        try:
            _remove(store, uid, target)
        except RegistryError as error:
            give_up(database, uid)
            return f"what was sent to `{target}` waits to be removed: {error.message}"
        sentence = "removed the files of a command that was interrupted"
    with database.write() as session:
        session.execute(sa.delete(Intent).where(Intent.uid == uid))
    return sentence


def is_target(database: Database, target: str) -> bool:
    """Return whether there is an intent to export to a place."""
    with database.read() as session:
        found = sa.select(Intent.id).where(Intent.target == target)
        return session.execute(found.limit(1)).first() is not None


def staged(store: Store, target: Place, uid: str) -> Path:
    """Return where an export is written before it appears: beside a folder, or in the storage."""
    if isinstance(target, Remote):
        return store.staging(uid) / "snapshot"
    return hidden(target, uid)


def appear(store: Store, target: Place, uid: str) -> bool:
    """Let a finished export appear; return whether there was anything left to do.

    Raises:
        ConflictError: The target is taken, or the disk refused; the export waits where it is.
        UnavailableError: The object store does not answer; likewise.
    """
    if not isinstance(target, Remote):
        return move_into_place(target, uid)
    folder = staged(store, target, uid)
    if not (folder / SEAL).is_file():
        store.end_staging(uid)
        return False
    try:
        publishing.finish(folder, target, seal=SEAL)
    except UnavailableError as error:
        raise UnavailableError(
            error.message, hint="the snapshot is recorded; the next command finishes it"
        ) from error
    store.end_staging(uid)
    return True


def hidden(target: Path, uid: str) -> Path:
    """Return where an export is written before it appears at its target."""
    return target.with_name(f".{target.name}.{uid}.partial")


def move_into_place(target: Path, uid: str) -> bool:
    """Let a finished export appear; return whether there was anything to move.

    An empty folder at the target is replaced, anything else there is left alone.

    Raises:
        ConflictError: The target is taken, or the disk refused; the export waits where it is.
    """
    source = hidden(target, uid)
    if not source.is_dir():
        return False
    try:
        source.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        taken = target.exists()
        raise ConflictError(
            f"`{target}` appeared while an export to it was being finished"
            if taken
            else f"`{target}` cannot be written: {error.strerror}",
            hint=f"the finished export is at `{source}`; move "
            + ("one of the two away" if taken else "it by hand"),
        ) from error
    return True


def _remove(store: Store, uid: str, target: str | None) -> None:
    place = None if target is None else parse(target)
    if isinstance(place, Remote):
        # First, because the files in the storage say which objects are ours.
        publishing.withdraw(staged(store, place, uid), place, seal=SEAL)
    store.remove(uid)
    if isinstance(place, Path):
        shutil.rmtree(hidden(place, uid), ignore_errors=True)


def _dead(intent: Intent, now: dt.datetime) -> bool:
    owner = intent.owner
    if owner.get("host") == _host():
        return not _alive(owner)
    return intent.lease_until < now


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {"host": _host(), "pid": pid, "started": _started(pid)}


def _host() -> str:
    """Return a name of where process ids mean something: machine, boot, and container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        boot = space = ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _started(pid: int) -> str | None:
    """Return when a process started, so that a reused process id is not taken for it.

    None where that cannot be known. A process that ended and was not yet waited for has ended.
    """
    try:
        # After the name in parentheses; field 3 of proc(5) is the state, 22 the time.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return None


def _alive(owner: dict[str, Any]) -> bool:
    pid = owner["pid"]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it exists and is another user's
    started = _started(pid)
    return started is None or bool(owner["started"] == started)
