"""Whatever happens to a file of the index: the answers are right, or the damage is said."""

from __future__ import annotations

import os
import random
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import reindex
from registry.blobs import Store
from registry.db.models import SegmentKind
from registry.db.session import Database
from registry.errors import ConflictError
from registry.index import blocks, parts
from registry.index.blocks import BlockFile, BlockWriter, Rows
from registry.index.entries import locals_of
from registry.index.reading import Index
from registry.index.segment import SegmentFile
from tests.index.making import (
    Catalogue,
    bands_of,
    hashes_of,
    keys_of,
    questions_of,
    random_documents,
)
from tests.world import migrate


@dataclass
class Bent:
    """A catalogue whose files are damaged and made whole again."""

    catalogue: Catalogue
    saved: Path
    files: list[Path] = field(default_factory=list)

    def restore(self) -> None:
        shutil.rmtree(self.catalogue.store.root)
        shutil.copytree(self.saved, self.catalogue.store.root)

    def answers(self) -> str:
        """Return `right`, or what was said; a wrong answer fails the test."""
        said = "right"
        with self.catalogue.database.read() as session:
            try:
                index = Index.open(session, self.catalogue.store)
            except ConflictError as error:
                return _said(error)
            with index:
                for ask in self._questions(index):
                    try:
                        ask()
                    except ConflictError as error:
                        said = _said(error)
        return said

    def _questions(self, index: Index) -> Iterator[Callable[[], None]]:
        """Give questions one by one: another file than the damaged one must answer all the same."""
        made = self.catalogue
        for number in range(0, 50, 7):
            keys, question = keys_of(np.array([number])), [number, 3, 5, number]
            yield lambda number=number: _same(  # type: ignore[misc]
                index.content(hashes_of([number])), made.content([number])
            )
            yield lambda question=question: _same(  # type: ignore[misc]
                index.bands(bands_of([question])), made.bands([question])
            )
            yield lambda keys=keys, number=number: _same(  # type: ignore[misc]
                index.passages(keys), made.passages([number])
            )
        for place, documents in made.documents.items():
            for row in range(0, len(documents), 9):
                yield lambda place=place, row=row, documents=documents: _equal(  # type: ignore[misc]
                    index.signatures(place, np.array([row])), documents.signatures[[row]]
                )
        for kind in SegmentKind:
            yield lambda kind=kind: _whole(index.joined(kind, 1))  # type: ignore[misc]

    def problems(self) -> list[str]:
        """Return what `index verify` says."""
        found = reindex.check(
            self.catalogue.database, self.catalogue.store, rng=np.random.default_rng(1)
        )
        return [it.message for it in found.problems]


def _said(error: ConflictError) -> str:
    assert error.hint == "run `firsthand index rebuild`"
    return error.message


def _same(found: Any, expected: set[tuple[int, int, int]]) -> None:
    rows = zip(found.question.tolist(), found.location.tolist(), found.row.tolist(), strict=True)
    assert set(rows) == expected


def _equal(one: Any, two: Any) -> None:
    assert (one == two).all()


def _whole(pairs: Iterator[Any]) -> None:
    for _ in pairs:
        pass


@pytest.fixture(scope="module")
def bent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bent]:
    folder = tmp_path_factory.mktemp("bent")
    url = f"sqlite:///{folder}/registry.db"
    migrate(url)
    database = Database(url)
    catalogue = Catalogue(database, Store(folder / "storage"))
    rng = np.random.default_rng(1)
    catalogue.add(random_documents(rng, 400), random_documents(rng, 300), batch=100)
    catalogue.add(random_documents(rng, 90))
    shutil.copytree(folder / "storage", folder / "saved")
    made = Bent(catalogue, folder / "saved")
    made.files = sorted(
        path
        for part in ("segments", "sketches")
        for path in (folder / "storage").glob(f"{part}/*/*")
    )
    assert made.answers() == "right"
    assert made.problems() == []
    yield made
    database.dispose()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    which=st.integers(0, 1 << 20), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7)
)
def test_a_flipped_bit_gives_the_right_answer_or_an_error(
    bent: Bent, which: int, where: float, bit: int
) -> None:
    path = bent.files[which % len(bent.files)]
    raw = bytearray(path.read_bytes())
    raw[int(where * len(raw))] ^= 1 << bit
    path.write_bytes(raw)
    try:
        bent.answers()
        assert bent.problems() != []
    finally:
        bent.restore()


@pytest.mark.slow
def test_every_byte_of_the_smallest_files(bent: Bent) -> None:
    for path in sorted(bent.files, key=lambda one: one.stat().st_size)[:2]:
        raw = path.read_bytes()
        for at in range(0, len(raw), 3):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
            bent.answers()
            assert bent.problems() != [], at
        path.write_bytes(raw)


@pytest.mark.parametrize("how", ["cut", "empty", "missing", "longer", "swapped", "a folder"])
def test_other_damage_is_said(bent: Bent, how: str) -> None:
    rng = random.Random(how)
    for path in bent.files:
        try:
            raw = path.read_bytes()
            if how == "cut":
                path.write_bytes(raw[: rng.randrange(len(raw))])
            elif how == "empty":
                path.write_bytes(b"")
            elif how == "longer":
                path.write_bytes(raw + b"\0")
            elif how == "swapped":
                others = [one for one in bent.files if one.suffix == path.suffix and one != path]
                shutil.copyfile(rng.choice(others), path)
            else:
                path.unlink()
                if how == "a folder":
                    path.mkdir()
            assert bent.answers() != "right"
            assert bent.problems() != []
        finally:
            bent.restore()


