"""A catalogue with made-up documents: hashes, signatures and passages without any text."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import DOCUMENTS, SEGMENTS, SKETCHES, Store
from registry.core.contents import Hashes
from registry.core.dataset import Visibility
from registry.core.sketch import SCHEME, Sketches, SketchParams, band_keys
from registry.db.models import (
    Dataset,
    DatasetVersion,
    Location,
    Namespace,
    Segment,
    SegmentKind,
    SketchTable,
)
from registry.db.session import Database
from registry.index import merge, parts
from registry.index.blocks import Keys
from registry.index.reading import Found, Index
from tests.world import START

PARAMS: Final = SketchParams(permutations=8, bands=4, rows=2)
WINDOW: Final = 18
FREE: Final = np.uint64(0xFFFFFFFFFF000000)
Answer = set[tuple[int, int, int]]


def hashes_of(numbers: list[int]) -> Hashes:
    raw = b"".join(hashlib.sha256(str(number).encode()).digest() for number in numbers)
    return np.frombuffer(raw, "S32")


def keys_of(numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Keys:
    """Return keys that are spread like hashes; equal numbers have equal keys."""
    return (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) & FREE


def questions_of(spread: int) -> list[list[int]]:
    """Return what may be asked for by bands: a number for each band."""
    return [[(one * factor) % spread for factor in (1, 7, 11, 13)] for one in range(spread)]


def bands_of(questions: list[list[int]]) -> Keys:
    return Documents([], questions, []).keys


@dataclass
class Documents:
    """Some documents: a number stands for a text, for a band key, for a passage."""

    texts: list[int]
    bands: list[list[int]]
    passages: list[list[int]]

    def __len__(self) -> int:
        return len(self.texts)

    def slice(self, begin: int, end: int) -> Documents:
        return Documents(self.texts[begin:end], self.bands[begin:end], self.passages[begin:end])

    @property
    def hashes(self) -> Hashes:
        return hashes_of(self.texts)

    @property
    def signatures(self) -> parts.Signatures:
        made = np.full((len(self.bands), PARAMS.permutations), 0xFFFFFFFF, np.uint32)
        for row, keys in enumerate(self.bands):
            if keys:
                made[row] = np.repeat(np.array(keys, np.uint32), 2)
        return made

    @property
    def keys(self) -> Keys:
        return band_keys(self.signatures, PARAMS)

    @property
    def sketches(self) -> Sketches:
        flat = np.array([one for each in self.passages for one in each], np.int64)
        owners = [row for row, each in enumerate(self.passages) for _ in each]
        return Sketches(
            self.signatures,
            np.array([len(keys) for keys in self.bands], np.int64),
            self.keys,
            keys_of(flat),
            np.array(owners, np.int32),
        )


def random_documents(rng: np.random.Generator, count: int, *, spread: int = 50) -> Documents:
    """Make documents that have much in common; one in ten has no token."""
    bands, passages = [], []
    for _ in range(count):
        empty = rng.random() < 0.1
        bands.append([] if empty else rng.integers(0, spread, PARAMS.bands).tolist())
        many = 0 if empty else int(rng.integers(0, 6))
        passages.append(sorted(set(rng.integers(0, spread, many).tolist())))
    return Documents(rng.integers(0, spread, count).tolist(), bands, passages)


def write_part(folder: Path, number: int, whole: Documents, *, batch: int = 7) -> parts.PartSketch:
    """Write the files of a part as registration does, in batches."""
    writer = parts.PartWriter(
        folder / SKETCHES / parts.sketch_name(number),
        folder / "runs" / parts.runs_name(number),
        params=PARAMS,
        window=WINDOW,
    )
    for begin in range(0, len(whole), batch):
        some = whole.slice(begin, begin + batch)
        writer.add(some.hashes, some.sketches)
    return writer.close()


@dataclass
class Catalogue:
    """Locations with such documents, in a real database and storage."""

    database: Database
    store: Store
    documents: dict[int, Documents] = field(default_factory=dict)
    uids: dict[int, str] = field(default_factory=dict)

    def add(self, *pieces: Documents, batch: int = 7) -> int:
        """Register documents, a part for each piece, and return the id of their location."""
        number = len(self.uids) + 1
        uid = f"{number:032x}"
        staging = self.store.staging(uid)
        for name in (SKETCHES, DOCUMENTS, "runs"):
            (staging / name).mkdir()
        for at, piece in enumerate(pieces):
            writer = documents.TableWriter(staging / DOCUMENTS / documents.part_name(at))
            rows = pa.record_batch({"content_hash": documents.hash_column(piece.hashes)})
            writer.add(rows)
            writer.close(rows.schema)
        digest = documents.digest_table(staging / DOCUMENTS)
        made = [write_part(staging, at, piece, batch=batch) for at, piece in enumerate(pieces)]
        files = [
            (
                staging / SKETCHES / parts.sketch_name(at),
                staging / "runs" / parts.runs_name(at),
                len(piece),
            )
            for at, piece in enumerate(pieces)
        ]
        segments = merge.build(staging / SEGMENTS, uid, files, params=PARAMS, window=WINDOW)
        shutil.rmtree(staging / "runs")
        self.store.publish(uid, DOCUMENTS)
        self.store.publish(uid, SKETCHES)
        self.store.publish(uid, SEGMENTS)
        self.store.end_staging(uid)
        with self.database.write() as session:
            location = self._location(session, uid, digest, sum(map(len, pieces)))
            session.add(
                SketchTable(
                    location_id=location,
                    scheme=SCHEME,
                    permutations=PARAMS.permutations,
                    window=WINDOW,
                    documents=sum(part.documents for part in made),
                    sketched=sum(part.sketched for part in made),
                    digest=parts.digest_of(part.digest for part in made),
                    made_at=START,
                )
            )
            session.add_all(rows_of(segments, uid))
        self.uids[location] = uid
        self.documents[location] = Documents(
            [one for piece in pieces for one in piece.texts],
            [one for piece in pieces for one in piece.bands],
            [one for piece in pieces for one in piece.passages],
        )
        return location

    def _location(self, session: Session, uid: str, digest: str, count: int) -> int:
        team = session.scalar(sa.select(Namespace))
        if team is None:
            team = Namespace(name="local", visibility=Visibility.PRIVATE, created_at=START)
            session.add(team)
            session.flush()
        owner = Dataset(
            namespace_id=team.id, name=uid, visibility=Visibility.PRIVATE, created_at=START
        )
        session.add(owner)
        session.flush()
        version = DatasetVersion(
            dataset_id=owner.id,
            number=1,
            content_root="0" * 64,
            documents=count,
            distinct=0,
            empty=0,
            bytes=0,
            words=0,
            registered_at=START,
        )
        session.add(version)
        session.flush()
        location = Location(
            version_id=version.id,
            uid=uid,
            base="/nowhere",
            options={},
            files=[],
            order_root="0" * 64,
            table_digest=digest,
            claims_root=None,
            kept=False,
            sources=[],
            registered_at=START,
        )
        session.add(location)
        session.flush()
        return location.id

    # What the answers must be.

    def content(self, texts: list[int]) -> Answer:
        return {
            (question, location, row)
            for question, text in enumerate(texts)
            for location, some in self.documents.items()
            for row, one in enumerate(some.texts)
            if one == text
        }

    def bands(self, questions: list[list[int]]) -> Answer:
        return {
            (question, location, row)
            for question, keys in enumerate(questions)
            for location, some in self.documents.items()
            for row, have in enumerate(some.bands)
            if any(one == other for one, other in zip(have, keys, strict=False))
        }

    def passages(self, keys: list[int]) -> Answer:
        return {
            (question, location, row)
            for question, key in enumerate(keys)
            for location, some in self.documents.items()
            for row, have in enumerate(some.passages)
            if key in have
        }

    def compare(self, index: Index, spread: int = 60) -> None:
        """Ask everything there is to ask, and compare with what the answers must be."""
        numbers = list(range(spread))
        assert answer(index.content(hashes_of(numbers))) == self.content(numbers)
        questions = questions_of(spread)
        assert answer(index.bands(bands_of(questions))) == self.bands(questions)
        assert answer(index.passages(keys_of(np.array(numbers)))) == self.passages(numbers)
        for location, some in self.documents.items():
            rows = np.arange(len(some))[::-1]
            assert (index.signatures(location, rows) == some.signatures[::-1]).all()


def rows_of(segments: list[merge.MadeSegment], uid: str) -> list[Segment]:
    return [
        Segment(
            name=f"{uid}/{made.name}",
            kind=made.kind,
            scheme=made.scheme,
            documents=made.documents,
            entries=made.entries,
            bytes=made.bytes,
            digest=made.digest,
            made_at=START,
        )
        for made in segments
    ]


def answer(found: Found) -> Answer:
    """Return what was found; no answer may be given twice."""
    rows = list(
        zip(found.question.tolist(), found.location.tolist(), found.row.tolist(), strict=True)
    )
    assert len(set(rows)) == len(rows)
    return set(rows)


__all__ = ["SegmentKind"]
