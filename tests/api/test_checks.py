from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from registry.api.routes import checks
from registry.core.caller import PUBLIC
from registry.core.dataset import Origin, Role, Visibility
from tests.api.test_problems import problem
from tests.conftest import FilledWorld
from tests.matching.test_scanner import words
from tests.query.test_whereis import prose
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask


def check(api: TestClient, *texts: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/v1/checks", json={"texts": list(texts), **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    return said


def fill(world: World) -> None:
    world.register(
        "people", [prose(1), prose(2)], origin=Origin.HUMAN, visibility=Visibility.PUBLIC
    )
    world.register("team/models", [prose(3)], origin=Origin.AI)


@pytest.fixture
def shelf(filled_world: FilledWorld) -> World:
    return filled_world(fill)


def test_texts_are_checked_as_files_are(shelf: World, ask: Ask) -> None:
    page = " ".join([*words(50, 200), *words(3, 120)[:40]])
    said = check(ask(shelf), prose(1), prose(9), page, against=["people", "ai"])
    assert (said["clean"], said["failed"]) == (False, ["contamination", "loss"])
    assert [(it["record"], it["kind"], it["reason"]) for it in said["matches"]] == [
        (3, "passage", "ai"),
        (1, "exact", "known"),
    ]
    assert said["matches"][0]["words"].split()[:2] == words(3, 120)[:2]
    assert str(shelf.folder) not in json.dumps(said)
    assert check(ask(shelf), prose(9), against=["all"])["clean"]
    only = check(ask(shelf), prose(1), against=["people"], fail_on=["contamination"])
    assert (only["clean"], only["found"]["loss"]) == (True, 1)


def test_a_dataset_that_is_hidden_changes_nothing(shelf: World, ask: Ask) -> None:
    texts = [prose(1), prose(3), prose(4)]
    before = check(ask(shelf, PUBLIC), *texts, against=["all"])
    shelf.register("secret", [prose(1), prose(4)], origin=Origin.AI, window=None)
    shelf.role("secret", Role.EVALUATION)
    assert check(ask(shelf, PUBLIC), *texts, against=["all"]) == before
    assert [it["dataset"] for it in before["sources"]] == ["local/people"]
    assert [it["reason"] for it in before["matches"]] == ["known"]
    hidden, missing = (
        problem(ask(shelf, PUBLIC).post("/v1/checks", json={"texts": ["a"], "against": [name]}),
                404, "not-found")
        for name in ("secret", "nobody")
    )  # fmt: skip
    assert hidden["detail"].replace("secret", "nobody") == missing["detail"]
    for word in ("evals", "ai"):
        answer = ask(shelf, PUBLIC).post("/v1/checks", json={"texts": ["a"], "against": [word]})
        problem(answer, 422, "invalid-input")


def test_texts_of_a_large_version_are_not_read_again_and_that_is_said(
    shelf: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_REREAD", 100)
    page = " ".join([*words(50, 200), *words(3, 120)[:100]])
    (match,) = check(ask(shelf), page, against=["ai"])["matches"]
    assert (match["kind"], match["compared"], match["words"]) == ("passage", False, None)


@pytest.mark.parametrize(
    "body",
    [
        {"texts": ["a"]},
        {"texts": [], "against": ["all"]},
        {"texts": ["a"] * 1001, "against": ["all"]},
        {"texts": ["a"], "against": []},
        {"texts": ["a"], "against": ["all"], "fail_on": ["rain"]},
        {"texts": ["a"], "against": ["all"], "min_similarity": 0},
        {"texts": ["a"], "against": ["all"], "min_run": 7},
        {"texts": ["a"], "against": ["all"], "more": 1},
        {"texts": ["a"], "against": ["/etc"]},
    ],
)
def test_what_cannot_be_asked_is_a_problem(shelf: World, ask: Ask, body: dict[str, Any]) -> None:
    problem(ask(shelf).post("/v1/checks", json=body), 422, "invalid-input")
