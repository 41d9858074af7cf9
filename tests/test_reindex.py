"""An index is made of what is there: for an older catalogue, and after any damage to its files."""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from registry import intents, reindex
from registry.db.models import Intent, IntentKind, Segment, SegmentKind, SketchTable
from registry.errors import ConflictError, UnavailableError
from registry.index.reading import Index
from tests.index.truth import compare, forget, sketch_all
from tests.world import Clock, World

WORDS = [f"w{number}" for number in range(400)]


def prose(seed: int, count: int) -> list[str]:
    """Make texts of which some are equal, some alike, one empty and one without a word."""
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(3, 120))) for _ in range(count)]
    texts += [texts[0], texts[1] + " and more", "", "...", "one two"]
    return texts


def rebuild(world: World, *, sketches: bool = False) -> reindex.Rebuilt:
    return reindex.rebuild(world.database, world.store, clock=world.clock, sketches=sketches)


def check(world: World) -> list[str]:
    done = reindex.check(world.database, world.store, rng=np.random.default_rng(1))
    return [f"{problem.name}: {problem.message}" for problem in done.problems]


def left_over(world: World) -> list[str]:
    """Return what is in the storage and belongs to no row, after the next command's recovery."""
    intents.recover(world.database, world.store, now=world.clock())
    with world.database.read() as session:
        used = set(session.scalars(sa.select(Segment.name)))
        uids = {row.location.uid for row in session.scalars(sa.select(SketchTable))}
        found = [f"intent {one.kind}" for one in session.scalars(sa.select(Intent))]
    root = world.store.root
    there = {str(path.relative_to(root / "segments")) for path in root.glob("segments/*/*")}
    found += [f"segment {name}" for name in there ^ used]
    found += [f"sketches {uid}" for uid in {path.name for path in root.glob("sketches/*")} ^ uids]
    return found + [str(path) for path in root.glob("staging/*")]


@pytest.fixture
def texts(world: World) -> dict[str, list[str]]:
    """Two datasets, registered by a release that had no index."""
    made = {"one": prose(1, 60), "two": prose(1, 20)[5:] + prose(2, 10)}
    for name, documents in made.items():
        world.register(name, documents, keep=name == "two")
    forget(world)
    return made


def test_an_older_catalogue_is_indexed(world: World, texts: dict[str, list[str]]) -> None:
    before = reindex.status(world.database, world.store)
    assert before.not_indexed == sum(map(len, texts.values()))
    assert "an earlier release registered them" in before.missing[0].why
    with world.database.read() as session, Index.open(session, world.store) as index:
        assert len(index.content(np.array([b"x" * 32]))) == 0
    done = rebuild(world)
    assert done.unreadable == ()
    assert done.documents == done.sketched == before.not_indexed
    compare(world.database, world.store, texts)
    after = reindex.status(world.database, world.store)
    assert (after.missing, after.damaged) == ((), ())
    assert {kind.kind: kind.documents for kind in after.kinds} == dict.fromkeys(
        ["content", "bands", "passages", "sketches"], before.not_indexed
    )
    assert check(world) == []
    assert left_over(world) == []
    assert world.problems() == []


def test_rebuilding_what_is_whole_sketches_nothing(
    world: World, texts: dict[str, list[str]]
) -> None:
    rebuild(world)
    assert rebuild(world).sketched == 0
    compare(world.database, world.store, texts)
    assert rebuild(world, sketches=True).sketched == sum(map(len, texts.values()))
    compare(world.database, world.store, texts)
    assert left_over(world) == []


def test_damaged_sketches_are_made_again_from_the_texts(
    world: World, texts: dict[str, list[str]]
) -> None:
    rebuild(world)
    for number, path in enumerate(sorted(world.store.root.glob("sketches/*/*.sketch"))):
        raw = bytearray(path.read_bytes())
        raw[7] ^= 4
        path.write_bytes(raw if number else raw[:-1])
    problems = check(world)
    assert len(problems) == 2
    assert all(problem.startswith("sketches/") for problem in problems)
    assert rebuild(world).sketched == sum(map(len, texts.values()))
    compare(world.database, world.store, texts)
    assert check(world) == []


def test_missing_segments_are_named_and_made_again(
    world: World, texts: dict[str, list[str]]
) -> None:
    rebuild(world)
    shutil.rmtree(world.store.root / "segments")
    with world.database.read() as session, pytest.raises(ConflictError) as raised:
        Index.open(session, world.store)
    assert "is missing" in raised.value.message
    assert raised.value.hint == "run `firsthand index rebuild`"
    assert len(check(world)) == 3
    assert len(reindex.status(world.database, world.store).damaged) == 3
    rebuild(world)
    compare(world.database, world.store, texts)
    assert check(world) == []
    assert left_over(world) == []


def test_texts_that_are_gone_are_named_and_the_rest_goes_on(
    world: World, texts: dict[str, list[str]]
) -> None:
    (world.folder / "files" / "one" / "part-0.jsonl").unlink()
    done = rebuild(world)
    (lost,) = done.unreadable
    assert (lost.ref.short, lost.documents) == ("one@1", len(texts["one"]))
    assert done.documents == len(texts["two"])
    with world.database.read() as session, Index.open(session, world.store) as index:
        assert [row.location.version.dataset.name for row in index.sketched().values()] == ["two"]
    # Their contents are known from the document table.
    status = reindex.status(world.database, world.store)
    assert [one.kinds for one in status.missing] == [(SegmentKind.BANDS, SegmentKind.PASSAGES)]
    assert check(world) == []


