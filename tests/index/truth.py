"""What the index of a world must answer, from its texts alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from registry import documents
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.core.sketch import Sketches, sketch
from registry.db.models import Location, Segment, SketchTable
from registry.db.session import Database
from registry.index.reading import Index
from registry.query import catalogue
from tests.index.making import answer
from tests.world import World


def sketch_all(texts: Sequence[str]) -> Sketches:
    data, offsets = documents.text_buffers(pa.array(texts, pa.large_string()))
    return sketch(np.frombuffer(data, np.uint8), offsets)


def compare(database: Database, store: Store, texts: Mapping[str, Sequence[str]]) -> None:
    """Ask for every text of every dataset, which has one location each, and compare.

    Args:
        database: The catalogue.
        store: The registry's storage.
        texts: The texts of each dataset that is in the index.
    """
    names = list(texts)
    with database.read() as session:
        ids = {
            name: session.scalar(
                sa.select(sa.func.min(Location.id)).where(
                    Location.version_id == catalogue.version(session, DatasetRef.parse(name)).id
                )
            )
            for name in names
        }
        with Index.open(session, store) as index:
            everything = [
                (ids[name], row, text) for name in names for row, text in enumerate(texts[name])
            ]
            whole = sketch_all([text for _, _, text in everything])
            places = [(place, row) for place, row, _ in everything]
            raw = b"".join(hashlib.sha256(text.encode()).digest() for _, _, text in everything)
            found = index.content(np.frombuffer(raw, "S32"))
            assert answer(found) == {
                (question, *place)
                for question, (_, _, asked) in enumerate(everything)
                for place, (_, _, text) in zip(places, everything, strict=True)
                if text == asked
            }
            live = np.flatnonzero(whole.tokens)
            expected = {
                (question, *places[other])
                for question, row in enumerate(live.tolist())
                for other in live.tolist()
                if (set(whole.bands[row].tolist()) & set(whole.bands[other].tolist()))
            }
            assert answer(index.bands(whole.bands[live])) == expected
            keys = np.unique(whole.passages)
            assert answer(index.passages(keys)) == {
                (int(np.searchsorted(keys, key)), *places[row])
                for key, row in zip(whole.passages, whole.passage_rows.tolist(), strict=True)
            }
            for name in names:
                place = ids[name]
                assert place is not None
                rows = np.arange(len(texts[name]))
                mine = [at for at, (one, _) in enumerate(places) if one == place]
                assert (index.signatures(place, rows) == whole.signatures[mine]).all()


def forget(world: World) -> None:
    """Leave the catalogue as a release without an index would have left it."""
    with world.database.write() as session:
        session.execute(sa.delete(Segment))
        session.execute(sa.delete(SketchTable))
