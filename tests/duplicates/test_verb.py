from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from registry import duplicates
from registry.batch.engine import Limits
from registry.core.caller import PUBLIC
from registry.core.dataset import DatasetRef
from registry.core.digest import sha256_hex
from registry.db.models import SketchTable
from registry.duplicates import Report, Wanted
from registry.errors import ConflictError, InvalidInputError, NotFoundError, RegistryError
from tests.batch.made import Pair, brute, edited, groups, story
from tests.world import World

LIMITS = Limits(memory=256_000_000, threads=2)


def find(world: World, name: str, other: str | None = None, **more: Any) -> Report:
    wanted = Wanted(
        DatasetRef.parse(name),
        None if other is None else DatasetRef.parse(other),
        limits=LIMITS,
        **more,
    )
    return duplicates.find(world.database, world.store, wanted)


def listed(path: Path) -> set[Pair]:
    """The pairs of a file, both sides by their number: 1 is `mine`, 2 is `theirs`."""
    numbers = {"local/mine": 1, "local/theirs": 2}
    rows = pq.read_table(path).to_pylist()
    return {
        Pair(
            (numbers[row["left_dataset"]], row["left_row"]),
            (numbers[row["right_dataset"]], row["right_row"]),
            row["similarity"],
            row["accepted"],
            row["kind"],
        )
        for row in rows
    }


def test_pairs_within_a_version(world: World) -> None:
    texts = story(random.Random(1), 80)
    world.register("mine", texts)
    out = world.folder / "pairs.parquet"
    for exact in (False, True):
        report = find(world, "mine", exact=exact, out=out)
        expected = brute(texts, exact=exact)
        accepted = {pair for pair in expected if pair.accepted}
        assert listed(out) == accepted
        assert report.exact_pairs == len([it for it in accepted if it.kind == "exact"])
        assert report.near_pairs == len([it for it in accepted if it.kind == "near"])
        assert report.rejected_pairs == len(expected) - len(accepted)
        assert report.clusters == len(groups(expected))
        assert report.documents == sum(map(len, groups(expected)))
        assert report.rows == len(accepted)
        assert (report.searched, report.compared, report.listed) == (80, None, None)
        assert report.error == pytest.approx(0 if exact else 0.0354, abs=1e-4)
    assert world.problems() == []


def test_pairs_between_versions_with_both_sides_named(sqlite_world: World) -> None:
    world = sqlite_world
    whole = story(random.Random(2), 120)
    mine, theirs = whole[::2], whole[1::2]
    world.register("theirs", theirs, license="MIT")
    world.register("mine", mine)
    out = world.folder / "pairs.parquet"
    report = find(world, "mine", "theirs", out=out, everything=True)
    assert listed(out) == brute(mine, theirs)
    assert report.theirs == DatasetRef("local", "theirs", 1)
    table = pq.read_table(out)
    assert set(table["left_dataset"].to_pylist()) == {"local/mine"}
    assert set(table["rule"].to_pylist()) == {"near/v1 sketch/v1 128 20x6 ≥0.8"}
    for row in table.to_pylist():
        for side, texts in (("left", mine), ("right", theirs)):
            digest = sha256_hex(texts[row[f"{side}_row"]].encode())
            assert row[f"{side}_hash"].hex() == digest
    assert {False, True} == set(table["accepted"].to_pylist())


def test_the_screen_knows_the_largest_clusters(sqlite_world: World) -> None:
    rng = random.Random(3)
    base = " ".join(str(n) for n in range(200))
    texts = [*story(rng, 20), *(edited(rng, base, 0.005) for _ in range(19))]
    sqlite_world.register("mine", texts)
    report = find(sqlite_world, "mine")
    largest = max(groups(brute(texts)), key=len)
    assert report.largest[0].documents == len(largest)
    rows = [row for _, row in report.largest[0].rows]
    assert rows == sorted(row for _, row in largest)[:5]
    assert report.out is None


def test_rows_are_those_of_the_first_location(sqlite_world: World) -> None:
    world = sqlite_world
    texts = story(random.Random(4), 40)
    world.register("mine", texts, folder="a")
    world.register("mine", texts[::-1], folder="b")
    out = world.folder / "pairs.parquet"
    # The texts of the first one are gone: those of the second are taken, whatever their order.
    (world.folder / "a" / "part-0.jsonl").unlink()
    find(world, "mine", out=out, exact=True)
    assert listed(out) == {pair for pair in brute(texts, exact=True) if pair.accepted}


