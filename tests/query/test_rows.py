from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from registry import documents
from registry.core.contents import leading
from registry.db.models import Location
from registry.errors import ConflictError
from registry.query import catalogue
from registry.query.cached import Cached
from registry.query.rows import RowReader
from tests.world import World


def place_of(world: World, name: str) -> Location:
    with world.database.read() as session:
        return catalogue.locations(session, world.version(name))[0]


@pytest.fixture
def notes(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A version whose table has several row groups."""
    monkeypatch.setattr(documents, "ROWS_PER_GROUP", 4)
    sqlite_world.register(
        "notes", [{"text": f"Note {n}.", "by": "ai" if n % 2 else "human"} for n in range(11)],
        origin_field="by",
    )  # fmt: skip
    return sqlite_world


def test_rows_come_as_asked_for_in_any_order_and_number(notes: World) -> None:
    place, reader = place_of(notes, "notes"), RowReader(notes.store)
    whole = documents.load(notes.store.documents(place.uid), digest=place.table_digest)
    for rows in ([0], [10, 0, 5, 5, 3], [4, 4], list(range(11))):
        found = reader.take(place, np.array(rows), ("content_hash", "origin", "nothing", "record"))
        assert found.schema.names == ["content_hash", "origin", "record"]
        assert found.to_pylist() == whole.select(found.schema.names).take(rows).to_pylist()


def test_rows_are_found_by_going_through_all_of_them(notes: World) -> None:
    place, reader = place_of(notes, "notes"), RowReader(notes.store)
    hashes = notes.standing("notes").hashes
    wanted = np.unique(np.append(hashes[[9, 2]], np.array([b"x" * 32], "S32")))
    assert reader.find(place, wanted).tolist() == [2, 9]


@pytest.mark.parametrize("row", [11, -1])
def test_a_row_that_is_not_there_is_an_error(notes: World, row: int) -> None:
    with pytest.raises(ConflictError, match="has 11 rows"):
        RowReader(notes.store).take(place_of(notes, "notes"), np.array([row]), ("bytes",))


def test_a_table_that_was_changed_is_refused_also_later_and_taken_again_when_restored(
    notes: World, tmp_path: Path
) -> None:
    place, reader = place_of(notes, "notes"), RowReader(notes.store)
    rows = np.array([1])
    before = reader.take(place, rows, ("bytes",))
    (file,) = documents.files_of(notes.store.documents(place.uid))
    shutil.copy(file, tmp_path / "copy")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    for again in (reader, RowReader(notes.store)):
        with pytest.raises(ConflictError, match="was changed"):
            again.take(place, rows, ("bytes",))
    file.unlink()
    with pytest.raises(ConflictError, match="is missing"):
        reader.take(place, rows, ("bytes",))
    shutil.copy(tmp_path / "copy", file)
    assert reader.take(place, rows, ("bytes",)) == before


def test_what_is_kept_is_bounded_and_answers_do_not_depend_on_it(notes: World) -> None:
    place = place_of(notes, "notes")
    roomy, tight = RowReader(notes.store), RowReader(notes.store, kept_bytes=300)
    for row in (0, 4, 8, 0, 10, 3):
        asked = (place, np.array([row]), ("content_hash", "bytes", "words"))
        assert tight.take(*asked) == roomy.take(*asked)


def test_a_selection_is_read_again_only_when_its_file_has_changed(notes: World) -> None:
    notes.claim("notes", "ai", where=["Note 0.", "Note 2."])
    with notes.database.read() as session:
        claim = catalogue.claims(session, notes.version("notes"))[-1]
    assert claim.selection is not None
    digest, reader = claim.selection.digest, RowReader(notes.store)
    found = reader.selection(digest)
    assert len(found) == 2
    assert (np.diff(leading(found).astype(object)) > 0).all()
    assert reader.selection(digest) is found
    (notes.store.root / "selections" / digest).write_bytes(b"x" * 64)
    with pytest.raises(ConflictError, match="selection"):
        reader.selection(digest)


def test_of_what_is_kept_the_least_recently_used_goes_first() -> None:
    cached: Cached[str, int] = Cached(10)
    made: list[str] = []

    def get(key: str, weight: int = 4) -> int:
        def make() -> tuple[int, int]:
            made.append(key)
            return len(made), weight

        return cached.get(key, make)

    get("a"), get("b"), get("a"), get("c"), get("a"), get("b")
    assert made == ["a", "b", "c", "b"]
    assert cached.weight == 8
    get("large", 11), get("large", 11)
    assert made[-2:] == ["large", "large"]
    assert cached.weight == 8
    cached.forget("a")
    cached.forget("a")
    assert cached.weight == 4


def test_threads_share_what_is_kept() -> None:
    cached: Cached[int, int] = Cached(50)
    wrong: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for key in rng.integers(0, 100, 2000).tolist():
            if cached.get(key, lambda key=key: (key * 3, 1)) != key * 3:  # type: ignore[misc]
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 0 < cached.weight <= 50
