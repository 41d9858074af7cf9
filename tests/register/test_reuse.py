"""What has been read is not read again, and what may have changed always is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from registry import intents, readers
from registry.core.dataset import Origin
from registry.errors import InvalidInputError
from registry.intake import earlier, run, units
from registry.query import catalogue
from registry.register import Outcome, Progress
from tests.world import START, World, write_documents

LONG_AGO: Final = START.timestamp() - 1000


def old(path: Path, seconds: float = LONG_AGO) -> Path:
    """Say that a file was last written to long ago."""
    os.utime(path, (seconds, seconds))
    return path


def files(world: World, count: int = 3) -> list[Path]:
    return [
        old(
            write_documents(
                world.folder / "in" / f"{n}.jsonl",
                [{"text": text, "by": "ai"} for text in (f"{n} one", f"{n} two", "same")],
            )
        )
        for n in range(count)
    ]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gather the names of the files that are really read."""
    seen: list[str] = []
    documents = readers.documents

    def watched(files: list[readers.SourceFile], *args: object, **kwargs: object) -> object:
        seen.extend(Path(str(file)).name for file in files)
        return documents(files, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "documents", watched)
    return seen


def test_unchanged_files_are_not_read_again(world: World, read: list[str]) -> None:
    paths = files(world)
    first = world.register("a", paths=paths)
    assert (first.files, first.reused_files) == (3, 0)
    read.clear()
    again = world.register("a", paths=paths)
    assert (again.outcome, again.reused_files, read) == (Outcome.UNCHANGED, 3, [])
    assert again.version.content_root == first.version.content_root
    assert world.problems() == []


def test_of_a_folder_that_grew_only_the_new_file_is_read(world: World, read: list[str]) -> None:
    paths = files(world)
    world.register("a", paths=paths, origin_field="by")
    read.clear()
    more = [{"text": "new", "by": "ai"}]
    paths.insert(1, old(write_documents(world.folder / "in" / "00.jsonl", more)))
    grown = world.register("a", paths=paths, origin_field="by")
    assert (read, grown.reused_files, grown.version.number) == (["00.jsonl"], 3, 2)
    fresh = world.register("b", paths=paths, origin_field="by")
    assert fresh.version.content_root == grown.version.content_root
    with world.database.read() as session:
        (one,) = catalogue.locations(session, grown.version)
        (other,) = catalogue.locations(session, fresh.version)
        assert one.order_root == other.order_root
        assert one.claims_root == other.claims_root
    assert world.problems() == []


def test_where_every_other_file_changed_only_a_few_runs_are_taken(
    sqlite_world: World, read: list[str]
) -> None:
    """Each run of files that is taken is a file of the new table: thousands would take minutes."""
    world, count = sqlite_world, 4 * earlier.FEW
    paths = sorted(files(world, count))
    world.register("a", paths=paths)
    for at, path in enumerate(paths[::2]):
        old(write_documents(path, [f"new {at}"]), LONG_AGO + 1)
    large = [{"text": "large " * 100, "by": "ai"}]
    old(write_documents(paths[1], large), LONG_AGO + 1)
    world.register("a", paths=paths)
    for at, path in enumerate(paths[::2]):
        old(write_documents(path, [f"newer {at}"]), LONG_AGO + 2)
    read.clear()
    done = world.register("a", paths=paths)
    assert done.reused_files == earlier.FEW == count - len(read)
    assert paths[1].name not in read, "the largest are taken"
    other = world.register("b", paths=paths)
    assert done.version.content_root == other.version.content_root
    with world.database.read() as session:
        (one,) = catalogue.locations(session, done.version)
        assert len(list(world.store.documents(one.uid).iterdir())) <= 2 * earlier.FEW + 1
    assert world.problems() == []


def test_a_file_that_was_written_to_is_read_again(world: World, read: list[str]) -> None:
    paths = files(world)
    world.register("a", paths=paths)
    read.clear()
    old(write_documents(paths[1], ["1 one", "1 two", "else"]), LONG_AGO + 1)
    assert world.register("a", paths=paths).version.number == 2
    assert read == ["1.jsonl"]


def test_a_file_that_was_replaced_is_read_again_though_its_time_and_size_are_the_same(
    world: World, read: list[str]
) -> None:
    """Archives are often made with one time for all files, whatever is in them."""
    paths = files(world)
    labels: dict[str, Any] = {
        "origin_field": "by",
        "origin_map": {"0": Origin.HUMAN, "1": Origin.AI},
    }
    old(write_documents(paths[0], [{"text": "a", "by": "0"}]))
    world.register("a", paths=paths[:1], **labels)
    assert world.origins("a") == {Origin.HUMAN: 1}
    read.clear()
    other = old(write_documents(world.folder / "in" / "new.jsonl", [{"text": "a", "by": "1"}]))
    other.replace(paths[0])
    world.register("a", paths=paths[:1], **labels)
    assert (read, world.origins("a")) == (["0.jsonl"], {Origin.AI: 1})


