"""Ask the index, and look at every document instead: both must say the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.digest import sha256_hex
from registry.core.sketch import SketchParams, sketch
from registry.db.models import Location, SketchTable
from registry.index.reading import Found, Index

_BITS = np.uint64(24)
NOWHERE = "A text that stands nowhere, long enough to have passages of its own, and bands as well."


def differences(session: Session, store: Store, texts: Iterable[str]) -> list[str]:
    """Return where the answers of the index are not what a look at all documents gives.

    Args:
        session: An open session.
        store: The registry's storage.
        texts: All texts that were registered, and maybe others.
    """
    asked = sorted({*texts, NOWHERE})
    numbers = {sha256_hex(text.encode()): at for at, text in enumerate(asked)}
    places = session.scalars(sa.select(Location).order_by(Location.id)).all()
    holds: dict[int, list[tuple[int, int]]] = {at: [] for at in range(len(asked))}
    for place in places:
        table = documents.load(store.documents(place.uid), digest=place.table_digest)
        hashes = documents.hashes_of(table.column("content_hash")).tobytes().hex()
        for row in range(table.num_rows):
            holds[numbers[hashes[row * 64 : row * 64 + 64]]].append((place.id, row))
    windows = {row.location_id: row.window for row in session.scalars(sa.select(SketchTable)).all()}
    found = []
    with Index.open(session, store) as index:
        hashes_asked = documents.as_hashes(b"".join(bytes.fromhex(name) for name in numbers))
        order = [numbers[name] for name in numbers]
        expected = {(at, *hit) for at in range(len(asked)) for hit in holds[order[at]]}
        found += _compared("content", index.content(hashes_asked), expected)
        if set(index.sketched()) != set(windows):
            found.append(f"{set(index.sketched())} are sketched, not {set(windows)}")
        found += _sketched(index, asked, holds, windows)
    return found


def _sketched(
    index: Index,
    asked: list[str],
    holds: dict[int, list[tuple[int, int]]],
    windows: dict[int, int | None],
) -> list[str]:
    data, ends = documents.text_buffers(pa.array(asked, pa.large_string()))
    whole = sketch(np.frombuffer(data, np.uint8), ends, params=SketchParams())
    rows = np.flatnonzero(whole.tokens)
    bands = whole.bands[rows]
    having: dict[int, set[tuple[int, int]]] = {}
    for at, keys in zip(rows.tolist(), bands.tolist(), strict=True):
        hits = {hit for hit in holds[at] if hit[0] in windows}
        for key in keys:
            having.setdefault(key, set()).update(hits)
    expected = {
        (number, *hit)
        for number, keys in enumerate(bands.tolist())
        for key in keys
        for hit in having[key]
    }
    found = _compared("bands", index.bands(bands), expected)
    for place, row in {hit for at in rows.tolist() for hit in holds[at] if hit[0] in windows}:
        (text,) = (at for at in holds if (place, row) in holds[at])
        if not (index.signatures(place, np.array([row])) == whole.signatures[text]).all():
            found.append(f"the signature of row {row} of location {place} is not that of its text")
    for window in {*windows.values()} - {None}:
        of = sketch(np.frombuffer(data, np.uint8), ends, window=window)
        keys, questions = np.unique(of.passages, return_inverse=True)
        expected = {
            (int(question), *hit)
            for question, at in zip(questions, of.passage_rows.tolist(), strict=True)
            for hit in holds[at]
            if windows.get(hit[0]) == window
        }
        among = [place for place, its in windows.items() if its == window]
        found += _compared("passages", index.passages(keys, among=among), expected)
    none = [place for place, its in windows.items() if its is None]
    if len(index.passages(whole.passages, among=none)):
        found.append("there are passages of a location that has none")
    return found


def _compared(what: str, found: Found, expected: set[tuple[Any, ...]]) -> list[str]:
    hits = list(
        zip(found.question.tolist(), found.location.tolist(), found.row.tolist(), strict=True)
    )
    if len(hits) != len(set(hits)):
        return [f"{what}: some are found twice"]
    if set(hits) != expected:
        more, less = set(hits) - expected, expected - set(hits)
        return [f"{what}: {len(less)} are not found, {len(more)} should not be: {less} {more}"]
    return []
