from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from registry.core.dataset import DatasetRef, Origin, Visibility
from registry.core.lineage import EdgeKind
from registry.query import show
from tests.conftest import FilledWorld
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask


def everything(api: TestClient, path: str) -> list[dict[str, Any]]:
    """Follow a list to its end."""
    items = []
    following: str | None = path
    while following:
        answer = api.get(following)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        following = answer.json()["next"]
    return items


def names(api: TestClient, query: str = "") -> list[str]:
    return [item["dataset"] for item in everything(api, f"/v1/datasets?limit=2{query}")]


def fill(world: World) -> None:
    world.register("essays", ["By a person."], origin=Origin.HUMAN, license="CC-BY-4.0")
    world.register("team/chat", [{"text": "By a model.", "by": "ai"}], origin_field="by")
    world.register(
        "team/both",
        [{"text": "One.", "by": "human"}, {"text": "Two.", "by": "ai"}],
        origin_field="by",
        license="MIT",
    )
    world.register("nobody-said", ["Found."], visibility=Visibility.PUBLIC)
    world.register("essays", ["By a person.", "By another."], origin="human", license="MIT")


@pytest.fixture
def shelf(filled_world: FilledWorld) -> World:
    return filled_world(fill)


def test_datasets_come_by_name_in_pages(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    assert names(api) == ["local/essays", "local/nobody-said", "team/both", "team/chat"]
    first = api.get("/v1/datasets?limit=3").json()
    assert first["next"] == "/v1/datasets?limit=3&after=team%2Fboth"
    assert api.get("/v1/datasets?limit=4").json()["next"] is None
    assert names(api, "&after=local/f") == ["local/nobody-said", "team/both", "team/chat"]


def test_a_list_says_what_the_command_says(shelf: World, ask: Ask) -> None:
    from registry.query import pages

    api = ask(shelf)
    with shelf.database.read() as session:
        expected = list(pages.all_datasets(session))
    assert everything(api, "/v1/datasets?limit=1") == expected
    for item in expected:
        assert api.get(f"/v1/datasets/{item['dataset']}").json() == item
    assert expected[0]["versions"] == 2
    assert expected[0]["licenses"] == ["MIT"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("&q=ESS", ["local/essays"]),
        ("&q=team both", ["team/both"]),
        ("&q=_", []),
        ("&q=%25", []),
        ("&namespace=team", ["team/both", "team/chat"]),
        ("&origin=human", ["local/essays", "team/both"]),
        ("&origin=ai", ["team/both", "team/chat"]),
        ("&origin=unknown", ["local/nobody-said"]),
        ("&origin=mixed", []),
        ("&license=MIT", ["local/essays", "team/both"]),
        ("&license=CC-BY-4.0", []),
        ("&visibility=public", ["local/nobody-said"]),
        ("&origin=human&license=MIT&namespace=team", ["team/both"]),
    ],
)
def test_filters(shelf: World, ask: Ask, query: str, expected: list[str]) -> None:
    assert names(ask(shelf), query) == expected


def test_a_page_costs_the_same_number_of_queries_however_long_it_is(world: World, ask: Ask) -> None:
    api = ask(world)
    counted = []

    def count(*_: object) -> None:
        counted.append(1)

    event.listen(api.app.state.registry.database.engine, "before_cursor_execute", count)  # type: ignore[attr-defined]
    costs = []
    for number in range(6):
        world.register(f"set-{number}", [f"Text {number}."], origin="human")
        counted.clear()
        assert len(api.get("/v1/datasets").json()["items"]) == number + 1
        costs.append(len(counted))
    assert len(set(costs)) == 1


