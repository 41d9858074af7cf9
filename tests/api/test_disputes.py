"""Disputes, conflicts and past states over HTTP, and what is hidden in none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.core.caller import PUBLIC
from registry.core.dataset import Origin, Visibility
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask

TEXTS = [f"Text {number} of a kind, slowly written." for number in range(4)]


def fill(world: World) -> None:
    world.register("hidden", TEXTS[:2], origin=Origin.AI)
    world.dispute("hidden", Origin.HUMAN)
    world.register("seen", TEXTS, origin=Origin.HUMAN, visibility=Visibility.PUBLIC)
    world.resolve(world.dispute("seen", Origin.AI, where=TEXTS[2:3]), "rejected")
    world.dispute("seen", Origin.ASSISTED, where=TEXTS[3:])


def test_disputes_and_conflicts_are_listed_in_pages(world: World, ask: Ask) -> None:
    fill(world)
    api = ask(world)
    disputes = api.get("/v1/disputes").json()["items"]
    assert [(it["dataset"], it["number"], it["id"], it["state"]) for it in disputes] == [
        ("local/hidden", 1, 1, "open"),
        ("local/seen", 1, 2, "rejected"),
        ("local/seen", 2, 3, "open"),
    ]
    page = api.get("/v1/disputes?ref=seen&limit=1").json()
    assert page["next"] == "/v1/disputes?ref=seen&limit=1&after=1"
    assert api.get(page["next"]).json()["items"][0]["number"] == 2
    conflicts = api.get("/v1/conflicts?ref=seen").json()["items"]
    assert [(it["there"]["dataset"], it["claims"]) for it in conflicts] == [
        ("local/hidden", None),
        ("local/seen", [1, 3]),
    ]
    claims = api.get("/v1/datasets/local/seen/versions/1/claims").json()["items"]
    assert [it["number"] for it in claims] == [1, 2, 3]
    assert [it["ended"] and it["ended"]["dispute"] for it in claims] == [None, 1, None]


def test_what_is_hidden_is_in_no_list_and_no_number(world: World, ask: Ask) -> None:
    fill(world)
    api = ask(world, PUBLIC)
    disputes = api.get("/v1/disputes").json()["items"]
    assert [(it["dataset"], it["number"], it["id"]) for it in disputes] == [
        ("local/seen", 1, None),
        ("local/seen", 2, None),
    ]
    conflicts = api.get("/v1/conflicts").json()["items"]
    assert [it["there"]["dataset"] for it in conflicts] == ["local/seen"]
    assert api.get("/v1/disputes?ref=hidden").status_code == 404
    assert api.get("/v1/conflicts?ref=hidden").status_code == 404


def test_routes_look_back(world: World, ask: Ask) -> None:
    world.register("seen", TEXTS, origin=Origin.HUMAN, visibility=Visibility.PUBLIC)
    size, day = world.log_size(), world.clock.now
    api = ask(world)
    paths = [
        "/v1/datasets",
        "/v1/datasets/local/seen",
        "/v1/datasets/local/seen/history",
        "/v1/datasets/local/seen/versions",
        "/v1/datasets/local/seen/versions/1",
        "/v1/datasets/local/seen/versions/1/claims",
        "/v1/datasets/local/seen/versions/1/lineage",
        "/v1/disputes",
        "/v1/conflicts",
    ]
    before = {path: api.get(path).json() for path in paths}
    world.clock.advance(days=2)
    world.dispute("seen", Origin.AI)
    world.register("copy", TEXTS, origin=Origin.AI)
    world.derive("copy", "seen")
    for path in paths:
        assert api.get(f"{path}?as_of=log:{size}").json() == before[path], path
        assert api.get(f"{path}?as_of={day:%Y-%m-%d}").json() == before[path], path
    assert ask(world, PUBLIC).get(f"{paths[0]}?as_of={day:%Y-%m-%d}").status_code == 200


def test_states_that_are_none_are_not_found_or_refused(world: World, ask: Ask) -> None:
    fill(world)
    path = "/v1/datasets?as_of="
    for text, status in (("log:999999", 404), ("2026-02-31", 404), ("yesterday", 422), ("", 422)):
        assert ask(world).get(path + text).status_code == status, text
    refused = ask(world, PUBLIC).get(f"{path}log:1")
    assert refused.status_code == 422
    assert "may see all of the log" in refused.json()["detail"]
