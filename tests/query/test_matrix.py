"""The overlap of versions: pair by pair, in both directions, and whatever else is there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import Visibility
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.index.reading import Index
from registry.query.matrix import comparing
from registry.query.matrix.kept import FOLDER
from registry.query.matrix.table import Matrix, matrix
from tests.index.truth import forget, sketch_all
from tests.world import World

Counts = tuple[int, int, int]


def look(
    world: World, *words: str, caller: Caller = OPERATOR, anew: bool = False, **more: Any
) -> Matrix:
    with world.database.read() as session, Index.open(session, world.store) as index:
        return matrix(session, world.store, index, words, caller, anew=anew, **more)


def record(world: World, *words: str, **more: Any) -> dict[str, Any]:
    with world.database.read() as session, Index.open(session, world.store) as index:
        caller = more.pop("caller", OPERATOR)
        return matrix(session, world.store, index, words, caller, **more).to_json()


def counts(found: dict[str, Any], what: str = "documents") -> dict[tuple[str, str], Counts]:
    """Return for each two versions how many of the one are exact, near, either in the other."""
    made = {}
    for pair in found["pairs"]:
        one, two = pair["sides"]
        for side, other in ((one, two), (two, one)):
            made[short(side), short(other)] = (
                side["exact"][what], side["near"][what], side["either"][what],
            )  # fmt: skip
    return made


def short(side: dict[str, Any]) -> str:
    return f"{side['dataset'].removeprefix('local/')}@{side['version']}"


def variant(stem: int, edits: int) -> str:
    """Return one of the texts that hardly differ from others of the same stem."""
    words = [f"s{stem}w{number}" for number in range(120)]
    for edit in range(edits):
        words[5 + 29 * edit] = "edited"
    return " ".join(words)


def test_both_directions_are_told_with_exact_and_near_documents(world: World) -> None:
    world.register("first", [variant(0, 0), variant(1, 0), "Alone.", variant(0, 0)])
    world.register("second", [variant(0, 0), variant(0, 1), variant(1, 1), "Else."])
    world.register("third", ["Nothing of all that."])
    found = record(world)
    assert found["compared"] == 3
    assert counts(found) == {
        ("first@1", "second@1"): (2, 3, 3),
        ("second@1", "first@1"): (1, 2, 3),
    }
    (pair,) = found["pairs"]
    assert (pair["texts"], pair["skipped"]) == (1, 0)
    sizes = len(variant(0, 0).encode()), len(variant(1, 0).encode())
    assert counts(found, "bytes")["first@1", "second@1"] == (
        2 * sizes[0], 2 * sizes[0] + sizes[1], 2 * sizes[0] + sizes[1],
    )  # fmt: skip
    assert counts(found, "share_documents")["first@1", "second@1"] == (0.5, 0.75, 0.75)


def test_one_name_is_compared_with_the_latest_of_all_others(world: World) -> None:
    world.register("old", ["x"])
    world.register("old", ["y"])
    world.register("other", ["z"])
    world.register("mine", ["x", "y", "z"])
    found = record(world, "mine")
    assert found["compared_with"] == {"dataset": "local/mine", "version": 1}
    assert [short(it) for it in found["versions"]] == ["mine@1", "old@2", "other@1"]
    assert found["compared"] == 2
    assert ("mine@1", "old@2") in counts(found)
    several = record(world, "mine", "old@1")
    assert (several["compared_with"], several["compared"]) == (None, 1)
    assert counts(several)["old@1", "mine@1"] == (1, 0, 1)


def test_words_stand_for_versions(world: World) -> None:
    world.register("people", ["x", "y"], origin="human")
    world.register("model", ["x"], origin="ai")
    assert [short(it) for it in record(world, "ai", "human")["versions"]] == ["model@1", "people@1"]
    with pytest.raises(InvalidInputError, match="`evals` stands for no version"):
        look(world, "evals")
    with pytest.raises(NotFoundError, match="`nothing`"):
        look(world, "nothing")


def test_an_empty_registry_has_an_empty_matrix(world: World) -> None:
    found = record(world)
    assert (found["versions"], found["pairs"], found["compared"]) == ([], [], 0)


Texts = st.lists(
    st.one_of(
        st.builds(variant, st.integers(0, 2), st.integers(0, 4)),
        st.sampled_from(["", "…", "short", "Short."]),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.filterwarnings("default")
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(Texts, min_size=2, max_size=4))
def test_numbers_are_those_of_a_look_at_every_pair(
    sqlite_world: World, chosen: list[list[str]]
) -> None:
    world = sqlite_world
    stem = f"m{world.log_size()}"
    names = [f"{stem}-{number}" for number in range(len(chosen))]
    for name, texts in zip(names, chosen, strict=True):
        world.register(name, texts)
    found = record(world, *names)
    made = {"documents": counts(found), "bytes": counts(found, "bytes")}
    for one, mine in zip(names, chosen, strict=True):
        for two, theirs in zip(names, chosen, strict=True):
            if one != two:
                for what, expected in every_pair(mine, theirs).items():
                    at = (f"{one}@1", f"{two}@1")
                    assert made[what].get(at, (0, 0, 0)) == expected


def every_pair(mine: Sequence[str], theirs: Sequence[str]) -> dict[str, Counts]:
    """Return which documents have an equal text, a near one that is not equal, or either."""
    sketches = {text: sketch_all([text]) for text in {*mine, *theirs}}

    def near(one: str, other: str) -> bool:
        here, there = sketches[one], sketches[other]
        if one == other or not here.tokens[0] or not there.tokens[0]:
            return False
        shared = set(here.bands[0].tolist()) & set(there.bands[0].tolist())
        return bool(shared) and float((here.signatures == there.signatures).mean()) >= 0.8

    exact = [text for text in mine if text in theirs]
    close = [text for text in mine if any(near(text, other) for other in theirs)]
    either = [text for text in mine if text in exact or text in close]
    sides = (exact, close, either)
    documents, size = ([count(side) for side in sides] for count in (len, size_of))
    return {"documents": tuple(documents), "bytes": tuple(size)}  # type: ignore[dict-item]


def size_of(texts: Sequence[str]) -> int:
    return sum(len(text.encode()) for text in texts)


# What is kept.


def kept(world: World) -> list[Path]:
    return sorted((world.store.root / FOLDER).iterdir())


def test_what_was_compared_is_kept(world: World) -> None:
    world.register("first", [variant(0, 0), "x"])
    world.register("second", [variant(0, 1), "x"])
    found = record(world)
    (file,) = kept(world)
    for path in (world.store.root / "sketches").glob("*/*"):
        path.write_bytes(b"")
    assert record(world) == found
    with pytest.raises(ConflictError, match="cut short"):
        look(world, anew=True)
    world.register("third", ["x", "y"])
    assert counts(record(world, "first", "third")) == {
        ("first@1", "third@1"): (1, 0, 1),
        ("third@1", "first@1"): (1, 0, 1),
    }
    assert file in kept(world)
    assert len(kept(world)) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:-2],
        lambda raw: b"[" * 100_000,
        lambda raw: b'{"pairs":{"a":1}}',
        lambda raw: json.dumps({"pairs": [], "sha256": ""}).encode(),
        lambda raw: raw.replace(b"[1,", b"[7,"),
    ],
    ids=["empty", "cut", "deep", "odd", "list", "changed"],
)
def test_a_damaged_file_is_none(sqlite_world: World, damage: Any) -> None:
    world = sqlite_world
    world.register("first", ["x"])
    world.register("second", ["x"])
    found = record(world)
    assert found["pairs"][0]["texts"] == 1
    (file,) = kept(world)
    raw = file.read_bytes()
    file.write_bytes(damage(raw))
    assert file.read_bytes() != raw
    assert record(world) == found
    assert file.read_bytes() == raw


def test_the_file_of_another_version_is_none(sqlite_world: World) -> None:
    world = sqlite_world
    for name, text in (("first", "x"), ("second", "x")):
        world.register(name, [text])
    record(world)
    (second,) = kept(world)
    world.register("third", ["y"])
    found = record(world)
    (third,) = set(kept(world)) - {second}
    third.write_bytes(second.read_bytes())
    assert record(world) == found


def test_without_room_to_keep_anything_the_answer_is_the_same(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("first", ["x"])
    world.register("second", ["x"])
    (world.store.root / FOLDER).write_bytes(b"in the way")
    assert record(world)["pairs"][0]["texts"] == 1


def test_a_change_of_the_rule_finds_nothing_kept(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sqlite_world
    world.register("first", ["x"])
    world.register("second", ["x"])
    record(world)
    monkeypatch.setattr("registry.query.matrix.table.RULE", "another rule")
    with pytest.raises(ConflictError, match="1 documents have not been compared"):
        look(world, most_documents=0)


# What is not found, and said.


def test_of_very_many_alike_documents_only_some_are_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "HUBS", 4)
    lines = [f"{variant(0, 0)} number{number}" for number in range(40)]
    world.register("other", [f"{variant(0, 0)} more{number}" for number in range(40)])
    world.register("first", lines[:20])
    world.register("second", lines[20:])
    alone = record(world, "first", "second")
    assert counts(alone)["first@1", "second@1"] == (0, 20, 20)
    (pair,) = alone["pairs"]
    assert pair["skipped"] > 0
    everything = record(world, "all", anew=True)
    assert pair in everything["pairs"]


def test_what_the_index_lacks_is_said_and_not_counted(world: World) -> None:
    world.register("first", [variant(0, 0), "x"])
    world.register("second", [variant(0, 1), "x"])
    forget(world)
    found = record(world)
    assert [it["compared"] for it in found["versions"]] == ["nothing", "nothing"]
    assert (found["compared"], found["pairs"]) == (0, [])


def test_too_many_versions_or_documents_are_refused_with_the_remedy(world: World) -> None:
    for name in ("one", "two", "three"):
        world.register(name, ["x", "y"])
    with pytest.raises(InvalidInputError, match="3 versions are to be compared, at most 2"):
        look(world, most_versions=2)
    with pytest.raises(ConflictError, match="4 documents have not been compared") as error:
        look(world, most_documents=3)
    assert "firsthand overlap" in str(error.value.hint)
    record(world)
    assert record(world, most_documents=0)["compared"] == 3


def test_a_hidden_dataset_is_neither_named_nor_counted(world: World) -> None:
    for name in ("one", "two"):
        world.register(name, [variant(0, 0), f"{name}."], visibility=Visibility.PUBLIC)
    before = record(world, caller=PUBLIC, anew=True)
    world.register("secret", [variant(0, 0), "one.", "two."], visibility=Visibility.PRIVATE)
    for words in ((), ("all",), ("one", "two")):
        found = record(world, *words, caller=PUBLIC, anew=True)
        assert (found["versions"], found["pairs"]) == (before["versions"], before["pairs"])
    with pytest.raises(NotFoundError, match="there is no dataset `secret`"):
        look(world, "secret", caller=PUBLIC)
    assert len(record(world)["versions"]) == 3