def test_versions_come_in_order(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    found = everything(api, "/v1/datasets/local/essays/versions?limit=1")
    assert [(item["version"], item["documents"]) for item in found] == [(1, 1), (2, 2)]


def test_a_version_says_what_show_says_but_no_paths(shelf: World, ask: Ask) -> None:
    shelf.claim("team/both", Origin.AI, where=["One."])
    shelf.derive("team/both@1", "essays@2", EdgeKind.MERGED)
    shelf.export({"sources": ["essays", "team/both"]})
    api = ask(shelf)
    with shelf.database.read() as session:
        ref = DatasetRef.parse("team/both@1")
        expected = show.version_record(session, shelf.store, ref)
    del expected["log_size"]
    for place in expected["locations"]:
        assert place.pop("base")
    for item in expected["snapshots"]:
        assert item.pop("path")
    answer = api.get("/v1/datasets/team/both/versions/1")
    assert answer.json() == expected
    assert str(shelf.folder) not in answer.text
    lineage = api.get("/v1/datasets/team/both/versions/1/lineage").json()
    assert lineage == expected["lineage"]
    claims = everything(api, "/v1/datasets/team/both/versions/1/claims?limit=1")
    assert [item["number"] for item in claims] == [1, 2, 3]
    assert claims == expected["claims"]


def test_history_tells_every_kind_of_event(shelf: World, ask: Ask) -> None:
    shelf.claim("essays", Origin.AI, where=["By another."])
    shelf.derive("essays", "team/chat")
    shelf.export({"sources": ["essays", "team/chat"]})
    api = ask(shelf)
    found = everything(api, "/v1/datasets/local/essays/history?limit=2")
    assert [item["number"] for item in found] == list(range(1, len(found) + 1))
    assert {item["event"] for item in found} == {
        "registered", "location", "claim", "lineage", "snapshot",
    }  # fmt: skip
    assert [item["at"] for item in found] == sorted(item["at"] for item in found)
    edge = next(item for item in found if item["event"] == "lineage")
    assert edge["from"] == "team/chat@1"
    assert str(shelf.folder) not in json.dumps(found)


def test_snapshots_and_the_exact_bytes_of_certificates(shelf: World, ask: Ask) -> None:
    made = [
        shelf.export({"sources": ["essays"], "seed": seed}, f"snap-{seed}") for seed in range(3)
    ]
    made.append(shelf.export({"sources": ["team/chat"]}, "chat"))
    api = ask(shelf)
    found = everything(api, "/v1/snapshots?limit=1")
    assert [item["certificate"] for item in found] == [item.certificate for item in made]
    for item, export in zip(found, made, strict=True):
        assert item["snapshot_root"] == export.snapshot_root
    last = found[-1]
    assert last["inputs"] == [
        {"dataset": "team/chat", "version": 1, "documents": 1, "bytes": last["bytes"]}
    ]
    assert api.get(f"/v1/snapshots/{last['snapshot_root']}").json() == last
    answer = api.get(f"/v1/snapshots/{last['snapshot_root']}/certificate")
    assert answer.content == (made[-1].path / "certificate.json").read_bytes()
    assert answer.headers["etag"] == f'"{last["certificate"]}"'


def spoil(folder: Path, how: str) -> None:
    file = folder / "certificate.json"
    data = file.read_bytes()
    file.unlink()
    match how:
        case "changed":
            file.write_bytes(data[:-2] + b" }")
        case "longer":
            file.write_bytes(data + b" ")
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)


@pytest.mark.parametrize("how", ["changed", "longer", "missing", "folder", "pipe"])
def test_a_certificate_that_is_not_the_recorded_one_is_not_served(
    shelf: World, ask: Ask, how: str
) -> None:
    made = shelf.export({"sources": ["essays"]})
    api = ask(shelf)
    spoil(made.path, how)
    answer = api.get(f"/v1/snapshots/{made.snapshot_root}/certificate")
    assert answer.status_code == 404
    assert "no longer where it was written, or was changed" in answer.json()["detail"]
    assert made.certificate in answer.json()["detail"]
    assert api.get(f"/v1/snapshots/{made.snapshot_root}").status_code == 200


def test_the_newest_certificate_that_is_left_is_served(shelf: World, ask: Ask) -> None:
    one = shelf.export({"sources": ["essays"]}, "one")
    two = shelf.export({"sources": ["essays"]}, "two")
    assert one.snapshot_root == two.snapshot_root
    api = ask(shelf)
    path = f"/v1/snapshots/{one.snapshot_root}"
    assert api.get(path).json()["certificate"] == two.certificate
    assert api.get(f"{path}/certificate").headers["etag"] == f'"{two.certificate}"'
    spoil(two.path, "missing")
    assert api.get(f"{path}/certificate").headers["etag"] == f'"{one.certificate}"'


def test_what_is_not_there_is_not_found(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    for path in (
        "/v1/datasets/local/essais",
        "/v1/datasets/local/essais/history",
        "/v1/datasets/local/essais/versions",
        "/v1/datasets/local/essays/versions/3",
        "/v1/datasets/local/essays/versions/3/claims",
        "/v1/datasets/local/essays/versions/3/lineage",
        f"/v1/snapshots/{'0' * 64}",
        f"/v1/snapshots/{'0' * 64}/certificate",
    ):
        assert api.get(path).status_code == 404, path
    assert api.get("/v1/datasets/local/essais").json()["hint"] == "did you mean `essays`?"
    assert api.get(f"/v1/snapshots?after={'0' * 64}").status_code == 404