def forged(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a file of the index anew with another footer and check sums that hold."""
    file = BlockFile(path)
    body = file.read(0, file.body, np.uint8).tobytes()
    footer = {key: one for key, one in file.footer.items() if key not in ("format", "body", "sums")}
    change(footer)
    path.unlink()
    writer = BlockWriter(path)
    writer.write(body)
    writer.close(footer)
    return path


HOSTILE: list[Any] = [
    -1, 1 << 24, 1 << 61, 1 << 63, 1.5, "x", None, True, [], {}, [[]], [-1], [["0" * 32, 0, 0, 1 << 40]],
]  # fmt: skip


@pytest.mark.parametrize("name", ["kind", "scheme", "documents", "entries", "fences", "spans", "params", "window"])  # fmt: skip
def test_hostile_headers_of_segments_are_refused(bent: Bent, name: str) -> None:
    for kind in SegmentKind:
        (path, *_) = (one for one in bent.files if one.name.startswith(kind))
        for value in HOSTILE:
            if name == "window" and kind is not SegmentKind.PASSAGES:
                continue
            if name == "params" and kind is SegmentKind.CONTENT:
                continue
            try:
                forged(path, lambda footer, value=value: footer.update({name: value}))  # type: ignore[misc]
                file = BlockFile(path)
                if name == "window" and value in (1 << 24, 1 << 61):
                    continue
                with pytest.raises(ConflictError):
                    SegmentFile(file)
            finally:
                bent.restore()


@pytest.mark.parametrize("name", ["kind", "scheme", "documents", "sketched", "chunks", "params", "window"])  # fmt: skip
def test_hostile_headers_of_sketches_are_refused(bent: Bent, name: str) -> None:
    path = next(one for one in bent.files if one.suffix == ".sketch")
    for value in HOSTILE:
        if name in ("window", "sketched") and (value is None or value in (1 << 24, 1 << 61)):
            continue
        try:
            forged(path, lambda footer, value=value: footer.update({name: value}))  # type: ignore[misc]
            with pytest.raises(ConflictError):
                parts.SketchFile.open(path)
        finally:
            bent.restore()


@given(raw=st.binary(max_size=300))
def test_random_bytes_are_no_file_of_the_index(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.mktemp("random") / "a.segment"
    for tail in (
        b"",
        blocks._TRAILER.pack(len(raw), 0, blocks._MAGIC),
        orjson.dumps({"format": 1}),
    ):
        path.write_bytes(raw + tail)
        with pytest.raises(ConflictError):
            SegmentFile(BlockFile(path))


def test_a_planted_file_takes_no_memory_by_what_it_says_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    trailer = blocks._TRAILER
    for length in (1 << 40, blocks._MOST_SAID + 1):
        with path.open("wb") as file:
            # A sparse file: it has that many bytes, and none of them on the disk.
            file.truncate(length)
            file.seek(0, 2)
            file.write(trailer.pack(length, 0, blocks._MAGIC))
        with pytest.raises(ConflictError, match="is damaged in its footer"):
            BlockFile(path)
    sums = blocks._MOST_SAID + 4
    body = sums // 4 * blocks.BLOCK
    said = orjson.dumps({"format": blocks.FORMAT, "body": body, "sums": "0" * 64})
    with path.open("wb") as file:
        file.truncate(body + sums)
        file.seek(0, 2)
        file.write(said + trailer.pack(len(said), zlib.crc32(said), blocks._MAGIC))
    with pytest.raises(ConflictError, match="is damaged in its check sums"):
        BlockFile(path)


def test_what_is_no_file_is_said_and_not_waited_for(bent: Bent) -> None:
    for suffix in (".segment", ".sketch"):
        path = next(one for one in bent.files if one.suffix == suffix)
        path.unlink()
        os.mkfifo(path)
        try:
            with pytest.raises(ConflictError, match="is no file"):
                BlockFile(path)
            assert "is no file" in bent.answers()
        finally:
            path.unlink()
            bent.restore()


def test_entries_of_documents_that_a_segment_does_not_have_are_refused(bent: Bent) -> None:
    def fewer(footer: dict[str, Any]) -> None:
        footer["documents"] = 10
        footer["spans"] = [["0" * 32, 0, 0, 10]]

    def all_found(segment: SegmentFile) -> Rows:
        if segment.kind is SegmentKind.CONTENT:
            return segment.find_contents(hashes_of(list(range(50))))[1]
        keys = keys_of(np.arange(50))
        if segment.kind is SegmentKind.BANDS:
            keys = bands_of(questions_of(50)).reshape(-1)
        return locals_of(segment.find(keys)[1])

    for kind in SegmentKind:
        (path, *_) = (one for one in bent.files if one.name.startswith(kind))
        try:
            segment = SegmentFile(BlockFile(forged(path, fewer)).map())
            found = all_found(segment)
            with pytest.raises(ConflictError, match="documents that it does not have"):
                segment.resolve(found)
        finally:
            bent.restore()
