from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.test_problems import problem
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask

LONG = "a" * 5000

BAD_PATHS = [
    "/v1/datasets/local/a%00b",
    "/v1/datasets/local/%00",
    "/v1/datasets/lo%2Fcal/essays",
    "/v1/datasets/local/..%2f..%2fetc%2fpasswd",
    "/v1/datasets/local/%2e%2e/versions",
    "/v1/datasets/local/Essays",
    "/v1/datasets/local/essays%0a",
    "/v1/datasets/local/essays%20",
    "/v1/datasets/local/%ff%fe",
    "/v1/datasets/local/%ed%a0%80",
    "/v1/datasets/local/%F0%9F%98%80",
    "/v1/datasets/local/';drop table datasets;--",
    f"/v1/datasets/local/{LONG}",
    f"/v1/datasets/{LONG}/essays/versions",
    "/v1/datasets/local/essays@1",
    "/v1/datasets//essays",
    "/v1/datasets/local/essays/versions/0",
    "/v1/datasets/local/essays/versions/-1",
    "/v1/datasets/local/essays/versions/1.0",
    "/v1/datasets/local/essays/versions/%2B1",
    "/v1/datasets/local/essays/versions/1_0",
    "/v1/datasets/local/essays/versions/%201",
    "/v1/datasets/local/essays/versions/1e3",
    "/v1/datasets/local/essays/versions/NaN",
    "/v1/datasets/local/essays/versions/%D9%A1",
    "/v1/datasets/local/essays/versions/1000000000",
    f"/v1/datasets/local/essays/versions/{'9' * 4500}",
    "/v1/datasets/local/essays/versions/9223372036854775808/claims",
    "/v1/snapshots/xyz",
    f"/v1/snapshots/{'A' * 64}",
    f"/v1/snapshots/{'a' * 64}%0a",
    f"/v1/snapshots/{'a' * 63}/certificate",
]

BAD_QUERIES = [
    "limit=0", "limit=-1", "limit=201", "limit=99999999999999999999", "limit=1.0", "limit=", "limit=x",
    "limit=%00", "limit=" + "9" * 5000, "after=", "after=essays", "after=/essays", "after=local/", "after=a/b/c",
    "after=local/..", "after=local/a%00", "after=%00/%00", f"after={LONG}/{LONG}", "q=%00", "q=a%0ab",
    f"q={LONG}", "license=%00", f"license={LONG}", "namespace=", "namespace=..", "namespace=A",
    "origin=", "origin=HUMAN", "origin=robots", "visibility=secret", "offset=3", "Q=essays", "limit[]=3",
]  # fmt: skip


@pytest.fixture
def shelf(world: World, ask: Ask) -> TestClient:
    world.register("essays", ["By a person."], origin="human")
    return ask(world)


def test_paths_that_are_no_names_are_refused(shelf: TestClient) -> None:
    for path in BAD_PATHS:
        answer = shelf.get(path)
        kind = "not-found" if answer.status_code == 404 else "invalid-input"
        said = problem(answer, answer.status_code, kind)
        assert answer.status_code in (404, 422), path
        assert said["detail"].isprintable()
        assert len(said["detail"]) < 300
        assert said["instance"].isascii()


def test_queries_that_are_wrong_are_refused(shelf: TestClient) -> None:
    for query in BAD_QUERIES:
        said = problem(shelf.get(f"/v1/datasets?{query}"), 422, "invalid-input")
        assert said["detail"].isprintable(), query


def test_cursors_that_are_broken_are_refused(shelf: TestClient) -> None:
    for path in ("/v1/datasets/local/essays/versions", "/v1/datasets/local/essays/history"):
        for after in ("-1", "x", "1.5", "9" * 30, "%00", "local/essays"):
            problem(shelf.get(f"{path}?after={after}"), 422, "invalid-input")
        assert shelf.get(f"{path}?after=999999999").json() == {"items": [], "next": None}
    problem(shelf.get(f"/v1/snapshots?after={'0' * 64}"), 404, "not-found")
    for after in ("x", "0" * 63, "0" * 65, "%00", "1"):
        problem(shelf.get(f"/v1/snapshots?after={after}"), 422, "invalid-input")


def test_searches_of_any_text_find_it_or_nothing(shelf: TestClient) -> None:
    for text in (
        "'",
        '"',
        "%25",
        "_",
        "\\",
        "%5C%25",
        "😀",
        "%ff",
        "a b c",
        "--",
        "{}",
        "$1",
        ":x",
    ):
        for name in ("q", "license"):
            answer = shelf.get(f"/v1/datasets?{name}={text}")
            assert (answer.status_code, answer.json()["items"]) == (200, []), (name, text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40), number=st.integers())
def test_no_text_makes_a_server_error(shelf: TestClient, text: str, number: int) -> None:
    sent = text.encode("utf-8", "replace").decode("utf-8")
    for answer in (
        shelf.get("/v1/datasets", params={"q": sent, "license": sent}),
        shelf.get("/v1/datasets", params={"after": sent}),
        shelf.get("/v1/datasets/local/essays/versions", params={"after": number}),
        shelf.get(f"/v1/datasets/local/essays/versions/{number}"),
    ):
        assert answer.status_code in (200, 404, 422)


def test_a_body_and_strange_headers_change_nothing(shelf: TestClient) -> None:
    plain = shelf.get("/v1/datasets")
    for headers in (
        {"Accept": "text/html"},
        {"Content-Type": "application/json", "Content-Length": "3"},
        {"If-None-Match": "," * 1000},
        {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "evil.example"},
        {"Authorization": "Bearer nothing"},
    ):
        answer = shelf.request("GET", "/v1/datasets", headers=headers, content=b"{x}")
        assert (answer.status_code, answer.content) == (200, plain.content)


def test_reading_while_others_register(world: World, ask: Ask) -> None:
    world.register("set-0", ["Text 0."], origin="human")
    api = ask(world)
    done = threading.Event()
    wrong: list[str] = []
    reads = [0] * 4

    def read(reader: int) -> None:
        seen = 0
        while not done.is_set() or not reads[reader]:
            answer = api.get("/v1/datasets?limit=200")
            if answer.status_code != 200:
                wrong.append(answer.text)
                return
            items = answer.json()["items"]
            if len(items) < seen:
                wrong.append(f"{len(items)} after {seen}")
            seen = len(items)
            last = items[-1]["dataset"]
            for path in (f"/v1/datasets/{last}/versions/1", f"/v1/datasets/{last}/history"):
                if (status := api.get(path).status_code) != 200:
                    wrong.append(f"{path}: {status}")
            reads[reader] += 1

    readers = [threading.Thread(target=read, args=(number,)) for number in range(len(reads))]
    for thread in readers:
        thread.start()
    try:
        for number in range(1, 9):
            world.register(f"set-{number}", [f"Text {number}."], origin="human")
    finally:
        done.set()
        for thread in readers:
            thread.join()
    assert wrong == []
    assert len(api.get("/v1/datasets").json()["items"]) == 9
