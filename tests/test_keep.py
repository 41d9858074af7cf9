"""Tests of `registry.keep`: texts go into the vault after they were registered."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from registry import keep as verb
from registry.core.dataset import DatasetRef, Origin
from registry.db.models import Intent, KeptTexts
from registry.errors import ConflictError, NotFoundError
from registry.keep import Outcome, Progress
from registry.query import catalogue
from registry.query.texts import TextSource, Wanted
from registry.query.vault import hashes_of, held
from tests.world import World, write_documents

TEXTS = ["By a person.", "By another.", "", "By a person.", "Größer — 字."]


def source(world: World, name: str) -> Path:
    """Return the file that a dataset was registered from."""
    return world.folder / "files" / name / "part-0.jsonl"


def kept_texts(world: World, name: str) -> list[str]:
    """Return a version's texts as the registry reads them again, in its order."""
    version = world.version(name)
    with world.database.read() as session:
        (place, *_) = catalogue.locations(session, version)
    hashes = hashes_of(world.store, place)
    wanted = Wanted(
        DatasetRef.parse(name), version, place.order_root, hashes, np.arange(len(hashes))
    )
    source = TextSource(
        world.database, world.store, world.folder / "scratch", avoid=set(), ahead=False
    )
    return [text for batch in source.texts(wanted) for text in batch.to_pylist()]


def vault_files(world: World) -> list[Path]:
    return sorted((world.store.root / "vault").rglob("*.parquet"))


def parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a part have two texts, so that a few make several."""
    monkeypatch.setattr(verb, "PART_ROWS", 2)


def test_kept_texts_outlive_their_files(world: World) -> None:
    world.register("essays", TEXTS)
    done = world.keep("essays")
    assert (done.outcome, done.documents, done.bytes) == (
        Outcome.KEPT,
        5,
        world.version("essays").bytes,
    )
    shutil.rmtree(world.folder / "files")
    assert kept_texts(world, "essays") == TEXTS
    assert world.problems() == []
    with world.database.read() as session:
        row = session.scalars(sa.select(KeptTexts)).one()
        assert (row.kept_by, row.documents, row.bytes) == ("keeper", 5, done.bytes)
        assert held(session, world.store, world.version("essays")).whole is not None


def test_what_is_kept_is_checked_and_not_kept_twice(world: World) -> None:
    world.register("one", TEXTS, keep=True)
    world.register("two", [*TEXTS, "More."])
    world.keep("two")
    before = world.log_size()
    told: list[Progress] = []
    assert world.keep("one", on_progress=told.append).outcome is Outcome.UNCHANGED
    assert world.keep("two").outcome is Outcome.UNCHANGED
    assert world.log_size() == before
    assert told[-1] == Progress("checking", 5, 5)
    assert world.problems() == []


def test_registering_with_keep_adds_nothing_to_what_was_kept_later(sqlite_world: World) -> None:
    sqlite_world.register("essays", TEXTS)
    sqlite_world.keep("essays")
    before = sqlite_world.log_size()
    sqlite_world.register("essays", TEXTS, keep=True)
    assert sqlite_world.log_size() == before
    assert sqlite_world.problems() == []


@pytest.mark.parametrize("damage", ["missing", "changed", "cut", "other texts"])
@pytest.mark.parametrize("later", [False, True])
def test_damaged_texts_are_kept_once_more(sqlite_world: World, damage: str, later: bool) -> None:
    world = sqlite_world
    world.register("essays", TEXTS, keep=not later)
    if later:
        world.keep("essays")
    (file,) = vault_files(world)
    match damage:
        case "missing":
            file.unlink()
        case "changed":
            data = bytearray(file.read_bytes())
            data[10] ^= 1
            file.write_bytes(data)
        case "cut":
            file.write_bytes(file.read_bytes()[:-20])
        case "other texts":
            pq.write_table(pa.table({"text": [*TEXTS[:4], "Not the text."]}), file)
    done = world.keep("essays")
    assert done.outcome is Outcome.REPAIRED
    (problem,) = done.problems
    if damage == "other texts":
        assert problem == "document 5 is not the text that was registered"
    assert kept_texts(world, "essays") == TEXTS
    assert world.keep("essays").outcome is Outcome.UNCHANGED


def test_a_source_that_changed_is_refused_and_named(world: World) -> None:
    world.register("essays", TEXTS)
    write_documents(source(world, "essays"), [*TEXTS[:3], "Rewritten.", TEXTS[4]])
    with pytest.raises(
        ConflictError, match=r"record 4 of `.*part-0.jsonl`: the text is not the one"
    ):
        world.keep("essays")
    assert vault_files(world) == []
    assert world.problems() == []


def test_a_source_that_is_gone_is_refused_with_what_to_do(world: World) -> None:
    world.register("essays", TEXTS)
    source(world, "essays").unlink()
    with pytest.raises(ConflictError, match="needed for `essays@1`") as caught:
        world.keep("essays")
    assert "register them again from where they are now" in (caught.value.hint or "")
    assert world.problems() == []
    # What the hint says is a remedy.
    world.register("essays", TEXTS, folder="elsewhere")
    assert world.keep("essays").outcome is Outcome.KEPT
    assert kept_texts(world, "essays") == TEXTS


def test_texts_are_taken_from_another_place_in_another_order(sqlite_world: World) -> None:
    sqlite_world.register("essays", TEXTS)
    sqlite_world.register("essays", TEXTS[::-1], folder="elsewhere")
    source(sqlite_world, "essays").unlink()
    assert sqlite_world.keep("essays").outcome is Outcome.KEPT
    assert kept_texts(sqlite_world, "essays") == TEXTS


def test_a_source_with_fewer_documents_is_refused(sqlite_world: World) -> None:
    sqlite_world.register("essays", TEXTS)
    write_documents(source(sqlite_world, "essays"), TEXTS[:3])
    with pytest.raises(ConflictError, match="fewer documents than were registered"):
        sqlite_world.keep("essays")
    assert sqlite_world.problems() == []


def test_nothing_is_kept_of_what_does_not_exist(sqlite_world: World) -> None:
    with pytest.raises(NotFoundError, match="there is no dataset `essays`"):
        sqlite_world.keep("essays")


def test_an_interrupted_command_goes_on_behind_its_last_part(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_of_two(monkeypatch)
    world.register("essays", TEXTS)

    def stop(now: Progress) -> None:
        if now.done >= 4 and now.stage == "keeping":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.keep("essays", on_progress=stop)
    assert vault_files(world) == []
    assert world.problems() == []
    told: list[Progress] = []
    done = world.keep("essays", on_progress=told.append)
    assert (done.outcome, done.continued) == (Outcome.KEPT, 2)
    assert told[0] == Progress("keeping", 2, 5)
    assert len(vault_files(world)) == 3
    assert kept_texts(world, "essays") == TEXTS
    assert world.problems() == []


def test_a_part_that_was_damaged_meanwhile_is_read_again(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_of_two(monkeypatch)
    world = sqlite_world
    world.register("essays", TEXTS)

    def stop(now: Progress) -> None:
        if now.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.keep("essays", on_progress=stop)
    first, second = sorted((world.store.root / "unfinished").rglob("part-*.parquet"))
    first.write_bytes(second.read_bytes())
    assert world.keep("essays").continued == 2
    assert kept_texts(world, "essays") == TEXTS


def test_a_changed_source_does_not_cost_what_was_kept_before_it(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_of_two(monkeypatch)
    world = sqlite_world
    world.register("essays", TEXTS)
    write_documents(source(world, "essays"), [*TEXTS[:4], "Rewritten."])
    with pytest.raises(ConflictError, match="record 5"):
        world.keep("essays")
    assert world.problems() == []
    write_documents(source(world, "essays"), TEXTS)
    done = world.keep("essays")
    # All texts are read in one batch here, which is checked before any of it is written.
    assert done.outcome is Outcome.KEPT
    assert kept_texts(world, "essays") == TEXTS


def test_two_at_once_keep_the_texts_once(world: World) -> None:
    """Both write all of them; whoever commits second finds them kept and removes its own."""
    world.register("essays", TEXTS)
    meet = threading.Barrier(2)
    outcomes: list[Outcome] = []

    def both(now: Progress) -> None:
        if now.stage == "keeping" and now.done == 5:
            meet.wait(60)

    def work() -> None:
        outcomes.append(world.keep("essays", on_progress=both).outcome)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [Outcome.KEPT, Outcome.UNCHANGED]
    assert len(vault_files(world)) == 1
    assert world.problems() == []
    with world.database.read() as session:
        assert session.scalars(sa.select(Intent)).all() == []


def test_kept_texts_are_exported_when_the_files_are_gone(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("essays", TEXTS, origin=Origin.HUMAN)
    world.keep("essays")
    shutil.rmtree(world.folder / "files")
    done: Any = world.export({"sources": ["essays"]})
    assert done is not None
    assert world.problems() == []
