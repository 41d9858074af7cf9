"""Whatever is registered is found again, and nothing else is: compared with all documents."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from registry import documents, reindex
from registry.core import words
from registry.core.dataset import Origin
from registry.db.models import Location, Segment, SegmentKind, SketchTable
from registry.errors import ConflictError
from registry.intake import run, units
from registry.register import Progress
from tests.brute import differences
from tests.conftest import REPOSITORY
from tests.core.test_words import batch
from tests.world import START, World, write_documents

LONG_AGO: Final = START.timestamp() - 1000
PROSE: Final = (
    "the quick brown fox jumps over the lazy dog and runs away from it as fast as it can "
)
TEXTS: Final = [
    PROSE,
    PROSE * 30,
    f"{PROSE * 3} and then it is somebody else's turn to run away from something",
    "short",
    "",
    "… — !",
    "我们在森林里看到了一只狐狸,它跑得很快,谁也追不上它",
    "Ærøskøbing ÀÉÎ é ß İstanbul ﬁ Ǆ 𝒜𝒷 \u0301\u0301 a\u200bb สวัสดีครับ ကောင်း",
]
MORE: Final = [*TEXTS, "one more text " * 20, "short"]


def problems(world: World, *more: str) -> list[str]:
    with world.database.read() as session:
        found = differences(session, world.store, [*MORE, *more])
    return [*found, *world.problems()]


def rows(world: World, kind: type[Any]) -> list[Any]:
    with world.database.read() as session:
        return list(session.scalars(sa.select(kind).order_by(kind.id)))


def segments(world: World) -> list[SegmentKind]:
    return [row.kind for row in rows(world, Segment)]


def file(world: World, name: str, texts: list[str]) -> Path:
    path = write_documents(world.folder / "in" / name, texts)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_what_is_registered_is_found(world: World) -> None:
    done = world.register("a", TEXTS)
    assert problems(world) == []
    assert done.index is not None
    assert (done.index.documents, done.index.sketched, done.index.window) == (8, 6, 18)
    world.register("b", MORE, keep=True)
    world.register("a", MORE)
    assert len(rows(world, SketchTable)) == 3
    assert problems(world) == []


def test_tokens_are_the_words_that_are_counted(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("a", MORE)
    (place,) = rows(world, Location)
    table = documents.load(world.store.documents(place.uid), digest=place.table_digest)
    assert table.column("words").to_pylist() == words.count(*batch(MORE)).tolist()


def test_the_sketches_have_the_rows_of_the_table(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    world = sqlite_world
    paths = [file(world, f"{n}.jsonl", [f"{n} {text}" for text in TEXTS]) for n in range(5)]
    world.register("a", paths=paths)
    (place,) = rows(world, Location)
    tables = documents.files_of(world.store.documents(place.uid))
    sketches = sorted(path.stem for path in world.store.sketches(place.uid).iterdir())
    assert [path.stem for path in tables] == sketches
    assert len(sketches) == 5
    assert problems(world, *(f"{n} {text}" for n in range(5) for text in TEXTS)) == []


def test_workers_make_the_same(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = sqlite_world
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    monkeypatch.setattr(run, "PARALLEL_FROM", 0)
    paths = [file(world, f"{n}.jsonl", MORE[n:]) for n in range(5)]
    world.register("a", paths=paths, jobs=3)
    world.register("b", paths=paths, jobs=1)
    one, other = rows(world, SketchTable)
    assert one.digest == other.digest
    assert problems(world) == []


def test_a_worker_loads_no_database() -> None:
    program = "import sys, registry.intake.worker; print('sqlalchemy' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"


# Places.


def test_a_further_place_of_known_content_adds_its_contents_alone(world: World) -> None:
    world.register("a", TEXTS)
    before = segments(world)
    done = world.register("a", list(reversed(TEXTS)), folder="elsewhere")
    assert done.version.number == 1
    assert segments(world) == [*before, SegmentKind.CONTENT]
    assert len(rows(world, SketchTable)) == 1
    assert done.index is not None
    assert problems(world) == []


def test_what_is_unchanged_or_tried_out_leaves_nothing(world: World) -> None:
    tried = world.register("a", TEXTS, dry_run=True)
    assert tried.index is not None
    assert tried.index.sketched == 6
    assert (segments(world), problems(world)) == ([], [])
    world.register("a", TEXTS)
    before = segments(world)
    world.register("a", TEXTS)
    world.register("a", TEXTS, reread=True, license="MIT")
    world.register("a", MORE, dry_run=True)
    assert segments(world) == before
    assert problems(world) == []


def test_content_that_another_command_registers_meanwhile_is_sketched_once(world: World) -> None:
    """Both saw that it was new, and both made all files of the index."""
    beaten = False

    def hurry(_: Progress) -> None:
        nonlocal beaten
        if _.phase == "indexing" and not beaten:
            beaten = True
            world.register("a", TEXTS, folder="first")

    done = world.register("a", TEXTS, on_progress=hurry)
    assert beaten
    assert done.version.number == 1
    assert len(rows(world, SketchTable)) == 1
    assert segments(world).count(SegmentKind.BANDS) == 1
    assert problems(world) == []


# What is asked for.


@pytest.mark.parametrize("window", [None, 6, 1])
def test_passages_are_as_asked_for(world: World, window: int | None) -> None:
    world.register("plain", MORE)
    done = world.register("a", MORE, window=window)
    assert done.index is not None
    assert done.index.window == window
    assert segments(world).count(SegmentKind.PASSAGES) == (1 if window is None else 2)
    assert problems(world) == []


def test_what_is_known_keeps_its_passages(world: World) -> None:
    path = file(world, "a.jsonl", TEXTS)
    world.register("a", paths=[path])
    again = world.register("a", paths=[path], window=6)
    assert again.reused_files == 0
    assert again.index is not None
    assert again.index.window == 18
    assert problems(world) == []


# Rows that are taken over from an earlier table.


@pytest.mark.parametrize("keep", [False, True])
def test_sketches_of_files_that_are_not_read_again_are_taken_over(world: World, keep: bool) -> None:
    paths = [file(world, f"{n}.jsonl", [f"{n} {text}" for text in MORE]) for n in range(4)]
    world.register("a", paths=paths, keep=keep)
    paths.insert(2, file(world, "new.jsonl", TEXTS))
    del paths[0]
    grown = world.register("a", paths=paths, keep=keep)
    assert (grown.version.number, grown.reused_files) == (2, 3)
    fresh = world.register("b", paths=paths, keep=keep)
    assert fresh.reused_files == 0
    _, one, other = rows(world, SketchTable)
    assert one.sketched == other.sketched
    assert problems(world, *(f"{n} {text}" for n in range(4) for text in MORE)) == []


@pytest.mark.parametrize("keep", [False, True])
def test_some_of_the_known_files_are_a_version_with_sketches(world: World, keep: bool) -> None:
    paths = [file(world, f"{n}.jsonl", [f"{n} {text}" for text in MORE]) for n in range(4)]
    world.register("a", paths=paths, keep=keep)
    some = world.register("a", paths=[paths[3], paths[1]], keep=keep)
    assert (some.version.number, some.reused_files) == (2, 2)
    assert some.index is not None
    assert problems(world, *(f"{n} {text}" for n in range(4) for text in MORE)) == []


def test_where_nothing_is_new_sketches_are_not_looked_at(world: World) -> None:
    paths = [file(world, f"{n}.jsonl", [f"{n} {text}" for text in TEXTS]) for n in range(3)]
    world.register("a", paths=paths)
    damage(world)
    assert world.register("a", paths=paths).reused_files == 3
    assert world.register("a", paths=paths[1:]).reused_files == 0


def sketches(world: World) -> list[Path]:
    return sorted((world.store.root / "sketches").glob("*/*.sketch"))


def forget(world: World) -> None:
    """Make the catalogue as the release before left it."""
    for path in sketches(world):
        path.unlink()
        path.parent.rmdir()
    with world.database.write() as session:
        for table in (SketchTable, Segment):
            session.execute(sa.delete(table))
    for path in (world.store.root / "segments").glob("*/*"):
        path.unlink()


def damage(world: World) -> None:
    path = sketches(world)[0]
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)


def lose(world: World) -> None:
    sketches(world)[0].unlink()


@pytest.mark.parametrize("bend", [forget, damage, lose])
def test_without_whole_sketches_files_are_read_again(world: World, bend: Any) -> None:
    paths = [file(world, f"{n}.jsonl", [f"{n} {text}" for text in TEXTS]) for n in range(3)]
    world.register("a", paths=paths)
    bend(world)
    paths.append(file(world, "new.jsonl", MORE))
    grown = world.register("a", paths=paths)
    assert (grown.version.number, grown.reused_files) == (2, 0)
    if bend is not forget:
        world.register("a", paths=paths)
        return
    again = world.register("a", paths=paths)
    assert again.reused_files == 4


def test_a_catalogue_without_an_index_goes_on(world: World) -> None:
    world.register("a", TEXTS, origin=Origin.HUMAN)
    forget(world)
    assert world.register("a", TEXTS, folder="elsewhere").index is None
    assert world.register("b", MORE).index is not None
    assert world.origins("a") == {Origin.HUMAN: 8}


def test_what_the_index_does_not_have_is_not_passed_over_in_silence(world: World) -> None:
    world.register("a", TEXTS, origin=Origin.AI)
    assert world.register("b", MORE, origin=Origin.HUMAN).uncompared is None
    forget(world)
    done = world.register("c", TEXTS[:-1], origin=Origin.HUMAN)
    assert done.uncompared is not None
    assert "documents of others not in the index" in done.uncompared
    assert "firsthand index rebuild" in done.uncompared
    reindex.rebuild(world.database, world.store, clock=world.clock)
    done = world.register("d", TEXTS[:-2], origin=Origin.HUMAN)
    assert done.uncompared is None
    assert done.known is not None
    conflicts = {one["dataset"] for one in done.known["overlaps"]["listed"] if one["conflicts"]}
    assert conflicts == {"local/a"}


# Compaction.


def test_many_registrations_are_few_segments(world: World) -> None:
    for number in range(9):
        world.register(f"n{number}", [f"{number} {text}" for text in TEXTS])
    assert len(segments(world)) < 9 * 3 / 2
    assert problems(world, *(f"{n} {text}" for n in range(9) for text in TEXTS)) == []


def test_a_registration_stands_though_the_index_cannot_be_compacted(world: World) -> None:
    for number in range(3):
        world.register(f"n{number}", [f"{number} {text}" for text in TEXTS])
    path = next((world.store.root / "segments").glob("*/bands-*"))
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    done = world.register("n3", TEXTS)
    assert done.uncompacted is not None
    assert "is damaged" in done.uncompacted
    assert world.version("n3").documents == 8
    with world.database.read() as session, pytest.raises(ConflictError, match="is damaged"):
        differences(session, world.store, [f"{n} {text}" for n in range(4) for text in MORE] + MORE)
    assert world.problems() == []