def test_a_file_that_had_just_been_written_to_is_read_again(world: World, read: list[str]) -> None:
    """Its time says nothing: it may have been written to once more in the same tick."""
    paths = files(world)
    now = world.clock.now.timestamp()
    old(paths[0], now)
    world.register("a", paths=paths)
    read.clear()
    paths[0].write_bytes(paths[0].read_bytes().replace(b"one", b"eno"))
    old(paths[0], now)
    assert world.register("a", paths=paths).version.number == 2
    assert read == ["0.jsonl"]


def test_other_options_read_again(world: World, read: list[str]) -> None:
    paths = files(world)
    world.register("a", paths=paths)
    read.clear()
    world.register("a", paths=paths, text_fields=["text", "by"])
    assert len(read) == 3


def test_reread_reads_again(world: World, read: list[str]) -> None:
    paths = files(world)
    world.register("a", paths=paths)
    read.clear()
    assert world.register("a", paths=paths, reread=True).reused_files == 0
    assert len(read) == 3


def test_a_table_that_was_changed_is_not_believed(world: World, read: list[str]) -> None:
    paths = files(world)
    first = world.register("a", paths=paths)
    (table,) = (world.store.root / "documents").glob("*/part-00000.parquet")
    data = bytearray(table.read_bytes())
    data[100] ^= 1
    table.write_bytes(data)
    read.clear()
    again = world.register("a", paths=paths)
    assert (len(read), again.version.content_root) == (3, first.version.content_root)


@pytest.mark.parametrize("first_kept", [False, True])
def test_kept_texts_come_from_kept_texts(world: World, read: list[str], first_kept: bool) -> None:
    paths = files(world)
    world.register("a", paths=paths, keep=first_kept, origin=Origin.HUMAN)
    read.clear()
    paths.append(old(write_documents(world.folder / "in" / "9.jsonl", ["new"])))
    world.register("a", paths=paths, keep=True, origin=Origin.HUMAN)
    assert read == (["9.jsonl"] if first_kept else ["0.jsonl", "1.jsonl", "2.jsonl", "9.jsonl"])
    for path in paths:
        path.unlink()
    made = world.export(world.plan({"sources": ["a@2"]}), "snap")
    assert made.documents == 8


# Interrupted registrations.


def interrupt(after: int, error: BaseException) -> Callable[[Progress], None]:
    """Return a function that interrupts a registration when so many files were read.

    What was read of the last one is not finished yet.
    """

    def watch(now: Progress) -> None:
        if now.files >= after:
            raise error

    return watch


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "UNIT_BYTES", 1)
    monkeypatch.setattr(run, "PARALLEL_FROM", 1 << 60)


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupted_registration_goes_on(world: World, read: list[str], keep: bool) -> None:
    paths = files(world, 5)
    with pytest.raises(KeyboardInterrupt):
        world.register("a", paths=paths, keep=keep, on_progress=interrupt(3, KeyboardInterrupt()))
    assert world.problems() == []
    read.clear()
    done = world.register("a", paths=paths, keep=keep)
    assert (read, done.reused_files) == (["2.jsonl", "3.jsonl", "4.jsonl"], 2)
    other = world.register("b", paths=paths)
    assert done.version.content_root == other.version.content_root
    assert not list((world.store.root / "unfinished").iterdir())
    assert world.problems() == []


@pytest.mark.usefixtures("small_units")
@pytest.mark.parametrize("keep", [False, True])
def test_it_may_be_interrupted_many_times(sqlite_world: World, read: list[str], keep: bool) -> None:
    world = sqlite_world
    paths = files(world, 5)
    for finished in (2, 3, 4):
        with pytest.raises(KeyboardInterrupt):
            world.register(
                "a", paths=paths, keep=keep, on_progress=interrupt(finished, KeyboardInterrupt())
            )
        read.clear()
    done = world.register("a", paths=paths, keep=keep)
    assert (read, done.reused_files) == (["3.jsonl", "4.jsonl"], 3)
    other = world.register("b", paths=paths)
    assert done.version.content_root == other.version.content_root
    assert not list((world.store.root / "unfinished").iterdir())
    assert world.problems() == []


