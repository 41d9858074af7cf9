"""Which texts, and how much of each, are of one field of the records they were read from.

Where each field became a document of its own, those documents are of the field. Where several were
joined into one, the files are read again in the way in which a registration by field counts its
exact shares; if they are not there any more, all of each document is taken for the field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from registry import documents, readers
from registry.blobs import Store
from registry.core.contents import Hashes, Mask, distinct_at, member
from registry.core.dataset import Origin
from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.core.source import ReadOptions
from registry.db.models import DatasetVersion, Location
from registry.errors import ConflictError, InvalidInputError, RegistryError
from registry.lifecycle.asserting import Assertion
from registry.lifecycle.selections import Chosen
from registry.places import parse
from registry.query import catalogue
from registry.query.standing.fields import ALL_OF_IT, FieldShares


@dataclass(frozen=True, slots=True)
class OfField:
    """The texts of a field.

    Attributes:
        said: What is claimed of them.
        chosen: The texts, and the shares of their other fields where they have any.
        whole: Why all of each document is taken for the field, or None if that is not so.
    """

    said: Assertion
    chosen: Chosen
    whole: str | None = None


def of_field(
    session: Session,
    store: Store,
    version: DatasetVersion,
    field: str,
    said: Assertion,
    *,
    within: Chosen | None = None,
) -> OfField:
    """Return what a claim about one field of a version's records is about.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        field: The field, as it was named when the version was registered.
        said: What is claimed of the field.
        within: Only these texts, or None for all.

    Raises:
        InvalidInputError: No document is of such a field, or nothing can be claimed of it.
        ConflictError: The document table is missing or was changed.
    """
    named: list[str] = []
    for place in catalogue.locations(session, version):
        options = ReadOptions.from_json(place.options)
        split = [path for path, _ in options.split_fields]
        joined = _fields(options)
        named += [path for path in split + joined if path not in named]
        if field in split:
            hashes = _cut(store, place, split.index(field))
            return OfField(said, _chosen(hashes, field, within))
        if field in joined:
            if len(joined) == 1:
                return OfField(said, _chosen(_all(store, place), field, within))
            return _joined(store, place, field, said, within)
    fields = ", ".join(f"`{path}`" for path in named)
    raise InvalidInputError(
        f"`{catalogue.ref_of(version).short}` was not registered with a field `{field}`",
        hint=f"its fields are {fields}" if named else "leave out `--field`: its texts are of one",
    )


def _fields(options: ReadOptions) -> list[str]:
    """Return the fields that are joined into one document."""
    return list(options.text_fields) or [path for path, _ in options.origin_by_field]


def _chosen(
    hashes: Hashes, field: str, within: Chosen | None, more: dict[str, Any] | None = None
) -> Chosen:
    found = np.unique(hashes)
    companion: dict[str, Any] = {}
    if within is not None:
        found = found[member(found, np.unique(within.hashes))]
        companion |= within.companion
    if not len(found):
        raise InvalidInputError(f"none of the texts is of the field `{field}`")
    return Chosen(found, companion | {"field": field} | (more or {}))


def _all(store: Store, place: Location) -> Hashes:
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash"]
    )
    return documents.hashes_of(table.column("content_hash"))


def _cut(store: Store, place: Location, part: int) -> Hashes:
    """Return the documents that a field gave."""
    table = documents.load(
        store.documents(place.uid), digest=place.table_digest, columns=["content_hash", "part"]
    )
    hashes = documents.hashes_of(table.column("content_hash"))
    mine: Mask = np.asarray(table.column("part").to_numpy()) == part
    return hashes[mine]


def _joined(
    store: Store,
    place: Location,
    field: str,
    said: Assertion,
    within: Chosen | None,
) -> OfField:
    if "origin" not in said.value:
        return OfField(said, _chosen(_all(store, place), field, within))
    origin = Origin(said.value["origin"])
    if origin in (Origin.HUMAN, Origin.MIXED):
        raise InvalidInputError(
            f"that one field of a document is {origin} says nothing about the rest of it",
            hint="leave out `--field`, and claim what the whole document is",
        )
    expected = _all(store, place)
    try:
        hashes, others = _read_again(place, field, expected)
    except RegistryError as error:
        return OfField(said, _chosen(expected, field, within, {"whole": True}), error.message)
    chosen = _chosen(hashes, field, within)
    others = others[np.searchsorted(hashes, chosen.hashes)]
    raw = FieldShares.raw(others)
    digests = {
        "texts": sha256_hex(SELECTION_PREFIX + chosen.hashes.tobytes()),
        "bytes": sha256_hex(SELECTION_PREFIX + raw),
    }
    whole = bool((others == ALL_OF_IT).all())
    value = dict(said.value)
    if not whole:
        value["origin"] = str(Origin.MIXED)
    companion = {**chosen.companion, "field_origin": str(origin), FieldShares.KEY: digests}
    return OfField(
        replace(said, value=value), Chosen(chosen.hashes, companion, {digests["bytes"]: raw})
    )


def _read_again(
    place: Location, field: str, expected: Hashes
) -> tuple[Hashes, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return the texts with bytes of the field, ascending, and the bytes of the other fields.

    Raises:
        RegistryError: The files are not there, or are not those that were registered.
    """
    options = ReadOptions.from_json(place.options)
    asked = replace(
        options,
        text_fields=(),
        split_fields=(),
        origin_field=None,
        origin_map=(),
        origin_by_field=tuple(
            (path, Origin.AI if path == field else Origin.HUMAN) for path in _fields(options)
        ),
    )
    hashes: list[Hashes] = []
    others: list[np.ndarray[Any, np.dtype[np.int64]]] = []
    begin = 0
    for batch in _batches(place, asked):
        found = documents.as_hashes(documents.hash_texts(batch.column("text")))
        end = begin + len(found)
        if end > len(expected) or (found != expected[begin:end]).any():
            raise ConflictError(f"`{place.base}` does not hold the texts that were registered")
        begin = end
        mine = np.asarray(batch.column("ai_bytes").to_numpy(), np.int64)
        rest = np.asarray(batch.column("human_bytes").to_numpy(), np.int64)
        spoken: Mask = mine > 0
        hashes.append(found[spoken])
        others.append(np.where(rest > 0, rest, ALL_OF_IT)[spoken])
    if begin != len(expected):
        raise ConflictError(f"`{place.base}` has fewer documents than were registered")
    texts, numbers = np.concatenate(hashes), np.concatenate(others)
    # Of equal texts that were joined of other parts, the one with the fewest other bytes counts.
    order = np.lexsort((numbers, texts))
    first = distinct_at(texts[order])
    return texts[order][first], numbers[order][first]


def _batches(place: Location, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    base = parse(place.base)
    files = [base / file["name"] for file in place.files]
    return readers.documents(readers.discover(files, options, every=True).files, options)
