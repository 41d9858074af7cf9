"""Tests of `registry.query.selecting`: words and names that stand for versions."""

from __future__ import annotations

import pytest

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import Origin, Role, Visibility
from registry.core.lineage import EdgeKind
from registry.errors import InvalidInputError, NotFoundError, RegistryError
from registry.query import catalogue
from registry.query.selecting import WORDS, select
from tests.world import World


def selected(world: World, *words: str, caller: Caller = OPERATOR) -> list[str]:
    with world.database.read() as session:
        found = select(session, words, caller)
        return [catalogue.ref_of(version).short for version in found]


def fill(world: World) -> None:
    """Five datasets, one of them with two versions."""
    world.register("essays", ["By a person."], origin=Origin.HUMAN)
    world.register("chat", ["By a model."], origin=Origin.AI)
    world.register(
        "forum",
        [{"text": "Asked.", "by": "human"}, {"text": "Answered.", "by": "ai"}],
        origin_field="by",
    )
    world.register("essays", ["By a person.", "By another."], origin=Origin.HUMAN)
    world.register("tests", ["A question?"])
    world.register("found", ["Nobody knows."])


def test_words_stand_for_what_is_claimed_and_for_roles(world: World) -> None:
    fill(world)
    world.role("essays@1", Role.PROTECTED)
    world.role("tests", Role.EVALUATION)
    assert selected(world, "all") == [
        "essays@1", "chat@1", "forum@1", "essays@2", "tests@1", "found@1",
    ]  # fmt: skip
    assert selected(world, "ai") == ["chat@1", "forum@1"]
    assert selected(world, "human") == ["essays@1", "forum@1", "essays@2"]
    assert selected(world, "protected") == ["essays@1"]
    assert selected(world, "evals") == ["tests@1"]


def test_a_role_that_was_taken_away_selects_nothing_and_one_given_again_does(
    sqlite_world: World,
) -> None:
    fill(sqlite_world)
    for given, found in ((True, ["tests@1"]), (False, []), (True, ["tests@1"])):
        sqlite_world.role("tests", Role.EVALUATION, given=given)
        assert selected(sqlite_world, "evals") == found


def test_a_name_is_the_latest_version_or_the_one_named(sqlite_world: World) -> None:
    fill(sqlite_world)
    assert selected(sqlite_world, "essays") == ["essays@2"]
    assert selected(sqlite_world, "local/essays@1") == ["essays@1"]


def test_no_version_comes_twice_and_the_words_give_the_order(sqlite_world: World) -> None:
    fill(sqlite_world)
    assert selected(sqlite_world, "found", "ai", "chat", "ai,human") == [
        "found@1", "chat@1", "forum@1", "essays@1", "essays@2",
    ]  # fmt: skip
    assert selected(sqlite_world, "evals", "protected") == []


def test_a_correction_and_lineage_make_a_version_ai(sqlite_world: World) -> None:
    fill(sqlite_world)
    sqlite_world.claim("essays@1", Origin.AI, where=["By a person."])
    sqlite_world.derive("found", "tests", EdgeKind.GENERATED)
    assert selected(sqlite_world, "ai") == ["essays@1", "chat@1", "forum@1", "found@1"]


def test_a_record_with_a_field_by_a_model_is_ai_and_human(sqlite_world: World) -> None:
    sqlite_world.register(
        "pairs",
        [{"question": "By a person?", "answer": "By a model."}],
        origin_by_field={"question": Origin.HUMAN, "answer": Origin.AI},
    )
    assert selected(sqlite_world, "ai") == selected(sqlite_world, "human") == ["pairs@1"]


def test_a_dataset_named_like_a_word_has_its_full_name(sqlite_world: World) -> None:
    fill(sqlite_world)
    sqlite_world.register("ai", ["About models."])
    assert selected(sqlite_world, "ai") == ["chat@1", "forum@1"]
    assert selected(sqlite_world, "local/ai") == selected(sqlite_world, "ai@1") == ["ai@1"]


@pytest.mark.parametrize(
    ("words", "error", "message", "hint"),
    [
        (
            ["esays"],
            NotFoundError,
            "there is no dataset `esays`",
            "did you mean `essays`, or the word `evals`?",
        ),
        (
            ["protcted"],
            NotFoundError,
            "there is no dataset `protcted`",
            "did you mean the word `protected`?",
        ),
        (
            ["xyz"],
            NotFoundError,
            "there is no dataset `xyz`",
            "`protected`, `evals`, `ai`, `human`",
        ),
        (["essays@9"], NotFoundError, "there is no version 9", "it has 2 versions"),
        (["team/ai"], NotFoundError, "there is no dataset `team/ai`", ""),
        (["ai,,human"], InvalidInputError, "a selection has an empty part", "single commas"),
        ([""], InvalidInputError, "a selection has an empty part", "single commas"),
        (["AI"], InvalidInputError, "`AI` is not a valid dataset name", "lower-case"),
    ],
)
def test_what_stands_for_nothing_is_one_clear_error(
    sqlite_world: World, words: list[str], error: type[RegistryError], message: str, hint: str
) -> None:
    fill(sqlite_world)
    with pytest.raises(error) as caught:
        selected(sqlite_world, *words)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_what_is_hidden_is_neither_selected_nor_told_from_what_is_not_there(
    world: World,
) -> None:
    world.register("open", ["By a model."], origin=Origin.AI, visibility=Visibility.PUBLIC)
    before = {word: selected(world, word, caller=PUBLIC) for word in WORDS}
    assert before["all"] == before["ai"] == ["open@1"]
    world.register("secret", ["By another model."], origin=Origin.AI)
    world.register("made", ["By one more."], origin=Origin.HUMAN)
    world.role("secret", Role.EVALUATION)
    world.role("made", Role.PROTECTED)
    # Of what hidden text a visible one was generated from, nobody is told either.
    world.register("plain", ["Nobody says."], visibility=Visibility.PUBLIC)
    world.derive("plain", "secret", EdgeKind.GENERATED)
    after = {word: selected(world, word, caller=PUBLIC) for word in WORDS}
    assert after == before | {"all": ["open@1", "plain@1"]}
    with pytest.raises(NotFoundError) as hidden:
        selected(world, "secret", caller=PUBLIC)
    with pytest.raises(NotFoundError) as missing:
        selected(world, "absent", caller=PUBLIC)
    assert hidden.value.message.replace("secret", "absent") == missing.value.message
    assert hidden.value.hint == missing.value.hint