@pytest.mark.usefixtures("small_units")
def test_a_dry_run_does_not_use_up_what_was_read(sqlite_world: World, read: list[str]) -> None:
    world = sqlite_world
    paths = files(world, 4)
    with pytest.raises(KeyboardInterrupt):
        world.register("a", paths=paths, on_progress=interrupt(3, KeyboardInterrupt()))
    assert world.register("a", paths=paths, dry_run=True).reused_files == 2
    assert world.problems() == []
    read.clear()
    assert world.register("a", paths=paths).reused_files == 4
    assert (read, list((world.store.root / "unfinished").iterdir())) == ([], [])


@pytest.mark.usefixtures("small_units")
def test_other_files_of_the_dataset_leave_it_waiting(sqlite_world: World, read: list[str]) -> None:
    world = sqlite_world
    paths = files(world, 4)
    with pytest.raises(KeyboardInterrupt):
        world.register("a", paths=paths, on_progress=interrupt(3, KeyboardInterrupt()))
    world.register("a", ["other"], folder="other")
    read.clear()
    assert world.register("a", paths=paths).reused_files == 2
    assert read == ["2.jsonl", "3.jsonl"]


@pytest.mark.usefixtures("small_units")
def test_a_file_that_may_change_unseen_is_read_again_after_an_interruption(
    sqlite_world: World, read: list[str]
) -> None:
    world = sqlite_world
    paths = files(world, 4)
    now = world.clock.now.timestamp()
    old(paths[0], now)
    with pytest.raises(KeyboardInterrupt):
        world.register("a", paths=paths, on_progress=interrupt(3, KeyboardInterrupt()))
    paths[0].write_bytes(paths[0].read_bytes().replace(b"one", b"eno"))
    old(paths[0], now)
    read.clear()
    world.register("a", paths=paths)
    assert "0.jsonl" in read


@pytest.mark.usefixtures("small_units")
def test_after_a_bad_file_was_repaired_only_the_rest_is_read(world: World, read: list[str]) -> None:
    paths = files(world, 4)
    good = paths[2].read_bytes()
    paths[2].write_bytes(b"not JSON")
    with pytest.raises(InvalidInputError):
        world.register("a", paths=paths)
    paths[2].write_bytes(good)
    read.clear()
    world.register("a", paths=paths)
    assert read == ["2.jsonl", "3.jsonl"]


@pytest.mark.usefixtures("small_units")
def test_another_dataset_does_not_go_on_with_it(world: World, read: list[str]) -> None:
    paths = files(world, 4)
    with pytest.raises(KeyboardInterrupt):
        world.register("a", paths=paths, on_progress=interrupt(2, KeyboardInterrupt()))
    read.clear()
    world.register("b", paths=paths)
    assert len(read) == 4


@pytest.mark.usefixtures("small_units")
def test_a_full_disk_leaves_nothing(world: World) -> None:
    paths = files(world, 4)
    with pytest.raises(Exception, match="cannot be written"):
        world.register("a", paths=paths, on_progress=interrupt(2, OSError(28, "No space left")))
    assert not (world.store.root / "unfinished").exists()
    assert world.problems() == []


@pytest.mark.usefixtures("small_units")
def test_what_nobody_goes_on_with_is_removed_after_a_week(world: World) -> None:
    paths = files(world, 4)
    with pytest.raises(KeyboardInterrupt):
        world.register("a", paths=paths, on_progress=interrupt(2, KeyboardInterrupt()))
    (left,) = (world.store.root / "unfinished").iterdir()
    old(left, world.clock.now.timestamp())
    intents.recover(world.database, world.store, now=world.clock())
    assert left.exists()
    world.clock.advance(days=8)
    intents.recover(world.database, world.store, now=world.clock())
    assert not left.exists()


def test_a_dry_run_says_what_would_happen_and_leaves_no_trace(world: World) -> None:
    paths = files(world)
    tried = world.register("a", paths=paths, dry_run=True, origin=Origin.HUMAN)
    assert (tried.outcome, tried.version.number, tried.version.documents) == (
        Outcome.REGISTERED, 1, 9
    )  # fmt: skip
    assert world.problems() == []
    with world.database.read() as session:
        assert list(catalogue.all_versions(session)) == []
    world.register("a", paths=paths)
    assert world.register("a", paths=paths, dry_run=True).outcome is Outcome.UNCHANGED
    added = world.register("a", paths=paths, dry_run=True, origin=Origin.AI)
    assert added.added == ("origin claim `ai`",)
    assert world.register("a", paths=paths, origin=Origin.AI).added == added.added
    assert world.problems() == []
