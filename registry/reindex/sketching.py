"""Sketch the documents of a location again, from their texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry import documents
from registry.blobs import Store
from registry.core import sketch
from registry.core.contents import Hashes, Mask
from registry.core.sketch import SketchParams
from registry.db.models import Location
from registry.db.session import Database
from registry.errors import ConflictError
from registry.index import parts
from registry.query import catalogue
from registry.query.texts import SourceFailedError, TextSource, Wanted


@dataclass(frozen=True, slots=True)
class Resketched:
    """Sketches that were made again.

    Attributes:
        digest: Over the digests of the files.
        documents: How many documents.
        sketched: How many of them have a token.
    """

    digest: str
    documents: int
    sketched: int


def rows_of_parts(folder: Path) -> list[int]:
    """Return how many rows each file of a document table has.

    Raises:
        ConflictError: One cannot be read.
    """
    try:
        return [pq.read_metadata(path).num_rows for path in documents.files_of(folder)]
    except (OSError, pa.ArrowException) as error:
        raise ConflictError(
            f"the document table `{folder}` cannot be read: {error}",
            hint="restore the storage folder from a backup",
        ) from error


def hashes_of(store: Store, location: Location) -> Hashes:
    """Return the contents of a location's documents in order.

    Raises:
        ConflictError: Its document table is missing or was changed.
    """
    read = documents.read(
        store.documents(location.uid), digest=location.table_digest, columns=["content_hash"]
    )
    found = [documents.hashes_of(batch.column("content_hash")) for batch in read]
    return np.concatenate(found) if found else np.empty(0, "S32")


def again(
    database: Database,
    store: Store,
    location: Location,
    folder: Path,
    *,
    params: SketchParams,
    window: int | None,
    erased: Mask | None = None,
    on_progress: Callable[[int], None],
) -> Resketched:
    """Write the sketch files of a location from its texts, wherever those are to be had.

    The files are of the same rows as those of the document table. Every text is hashed, and is
    the one that was registered.

    Args:
        database: The catalogue.
        store: The registry's storage.
        location: The location.
        folder: Where the files go; beside them, runs that nobody needs and texts are put for the
            time being.
        params: What the sketches are.
        window: What the passages are the least of; None for none.
        erased: Documents whose texts were erased: they have no sketch; None for none.
        on_progress: Called with how many more documents are done.

    Raises:
        ConflictError: The texts cannot be had.
        OSError: The disk refused.
    """
    hashes = hashes_of(store, location)
    sizes = rows_of_parts(store.documents(location.uid))
    wanted = Wanted(
        catalogue.ref_of(location.version),
        location.version,
        location.order_root,
        hashes,
        np.arange(len(hashes)) if erased is None else np.flatnonzero(~erased),
    )
    avoid: set[str] = set()
    failed: SourceFailedError | None = None
    while True:
        source = TextSource(database, store, folder / "texts", avoid=avoid, ahead=False)
        if failed is not None and all(one.uid in avoid for one in source.places(wanted.version)):
            raise failed
        try:
            texts: Iterator[pa.Array] = source.texts(wanted) if len(wanted.rows) else iter(())
            if erased is not None:
                texts = _with_gaps(texts, erased)
            made = list(
                _written(texts, hashes, sizes, folder, params, window, on_progress=on_progress)
            )
        except SourceFailedError as error:
            failed = error
            avoid.add(error.uid)
            continue
        return Resketched(
            parts.digest_of(part.digest for part in made),
            sum(part.documents for part in made),
            sum(part.sketched for part in made),
        )


def _written(
    texts: Iterator[pa.Array],
    hashes: Hashes,
    sizes: list[int],
    folder: Path,
    params: SketchParams,
    window: int | None,
    *,
    on_progress: Callable[[int], None],
) -> Iterator[parts.PartSketch]:
    """Write a sketch file for each part, and give what it holds."""
    rest = pa.array([], pa.large_string())
    at = 0
    for number, size in enumerate(sizes):
        runs = folder / parts.runs_name(number)
        writer = parts.PartWriter(
            folder / "sketches" / parts.sketch_name(number), runs, params=params, window=window
        )
        try:
            end = at + size
            while at < end:
                if not len(rest):
                    rest = next(texts)
                some, rest = rest[: end - at], rest[end - at :]
                data, offsets = documents.text_buffers(some)
                sketches = sketch.sketch(
                    np.frombuffer(data, np.uint8), offsets, params=params, window=window
                )
                writer.add(hashes[at : at + len(some)], sketches)
                at += len(some)
                on_progress(len(some))
            yield writer.close()
            runs.unlink()
        finally:
            writer.discard()


def _with_gaps(texts: Iterator[pa.Array], erased: Mask) -> Iterator[pa.Array]:
    """Give the texts of all rows, of those that were erased nothing."""
    at = 0
    nothing = pa.array([""], pa.large_string())
    for batch in chain(texts, (None,)):
        taken = 0
        size = 0 if batch is None else len(batch)
        while at < len(erased) and (taken < size or erased[at]):
            if erased[at]:
                yield nothing
                at += 1
                continue
            end = at + 1
            while end < len(erased) and not erased[end] and taken + end - at < size:
                end += 1
            yield batch.slice(taken, end - at)
            taken, at = taken + end - at, end
