"""The verb: discover, read, publish the files, record."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from registry import intents, readers
from registry.blobs import DOCUMENTS, VAULT, Store
from registry.core.source import ReadOptions
from registry.db.models import (
    IntentKind,
)
from registry.db.session import Database
from registry.errors import InvalidInputError
from registry.places import Place
from registry.register.declaration import Declaration, Progress, Registration
from registry.register.reading import Asked, Clock, read
from registry.register.recording import record


def version(
    database: Database,
    store: Store,
    paths: Sequence[Place | str],
    declaration: Declaration,
    *,
    options: ReadOptions,
    clock: Clock,
    keep: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Registration:
    """Register the documents in some files as a version of a dataset.

    Content that the dataset already has makes no new version: what is new about it, a claim or a
    place, is added to the version it is.

    Args:
        database: The catalogue.
        store: The registry's own storage.
        paths: Files and folders, URIs, or standard input, as for `readers.discover`.
        declaration: What is said about the whole dataset.
        options: How files become documents, and what each record says itself.
        clock: The registry's clock.
        keep: Keep the texts in the vault, so that they outlive their files.
        on_progress: Called after each batch.

    Raises:
        InvalidInputError: A file, a field or the declaration; nothing is recorded then.
        ConflictError: The command was taken for dead meanwhile, or the clock went back.
        UnavailableError: The disk or the database refused.
    """
    declaration.check(options)
    found = readers.discover(paths, options)
    if not keep and any(isinstance(file, readers.PipedFile) for file in found.files):
        raise InvalidInputError(
            "standard input cannot be read again when its texts are exported",
            hint="keep the texts with `--keep`, or write them to a file first",
        )
    asked = Asked(found, declaration, options, keep)
    intents.recover(database, store, now=clock())
    writer = intents.open_intent(database, IntentKind.REGISTER, now=clock())
    try:
        draft = read(database, store, writer, asked, clock, on_progress)
        store.publish(writer.uid, DOCUMENTS)
        if keep:
            store.publish(writer.uid, VAULT)
        store.end_staging(writer.uid)
        with database.write() as session:
            result = record(session, writer, asked, draft, clock())
            if result.uses_table:
                intents.close(session, writer)
            else:
                intents.close_without_files(session, writer)
    except BaseException:
        intents.abandon(database, store, writer)
        raise
    if not result.uses_table:
        intents.abandon(database, store, writer)
    return result.registration
