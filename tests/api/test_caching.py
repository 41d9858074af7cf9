from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import Origin, Visibility
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask

VERSION = "/v1/datasets/local/essays/versions/1"


@pytest.fixture
def shelf(sqlite_world: World) -> World:
    sqlite_world.register("essays", ["By a person."], origin="human", visibility=Visibility.PUBLIC)
    return sqlite_world


@pytest.mark.parametrize("who", [OPERATOR, PUBLIC], ids=lambda it: it.name)
def test_an_answer_that_did_not_change_is_not_sent_again(
    shelf: World, ask: Ask, who: Caller
) -> None:
    made = shelf.export({"sources": ["essays"]})
    api = ask(shelf, who)
    certificate = f"/v1/snapshots/{made.snapshot_root}/certificate"
    for path in ("/v1/datasets", VERSION, f"{VERSION}/claims", "/v1/snapshots", certificate):
        first = api.get(path)
        tag = first.headers["etag"]
        assert tag.startswith('"')
        assert first.headers["cache-control"] == "private, no-cache"
        for sent in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            again = api.get(path, headers={"If-None-Match": sent})
            assert (again.status_code, again.content) == (304, b""), (path, sent)
            assert again.headers["etag"] == tag
            assert "content-type" not in again.headers
        for sent in ('"other"', tag.strip('"'), "", '"'):
            assert api.get(path, headers={"If-None-Match": sent}).content == first.content


@pytest.mark.parametrize("who", [OPERATOR, PUBLIC], ids=lambda it: it.name)
def test_a_claim_changes_the_name_of_a_version(shelf: World, ask: Ask, who: Caller) -> None:
    api = ask(shelf, who)
    tag = api.get(VERSION).headers["etag"]
    shelf.claim("essays", Origin.AI)
    answer = api.get(VERSION, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag
    assert answer.json()["origin"] == "ai"


def test_different_answers_have_different_names(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    paths = ["/v1/datasets", "/v1/datasets?limit=1", "/v1/datasets?limit=2", VERSION]
    assert len({api.get(path).headers["etag"] for path in paths}) == len(paths)


def test_errors_have_no_name_and_are_not_hidden_by_one(shelf: World, ask: Ask) -> None:
    for who in (OPERATOR, PUBLIC):
        answer = ask(shelf, who).get("/v1/datasets/local/none", headers={"If-None-Match": "*"})
        assert answer.status_code == 404
        assert "etag" not in answer.headers


def test_head_is_get_without_a_body(api: TestClient, world: World) -> None:
    world.register("essays", ["By a person."])
    for path in ("/v1/datasets", "/healthz", VERSION, "/v1/datasets/local/none"):
        full, head = api.get(path), api.head(path)
        assert (head.status_code, head.content) == (full.status_code, b"")
        assert head.headers == full.headers


def test_no_answer_may_be_read_as_another_type(api: TestClient) -> None:
    for path in ("/v1/datasets", "/healthz", "/nothing", "/openapi.json"):
        answer = api.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