def test_a_file_that_changed_is_not_sketched(world: World, texts: dict[str, list[str]]) -> None:
    path = world.folder / "files" / "one" / "part-0.jsonl"
    path.write_text(path.read_text("utf-8").replace("w7", "w8"), "utf-8")
    (lost,) = rebuild(world).unreadable
    assert "the text is not the one that was registered" in lost.message


def test_another_place_with_the_same_texts_is_used(world: World) -> None:
    texts = prose(3, 30)
    world.register("one", texts)
    world.register("one", texts, folder="elsewhere")
    world.register("one", texts[::-1], folder="backwards", keep=True)
    forget(world)
    (world.folder / "files" / "one" / "part-0.jsonl").unlink()
    done = rebuild(world)
    assert done.unreadable == ()
    with world.database.read() as session, Index.open(session, world.store) as index:
        (place,) = index.sketched()
        rows = np.arange(len(texts))
        assert (index.signatures(place, rows) == sketch_all(texts).signatures).all()
        # The content of all three places is known, sketches are those of the first.
        assert reindex.status(world.database, world.store).missing == ()
    assert check(world) == []


def test_a_registration_meanwhile_stays_in_the_index(
    world: World, texts: dict[str, list[str]]
) -> None:
    """What is registered while the index is made has segments of its own."""
    rebuild(world)

    def meanwhile(now: reindex.Progress) -> None:
        if now.phase == "segments" and "three" not in texts:
            texts["three"] = prose(9, 10)
            world.register("three", texts["three"])

    reindex.rebuild(world.database, world.store, clock=world.clock, on_progress=meanwhile)
    status = reindex.status(world.database, world.store)
    if status.missing:
        # Registrations do not index by themselves here.
        assert [one.ref.short for one in status.missing] == ["three@1"]
        del texts["three"]
    compare(world.database, world.store, texts)


def test_two_do_not_rebuild_at_once(world: World, texts: dict[str, list[str]]) -> None:
    writer = intents.open_intent(world.database, IntentKind.INDEX, now=world.clock())
    with pytest.raises(ConflictError, match="another command is at work"):
        rebuild(world)
    intents.abandon(world.database, world.store, writer)
    rebuild(world)
    compare(world.database, world.store, texts)


def test_an_interrupted_rebuild_goes_on_behind_what_it_sketched(
    world: World, texts: dict[str, list[str]]
) -> None:
    def stop(now: reindex.Progress) -> None:
        if now.phase == "entries":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex.rebuild(world.database, world.store, clock=world.clock, on_progress=stop)
    assert left_over(world) == []
    assert rebuild(world).sketched == 0
    compare(world.database, world.store, texts)


@pytest.mark.parametrize("room", range(5))
def test_a_full_disk_leaves_the_index_as_it_was(
    world: World, texts: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    rebuild(world)
    real, written = os.write, 0

    def full(handle: int, data: bytes) -> int:
        nonlocal written
        written += 1
        if written > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UnavailableError, match="the index cannot be written: No space left"):
        rebuild(world)
    monkeypatch.undo()
    assert left_over(world) == []
    compare(world.database, world.store, texts)


def test_an_empty_catalogue_has_an_empty_index(world: World) -> None:
    done = rebuild(world)
    assert (done.documents, done.segments) == (0, 0)
    assert check(world) == []


@pytest.mark.parametrize("what", ["entry", "span", "row of the catalogue", "swapped"])
def test_wrong_entries_in_a_file_that_is_whole_are_found(
    world: World, texts: dict[str, list[str]], what: str
) -> None:
    """The check sums hold, and the content is that of something else."""
    rebuild(world)
    with world.database.write() as session:
        rows = {row.kind: row for row in session.scalars(sa.select(Segment))}
        if what == "row of the catalogue":
            rows[SegmentKind.BANDS].entries += 1
        if what == "swapped":
            one, two = rows[SegmentKind.BANDS], rows[SegmentKind.PASSAGES]
            one.kind, two.kind = two.kind, one.kind
        if what in ("entry", "span"):
            path = world.store.root / "segments" / rows[SegmentKind.BANDS].name
            rows[SegmentKind.BANDS].digest = _forge(path, what)
    found = check(world)
    assert found
    assert all(problem.startswith("segments/") for problem in found if what != "swapped")


def _forge(path: Path, what: str) -> str:
    """Write a segment anew with something else in it and right check sums; return its digest."""
    from registry.index.blocks import BlockFile, BlockWriter

    file = BlockFile(path)
    body = bytearray(file.read(0, file.body, np.uint8).tobytes())
    footer = {key: one for key, one in file.footer.items() if key not in ("format", "body", "sums")}
    if what == "entry":
        body[0] ^= 1
    else:
        footer["spans"][0][2] += 1
    path.unlink()
    writer = BlockWriter(path)
    writer.write(bytes(body))
    return writer.close(footer)


def test_the_clock_of_a_rebuild_is_the_registry_s(world: World) -> None:
    world.register("one", ["a text"])
    forget(world)
    clock = Clock()
    reindex.rebuild(world.database, world.store, clock=clock)
    with world.database.read() as session:
        times = set(session.scalars(sa.select(Segment.made_at)))
    assert {time.replace(microsecond=0) <= clock.now for time in times} == {True}
