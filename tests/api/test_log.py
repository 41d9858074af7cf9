"""The log over HTTP: its files and nothing else, as any web host would serve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from registry.core.caller import PUBLIC
from registry.core.logproof import LogProof
from registry.core.note import Note
from registry.core.proof import inclusion
from registry.core.tiles import Tile, TileHashes, parse_bundle, parse_tile
from tests.log.story import Story
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask


@pytest.fixture
def story(world: World) -> Story:
    made = Story(world)
    made.register("essays")
    made.advance()
    return made


def test_a_client_finds_what_it_needs_for_a_proof(story: Story, api: TestClient) -> None:
    answer = api.get("/v1/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "immutable" not in answer.headers["cache-control"]
    note = Note.parse(answer.content)
    assert note.opened([story.signer.public])

    def read(tile: Tile) -> list[bytes]:
        got = api.get(f"/v1/log/{tile.path}")
        assert got.headers["content-type"] == "application/octet-stream"
        assert "immutable" in got.headers["cache-control"]
        return parse_tile(got.content, tile)

    tile = Tile(0, 0, 2)
    entries = parse_bundle(api.get(f"/v1/log/{tile.bundle}").content, tile)
    path = inclusion(TileHashes(2, read), 1, 2)
    LogProof(1, tuple(path), note, entries[1]).check()


def test_an_answer_that_is_known_is_not_sent_again(story: Story, api: TestClient) -> None:
    for name in ("checkpoint", "tile/0/000.p/2"):
        tag = api.get(f"/v1/log/{name}").headers["etag"]
        again = api.get(f"/v1/log/{name}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/02",
        "tile/0/0.p/2",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/entries/../../../config.json",
        "tile/entries/%2e%2e/%2e%2e/%2e%2e/config.json",
        "tile/..%2f..%2f..%2fconfig.json",
        "tile/0/..%2f..%2fcheckpoint",
        "tile//0/000.p/2",
        "tile/0/000.p/2/",
        "tile/0/000.p/2%00",
        "tile/",
        "tile/0",
        ".lock",
        "",
    ],
)
def test_nothing_else_can_be_read(story: Story, api: TestClient, name: str) -> None:
    answer = api.get(f"/v1/log/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_link_in_the_folder_is_not_followed(story: Story, api: TestClient) -> None:
    link = story.folder / "tile/0/001"
    link.symlink_to(story.world.settings.config_file)
    assert api.get("/v1/log/tile/0/001").status_code == 404


def test_before_the_first_checkpoint_there_is_none(world: World, ask: Ask) -> None:
    answer = ask(world).get("/v1/log/checkpoint")
    assert answer.status_code == 404
    assert "log checkpoint" in answer.json()["hint"]


def test_who_may_not_see_everything_does_not_see_the_log_grow(story: Story, ask: Ask) -> None:
    client = ask(story.world, PUBLIC)
    for name in ("checkpoint", "tile/0/000.p/2", "tile/entries/000.p/2"):
        assert client.get(f"/v1/log/{name}").status_code == 404
