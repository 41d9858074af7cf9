from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from registry.api.bounded import MOST_BYTES
from registry.api.deps import MOST_QUESTIONS
from registry.core.caller import OPERATOR, PUBLIC
from registry.core.dataset import Origin, Visibility
from registry.core.digest import sha256_hex
from tests.api.test_problems import problem
from tests.api.test_routes import everything
from tests.conftest import FilledWorld
from tests.query.test_whereis import prose
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask


def lookup(api: TestClient, *texts: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/v1/lookup", json={"texts": list(texts), **more})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def fill(world: World) -> None:
    world.register("people", [prose(1), prose(2), prose(2)], origin=Origin.HUMAN, license="MIT")
    world.register("team/models", [prose(2), prose(3), prose(1) + " more"], origin=Origin.AI)


@pytest.fixture
def shelf(filled_world: FilledWorld) -> World:
    return filled_world(fill)


def test_texts_and_hashes_are_answered_in_their_order(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    digest = sha256_hex(prose(3).encode())
    said = lookup(api, prose(9), prose(1), hashes=[digest, f"sha256:{digest}"])
    assert [answer["found"] for answer in said["answers"]] == [False, True, True, True]
    assert [match["kind"] for match in said["answers"][1]["matches"]] == ["exact", "near"]
    (place,) = said["answers"][2]["matches"][0]["places"]
    assert (place["dataset"], place["row"], place["record"]) == ("team/models", 2, 2)
    assert said["answers"][2]["question"] == {
        "content_hash": digest, "bytes": None, "tokens": None,
    }  # fmt: skip
    assert said["searched"]["documents"] == 6
    assert "base" not in place, "no path of the registry's machine is told"
    assert str(shelf.folder) not in json.dumps(said)


def test_an_answer_is_not_kept_by_anybody(shelf: World, ask: Ask) -> None:
    answer = ask(shelf).post(
        "/v1/lookup", json={"texts": [prose(1)]}, headers={"If-None-Match": "*"}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_a_document_is_known_by_its_hash(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    digest = sha256_hex(prose(2).encode())
    answer = api.get(f"/v1/documents/{digest}")
    said = answer.json()
    assert (said["documents"], said["origin"]) == (3, "ai")
    assert [side["says"] for side in said["conflicts"][0]["sides"]] == [["human"], ["ai"]]
    assert api.get(f"/v1/documents/sha256:{digest}").json() == said
    tag = {"If-None-Match": answer.headers["etag"]}
    assert api.get(f"/v1/documents/{digest}", headers=tag).status_code == 304
    shelf.claim("people", Origin.PROGRAMMATIC)
    assert api.get(f"/v1/documents/{digest}", headers=tag).status_code == 200
    problem(api.get(f"/v1/documents/{'0' * 64}"), 404, "not-found")
    problem(api.get("/v1/documents/xyz"), 422, "invalid-input")


def test_duplicates_of_a_version_come_by_row(shelf: World, ask: Ask) -> None:
    api = ask(shelf)
    path = "/v1/datasets/local/people/versions/1/duplicates"
    items = everything(api, path)
    assert [item["row"] for item in items] == [1, 2, 3]
    assert items[0]["exact"] == {"documents": 0, "listed": []}
    (near,) = items[0]["near"]["listed"]
    assert (near["dataset"], near["row"]) == ("team/models", 3)
    assert near["similarity"] > 0.8
    assert items[1]["exact"] == {
        "documents": 2,
        "listed": [
            {"dataset": "local/people", "version": 1, "row": 3, "documents": 1},
            {"dataset": "team/models", "version": 1, "row": 1, "documents": 1},
        ],
    }
    assert everything(api, f"{path}?limit=1") == items
    assert api.get(f"{path}?after=2").json()["items"] == items[2:]
    strict = everything(api, f"{path}?min_similarity=1")
    assert [item["row"] for item in strict] == [2, 3]
    problem(api.get(f"{path}?min_similarity=0"), 422, "invalid-input")
    problem(api.get("/v1/datasets/local/people/versions/9/duplicates"), 404, "not-found")


def test_pages_of_duplicates_go_on_where_none_are_for_long(
    sqlite_world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.query.whereis import duplicates

    monkeypatch.setattr(duplicates, "_SCANNED", 10)
    texts = [prose(number, 30) for number in range(45)]
    sqlite_world.register("long", [*texts, texts[0]])
    path = "/v1/datasets/local/long/versions/1/duplicates"
    api = ask(sqlite_world)
    first = api.get(path).json()
    assert ([item["row"] for item in first["items"]], first["next"]) == ([1], f"{path}?after=10")
    empty = api.get(f"{path}?after=10").json()
    assert (empty["items"], empty["next"]) == ([], f"{path}?after=20")
    assert [item["row"] for item in everything(api, path)] == [1, 46]


def test_what_is_hidden_is_in_no_answer(world: World, ask: Ask) -> None:
    public: dict[str, Any] = {"visibility": Visibility.PUBLIC}
    world.register("open", [prose(1), prose(2)], origin=Origin.HUMAN, **public)
    api = ask(world, PUBLIC)
    hashes = [sha256_hex(prose(number).encode()) for number in (1, 3)]
    path = "/v1/datasets/local/open/versions/1/duplicates"

    def told() -> list[Any]:
        asked = {"texts": [prose(1), prose(1) + " x", prose(3)], "hashes": hashes}
        answers = [api.post("/v1/lookup", json=asked)]
        answers += [api.get(f"/v1/documents/{digest}") for digest in hashes]
        answers.append(api.get(path))
        return [(answer.status_code, dict(answer.headers), answer.content) for answer in answers]

    before = told()
    world.register("secret", [prose(1), prose(3)], origin=Origin.AI, visibility=Visibility.PRIVATE)
    world.register("secret", [prose(1) + " x"], visibility=Visibility.PRIVATE)
    assert told() == before
    assert ask(world, OPERATOR).get(f"/v1/documents/{hashes[1]}").status_code == 200
    assert len(everything(ask(world, OPERATOR), path)) == 1


BAD: list[Any] = [
    [],
    "text",
    {"text": ["a"]},
    {"texts": "a"},
    {"texts": [""]},
    {"texts": [1]},
    {"texts": [None]},
    {"hashes": ["abc"]},
    {"hashes": ["0" * 65]},
    {"hashes": ["A" * 64]},
    {"texts": ["a"] * (MOST_QUESTIONS + 1)},
    {"texts": ["a"], "limit": 0},
    {"texts": ["a"], "limit": 101},
    {"texts": ["a"], "min_similarity": 0},
    {"texts": ["a"], "min_similarity": 1.5},
    {"texts": ["a"], "min_similarity": "high"},
]


@pytest.mark.parametrize("body", BAD, ids=lambda body: json.dumps(body)[:40])
def test_bad_questions_are_refused(sqlite_world: World, ask: Ask, body: Any) -> None:
    problem(ask(sqlite_world).post("/v1/lookup", json=body), 422, "invalid-input")


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"texts": ["\xff"]}', b'{"texts": ["\\ud800"]}', b"[" * 100_000]
)
def test_what_is_no_json_is_refused(sqlite_world: World, ask: Ask, body: bytes) -> None:
    api = ask(sqlite_world)
    answer = api.post("/v1/lookup", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_request_that_is_too_large_is_refused_before_it_is_read(
    sqlite_world: World, ask: Ask
) -> None:
    api = ask(sqlite_world)
    large = b'{"texts": ["' + b"x" * MOST_BYTES + b'"]}'
    head = {"Content-Type": "application/json"}
    problem(api.post("/v1/lookup", content=large, headers=head), 413, "too-large")

    def pieces() -> Any:
        for begin in range(0, len(large), 1 << 20):
            yield large[begin : begin + (1 << 20)]

    problem(api.post("/v1/lookup", content=pieces(), headers=head), 413, "too-large")
    said = {**head, "Content-Length": str(MOST_BYTES + 1)}
    problem(api.post("/v1/lookup", content=b"{}", headers=said), 413, "too-large")


def test_nothing_asked_is_nothing_answered(sqlite_world: World, ask: Ask) -> None:
    assert lookup(ask(sqlite_world))["answers"] == []


def test_only_look_ups_take_post(sqlite_world: World, ask: Ask) -> None:
    api = ask(sqlite_world)
    assert "GET" in problem(api.post("/v1/datasets"), 405, "method-not-allowed")["hint"]
    got = api.get("/v1/lookup")
    assert got.headers["allow"] == "POST"
    assert problem(got, 405, "method-not-allowed")["hint"] == "use POST"


def test_many_at_once_get_right_answers_while_more_is_registered(
    sqlite_world: World, ask: Ask
) -> None:
    world = sqlite_world
    texts = [prose(number, 60) for number in range(40)]
    world.register("texts", texts, origin=Origin.HUMAN)
    api = ask(world)
    wrong: list[Any] = []
    stop = threading.Event()

    def work(seed: int) -> None:
        for number in range(seed, 400, 7):
            row = number % 40
            said = lookup(api, texts[row])["answers"][0]
            places = [
                it["row"] for it in said["matches"][0]["places"] if it["dataset"] == "local/texts"
            ]
            if places != [row + 1]:
                wrong.append((row, said))
            if stop.is_set():
                return

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for number in range(6):
        world.register(f"more-{number}", [texts[number], prose(900 + number)], origin=Origin.AI)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert lookup(api, texts[0])["answers"][0]["matches"][0]["origin"] == "ai"