def test_texts_that_changed_are_not_compared(sqlite_world: World) -> None:
    world = sqlite_world
    texts = story(random.Random(5), 40)
    world.register("mine", texts)
    path = world.folder / "files" / "mine" / "part-0.jsonl"
    path.write_text(path.read_text("utf-8").replace("1", "2"), "utf-8")
    before = find(world, "mine")
    assert before.near_pairs > 0, "sketches need no texts"
    out = world.folder / "pairs.parquet"
    with pytest.raises(RegistryError):
        find(world, "mine", exact=True, out=out)
    assert not out.exists()


def test_a_file_of_pairs_is_replaced_whole_or_not_at_all(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("mine", ["x", "x", "x"])
    out = world.folder / "deep" / "pairs.parquet"
    find(world, "mine", out=out)
    first = out.read_bytes()
    find(world, "mine", out=out)
    assert out.read_bytes() == first
    with pytest.raises(RegistryError, match="cannot be written"):
        find(world, "mine", out=out / "below.parquet")
    assert [path.name for path in out.parent.iterdir()] == ["pairs.parquet"]


def test_what_is_not_listed_pair_by_pair_is_said(sqlite_world: World) -> None:
    world = sqlite_world
    base = " ".join(str(n) for n in range(200))
    world.register("mine", ["copy"] * 20 + [f"{base} {n}" for n in range(20)])
    out = world.folder / "pairs.parquet"
    report = find(world, "mine", out=out, pair_limit=50)
    assert report.exact_pairs == 190
    assert report.listed is not None
    assert (report.listed.groups, report.listed.pairs) == (1, 190)
    assert report.compared is not None
    assert report.compared.pairs >= 190
    assert report.clusters == 2
    whole = find(world, "mine", out=out)
    assert (whole.listed, whole.compared) == (None, None)
    assert whole.rows == 190 + 190


def test_a_version_without_sketches(world: World) -> None:
    world.register("mine", ["x"])
    with world.database.write() as session:
        session.execute(sa.delete(SketchTable))
    with pytest.raises(ConflictError, match="`mine@1` has no sketches") as caught:
        find(world, "mine")
    assert caught.value.hint is not None
    assert "firsthand index rebuild" in caught.value.hint


def test_sketches_of_different_kinds_do_not_compare(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("mine", ["x"])
    world.register("theirs", ["y"])
    with world.database.write() as session:
        first = session.scalars(sa.select(SketchTable).order_by(SketchTable.id)).first()
        assert first is not None
        first.permutations = 256
    with pytest.raises(ConflictError, match="do not compare"):
        find(world, "mine", "theirs")
    with world.database.write() as session:
        session.execute(sa.update(SketchTable).values(scheme="sketch/v0"))
    with pytest.raises(ConflictError, match="sketch/v0"):
        find(world, "theirs")


def test_sketch_files_that_are_missing_or_damaged(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("mine", story(random.Random(6), 30))
    (path,) = (world.store.root / "sketches").rglob("*.sketch")
    whole = path.read_bytes()
    path.write_bytes(whole[:700] + bytes([whole[700] ^ 1]) + whole[701:])
    with pytest.raises(ConflictError) as caught:
        find(world, "mine")
    assert caught.value.hint is not None
    assert "firsthand index rebuild" in caught.value.hint
    path.unlink()
    with pytest.raises(ConflictError, match="0 of the 30 sketches"):
        find(world, "mine")


def test_pairs_take_the_place_of_a_file_only(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("mine", ["x", "x"])
    folder, pipe, device = world.folder / "folder", world.folder / "pipe", Path("/dev/null")
    folder.mkdir()
    os.mkfifo(pipe)
    link = world.folder / "link"
    link.symlink_to(pipe)
    for out in (folder, pipe, link, device, Path(), Path("..")):
        with pytest.raises(InvalidInputError, match="is not a file that pairs can be written to"):
            find(world, "mine", out=out)
    assert pipe.is_fifo()
    assert device.is_char_device()
    dangling = world.folder / "dangling"
    dangling.symlink_to(world.folder / "nothing")
    assert find(world, "mine", out=dangling).rows == 1


def test_a_version_with_itself_and_names_that_do_not_exist(sqlite_world: World) -> None:
    sqlite_world.register("mine", ["x"])
    with pytest.raises(InvalidInputError, match="compared with itself"):
        find(sqlite_world, "mine", "mine@1")
    for name, other in (("nothing", None), ("mine", "nothing")):
        with pytest.raises(NotFoundError):
            find(sqlite_world, name, other)


def test_a_hidden_version_does_not_exist_for_others(sqlite_world: World) -> None:
    sqlite_world.register("mine", ["x"])
    wanted = Wanted(DatasetRef.parse("mine"), limits=LIMITS)
    with pytest.raises(NotFoundError, match="there is no dataset"):
        duplicates.find(sqlite_world.database, sqlite_world.store, wanted, caller=PUBLIC)
