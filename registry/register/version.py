"""The verb: discover, read, publish the files, record."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from registry import documents, intents, merging, readers
from registry.blobs import DOCUMENTS, VAULT, Store
from registry.core.dataset import Role
from registry.core.sketch import EVALUATION_WINDOW, WINDOW
from registry.core.source import ReadOptions
from registry.db.models import DatasetVersion, IntentKind
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError, RegistryError
from registry.intake.pool import Pool
from registry.intake.run import Draft, Phase, Progress
from registry.places import Place
from registry.query.returning import Returned, returning
from registry.register import indexing, known
from registry.register.declaration import Declaration, Outcome, Registration
from registry.register.indexing import Made, Wanted
from registry.register.reading import Asked, Clock, cannot_write, read
from registry.register.recording import Recorded, record, wanted


def version(
    database: Database,
    store: Store,
    paths: Sequence[Place | str],
    declaration: Declaration,
    *,
    options: ReadOptions,
    clock: Clock,
    keep: bool = False,
    window: int | None = WINDOW,
    reread: bool = False,
    jobs: int | None = None,
    dry_run: bool = False,
    allow_withdrawn: bool = False,
    pool: Pool | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Registration:
    """Register the documents in some files as a version of a dataset.

    Content that the dataset already has makes no new version: what is new about it, a claim or a
    place, is added to the version it is. Files that have not changed since they were registered
    with the same options, by path, size and times, are not read again; nor is what an interrupted
    registration of the same dataset had finished.

    Args:
        database: The catalogue.
        store: The registry's own storage.
        paths: Files and folders, URIs, or standard input, as for `readers.discover`.
        declaration: What is said about the whole dataset.
        options: How files become documents, and what each record says itself.
        clock: The registry's clock.
        keep: Keep the texts in the vault, so that they outlive their files.
        window: Passages are the least of so many hashes in a row; None for no passages. Of an
            evaluation set, they are those of `EVALUATION_WINDOW` at most, whatever is asked for.
        reread: Read every file, also those that have not changed.
        jobs: How many processes may read at once; None for as many as there are cores.
        dry_run: Do everything, and record nothing.
        allow_withdrawn: Register also texts that were erased before.
        pool: Processes that read, for use by several registrations; by default, own ones.
        on_progress: Called after each batch.

    Raises:
        InvalidInputError: A file, a field or the declaration; nothing is recorded then.
        ConflictError: The command was taken for dead meanwhile, or the clock went back; or there
            are texts that were erased.
        UnavailableError: The disk or the database refused.
    """
    declaration.check(options)
    if declaration.role is Role.EVALUATION:
        window = min(window or EVALUATION_WINDOW, EVALUATION_WINDOW)
    found = readers.discover(paths, options)
    if not keep and any(isinstance(file, readers.PipedFile) for file in found.files):
        raise InvalidInputError(
            "standard input cannot be read again when its texts are exported",
            hint="keep the texts with `--keep`, or write them to a file first",
        )
    asked = Asked(found, declaration, options, keep, window, reread, jobs, started=clock())
    intents.recover(database, store, now=clock())
    writer = intents.open_intent(database, IntentKind.REGISTER, now=clock())
    try:
        with nullcontext(pool) if pool else Pool() as workers:
            draft, needed = _read(
                database, store, writer, asked, pool=workers, clock=clock, on_progress=on_progress
            )
        returned = _returned(database, store, writer, allowed=allow_withdrawn)
        made = _indexed(
            database, store, writer, asked, draft, needed, clock=clock, on_progress=on_progress
        )
        if dry_run:
            result = _tried(database, store, writer, asked, draft, made, clock=clock)
        else:
            result = _recorded(database, store, writer, asked, draft, made, clock=clock)
    except BaseException as error:
        intents.abandon(database, store, writer, resumable=not _is_full(error))
        raise
    if dry_run or not result.uses_table:
        # What an interrupted registration had read is still of use after it was tried out.
        intents.abandon(database, store, writer, resumable=dry_run and draft.continued)
    done = replace(result.registration, returned=returned)
    if dry_run:
        return done
    if result.uses_table:
        uncompared = _compared(database, store, clock)
        uncompacted = _compacted(database, store, clock)
        done = replace(done, uncompared=uncompared, uncompacted=uncompacted)
    try:
        with database.read() as session:
            here = session.get_one(DatasetVersion, done.version.id)
            return replace(done, known=known.record(session, store, here))
    except RegistryError as error:
        # What is recorded stands, whatever cannot be told about it.
        return replace(done, uncompared=done.uncompared or error.message)


def _read(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: Asked,
    *,
    pool: Pool,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None,
) -> tuple[Draft, Wanted]:
    """Read the files, and return what that gave, and what of it the index needs."""
    draft = read(database, store, writer, asked, pool=pool, clock=clock, on_progress=on_progress)
    with database.read() as session:
        needed = wanted(session, asked, draft)
    if needed is not Wanted.ALL or draft.sketched:
        return draft, needed
    # Known documents in another selection or order: they are a version of their own.
    again = read(
        database,
        store,
        writer,
        asked,
        pool=pool,
        clock=clock,
        on_progress=on_progress,
        sketched=True,
    )
    return again, needed


def _returned(
    database: Database, store: Store, writer: intents.Writer, *, allowed: bool
) -> tuple[Returned, ...]:
    """Return which withdrawals some of the documents come again after.

    Raises:
        ConflictError: There are any, and they are not allowed to.
    """
    folder = store.staging(writer.uid) / DOCUMENTS
    with database.read() as session:
        found = tuple(returning(session, store, documents.hashes_in(folder)))
    erased = [it for it in found if it.erased]
    if erased and not allowed:
        # Nor is what was read of them kept for another try.
        intents.abandon(database, store, writer)
        first = erased[0]
        several = (
            f"{first.documents:,} documents have texts"
            if first.documents > 1
            else ("1 document has a text")
        )
        raise ConflictError(
            f"{several} of {first.words}",
            hint="leave them out; or, if that is over, add `--allow-withdrawn`",
        )
    return found


def _indexed(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: Asked,
    draft: Draft,
    needed: Wanted,
    *,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None,
) -> Made:
    """Make the index files of what was read, as far as they will be of use."""

    def watch() -> None:
        intents.renew(database, writer, now=clock())
        if on_progress:
            on_progress(replace(draft.progress, phase=Phase.INDEXING))

    try:
        return indexing.make(asked, draft, store.staging(writer.uid), needed, on_progress=watch)
    except OSError as error:
        raise cannot_write(store, error) from error


def _recorded(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: Asked,
    draft: Draft,
    made: Made,
    *,
    clock: Clock,
) -> Recorded:
    """Put the files into their place, then record everything in one transaction."""
    store.publish(writer.uid, DOCUMENTS)
    if asked.keep:
        store.publish(writer.uid, VAULT)
    indexing.publish(store, writer.uid, made)
    store.end_staging(writer.uid)
    with database.write() as session:
        result = record(session, writer, asked, draft, made, clock())
        if result.uses_table:
            intents.close(session, writer)
        else:
            intents.close_without_files(session, writer)
    if made.wanted is Wanted.ALL and result.registration.outcome is not Outcome.REGISTERED:
        # Another command has recorded this content since: of the index, less is needed.
        intents.drop_index_files(database, store)
    return result


@dataclass(slots=True)
class _Undone(Exception):  # noqa: N818 - it ends a transaction, and nobody else sees it
    result: Recorded


def _tried(
    database: Database,
    store: Store,
    writer: intents.Writer,
    asked: Asked,
    draft: Draft,
    made: Made,
    *,
    clock: Clock,
) -> Recorded:
    """Record everything in a transaction that is then undone."""
    try:
        with database.write() as session:
            result = record(session, writer, asked, draft, made, clock())
            done = result.registration
            would = known.tried(session, store.trying(writer.uid), done.version, clock())
            session.expunge_all()
            raise _Undone(replace(result, registration=replace(done, known=would)))
    except _Undone as undone:
        return undone.result


def _compared(database: Database, store: Store, clock: Clock) -> str | None:
    """Compare documents with those of other versions; return why not, which undoes nothing."""
    try:
        known.compare(database, store, clock=clock)
        missing = known.not_indexed(database, store)
    except RegistryError as error:
        return error.message
    # A catalogue of an earlier release has versions that nothing was compared with.
    several = f"{missing:,} documents" if missing > 1 else "1 document"
    said = f"{several} of others not in the index: run `firsthand index rebuild`"
    return said if missing else None


def _compacted(database: Database, store: Store, clock: Clock) -> str | None:
    """Merge small index files; return why that could not be done, which undoes nothing."""
    try:
        problem = merging.compact(database, store, clock=clock).problem
    except RegistryError as error:
        problem = error
    return None if problem is None else problem.message


def _is_full(error: BaseException) -> bool:
    """Return whether the storage has no room: then nothing is left lying there."""
    cause = error.__cause__
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(cause, OSError) and cause.errno in full
