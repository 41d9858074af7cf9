"""First seen by a field of the data, such as the name of the page that a document is a state of.

Document tables do not hold such fields, so the files are read again: their texts, each of which is
compared with what was registered, and then the field beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from registry import documents, readers
from registry.blobs import Store
from registry.core.contents import Rows
from registry.core.source import ReadOptions
from registry.db.models import Location
from registry.errors import ConflictError
from registry.places import parse
from registry.query import catalogue
from registry.query.first_seen.finding import FirstSeen
from registry.query.standing import NEVER


def group_record(
    store: Store, seen: FirstSeen, field: str, *, place: Location, cutoff: int
) -> dict[str, Any]:
    """Return how many values of a field were first seen before a time: by any of their documents.

    Args:
        store: The registry's storage.
        seen: When each document was first seen.
        field: The path of a field of the records, or names of nested ones joined by dots.
        place: The version's first location.
        cutoff: Microseconds since 1970 UTC.

    Raises:
        ConflictError: The files do not have the texts that were registered.
        InvalidInputError: A file cannot be read, or its records have no such field.
    """
    _check_texts(seen, place)
    names: list[str] = []
    codes = _codes(store, place, field, names)
    earliest = np.full(len(names), NEVER, np.int64)
    given = codes >= 0
    np.minimum.at(earliest, codes[given], seen.not_after[given])
    return {
        "field": field,
        "values": len(names),
        "before": int(np.count_nonzero(earliest < cutoff)),
        "later": int(np.count_nonzero((earliest >= cutoff) & (earliest != NEVER))),
        "undated": int(np.count_nonzero(earliest == NEVER)),
        "documents_without": int(np.count_nonzero(~given)),
    }


def _check_texts(seen: FirstSeen, place: Location) -> None:
    """Read all texts of a place from its files, and compare them with what was registered."""
    at, same = 0, True
    for batch in _read(place, ReadOptions.from_json(place.options)):
        hashes = documents.as_hashes(documents.hash_texts(batch.column("text")))
        expected = seen.hashes[at : at + len(hashes)]
        at += len(hashes)
        same = len(hashes) == len(expected) and bool((hashes == expected).all())
        if not same:
            break
    if not same or at != len(seen.hashes):
        raise ConflictError(
            f"the files of `{place.base}` do not have the texts that were registered from them as "
            f"`{catalogue.ref_of(seen.version).short}`",
            hint="restore the files, or leave out `--by`",
        )


def _codes(store: Store, place: Location, field: str, names: list[str]) -> Rows:
    """Return which value each document has, -1 for none, and append the values to `names`."""
    keys = np.concatenate([*_keys(store, place)])
    codes = np.full(len(keys), -1, np.int64)
    known: dict[str, int] = {}
    for batch in _values(place, field):
        encoded = batch.column("text").dictionary_encode()
        own = [
            known.setdefault(value, len(known)) if value else -1
            for value in encoded.dictionary.to_pylist()
        ]
        values = np.array(own, np.int64)[np.asarray(encoded.indices)]
        mine = _key(batch)
        # Documents of one record stand side by side, in the order of the records.
        low, high = np.searchsorted(keys, mine), np.searchsorted(keys, mine, side="right")
        widths = high - low
        at = np.repeat(low - np.cumsum(widths) + widths, widths) + np.arange(widths.sum())
        codes[at] = np.repeat(values, widths)
    names += known
    return codes


def _keys(store: Store, place: Location) -> Iterator[Rows]:
    table = documents.read(
        store.documents(place.uid), digest=place.table_digest, columns=["file", "record"]
    )
    for batch in table:
        yield _key(batch)


def _key(batch: pa.RecordBatch) -> Rows:
    """Return one number for each row's file and record, which ascend as documents are read."""
    file, record = (np.asarray(batch.column(name), np.int64) for name in ("file", "record"))
    return np.asarray((file << 40) + record)


def _values(place: Location, field: str) -> Iterator[pa.RecordBatch]:
    options = ReadOptions.from_json(place.options)
    alone = replace(
        options,
        text_fields=(field,),
        split_fields=(),
        origin_by_field=(),
        origin_field=None,
        origin_map=(),
        generator_field=None,
        language_field=None,
        date_fields=(),
    )
    return _read(place, alone)


def _read(place: Location, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    base = parse(place.base)
    files = [base / file["name"] for file in place.files]
    return readers.documents(readers.discover(files, options, every=True).files, options)
