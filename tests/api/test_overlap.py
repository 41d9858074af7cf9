"""`GET /v1/overlap` answers like `firsthand overlap --json`, and only what is quickly answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from registry.api.routes import overlap
from registry.core.caller import OPERATOR
from registry.index.reading import Index
from registry.query.matrix.table import matrix
from tests.conftest import FilledWorld
from tests.query.test_matrix import variant
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask


def fill(world: World) -> None:
    world.register("first", [variant(0, 0), "x"])
    world.register("second", [variant(0, 1), "x", "y"])
    world.register("ai", ["x"], origin="ai")


@pytest.fixture
def world(filled_world: FilledWorld) -> World:
    return filled_world(fill)


@pytest.fixture
def shelf(world: World, ask: Ask) -> TestClient:
    return ask(world)


def test_the_answer_is_that_of_the_command(world: World, shelf: TestClient) -> None:
    for words in ((), ("first", "second"), ("local/ai",), ("first@1,second",), ("ai", "second")):
        asked = [word for text in words for word in text.split(",")]
        answer = shelf.get("/v1/overlap", params={"ref": asked})
        assert answer.status_code == 200
        with world.database.read() as session, Index.open(session, world.store) as index:
            found = matrix(session, world.store, index, words, OPERATOR, anew=True)
            assert answer.json() == found.to_json()
    assert answer.headers["etag"]
    again = shelf.get(
        "/v1/overlap", params={"ref": asked}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


def test_what_takes_long_is_left_to_the_command(
    shelf: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "MOST_DOCUMENTS", 2)
    answer = shelf.get("/v1/overlap")
    assert answer.status_code == 409
    assert "firsthand overlap" in answer.json()["hint"]
    monkeypatch.setattr(overlap, "MOST_VERSIONS", 2)
    answer = shelf.get("/v1/overlap")
    assert (answer.status_code, "with `ref`" in answer.json()["hint"]) == (422, True)


@pytest.mark.parametrize("ref", ["", "a b", "a@0", "../x", "a@1@2", "A", "a,b", "x" * 400])
def test_what_is_no_name_is_refused(shelf: TestClient, ref: str) -> None:
    assert shelf.get("/v1/overlap", params={"ref": ref}).status_code == 422


def test_what_is_not_there_is_not_found(shelf: TestClient) -> None:
    assert shelf.get("/v1/overlap?ref=nothing").status_code == 404
    assert shelf.get("/v1/overlap?other=1").status_code == 422
