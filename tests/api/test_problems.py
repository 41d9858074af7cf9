from __future__ import annotations

import inspect
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from registry import errors
from registry.api import problems
from registry.errors import RegistryError, VerificationError
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask


def classes() -> list[type[RegistryError]]:
    return [
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, RegistryError) and item is not RegistryError
    ]


def problem(response: Any, status: int, kind: str) -> dict[str, Any]:
    """Check what every problem has, and return it."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    said: dict[str, Any] = response.json()
    problems.Problem.model_validate(said)
    assert said["type"] == problems.BASE + kind
    assert said["status"] == status
    assert said["title"]
    assert said["instance"].startswith("/")
    return said


def test_every_error_has_a_status() -> None:
    assert set(problems.KINDS) == set(classes())
    names = [kind.name for kind in problems.ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", classes(), ids=lambda it: it.__name__)
def test_an_error_of_ours_becomes_its_problem(kind: type[RegistryError]) -> None:
    app = FastAPI()
    problems.install(app)
    more = {"code": "E_TREE"} if kind is VerificationError else {}

    class Narrower(kind):  # type: ignore[valid-type,misc]
        pass

    @app.get("/broken")
    def broken() -> None:
        raise Narrower("what was found", hint="what to do", **more)

    expected = problems.KINDS[kind]
    said = problem(TestClient(app).get("/broken"), expected.status, expected.name)
    assert (said["detail"], said["hint"]) == ("what was found", "what to do")
    assert said.get("code") == more.get("code")


def test_an_error_that_nobody_expected_tells_nothing_of_the_machine() -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("/home/somebody/secret")

    said = problem(TestClient(app, raise_server_exceptions=False).get("/broken"), 500, "unexpected")
    assert said["detail"] == "unexpected KeyError"
    assert "secret" not in str(said)


def test_unknown_paths_and_methods_are_problems(api: TestClient) -> None:
    assert problem(api.get("/nothing"), 404, "not-found")["instance"] == "/nothing"
    problem(api.get("/v1/datasets/"), 404, "not-found")
    for method in ("post", "put", "patch", "delete", "options"):
        response = api.request(method, "/v1/datasets")
        problem(response, 405, "method-not-allowed")
        assert response.headers["allow"] == "GET"


def test_a_wrong_parameter_is_named(api: TestClient) -> None:
    said = problem(api.get("/v1/datasets?limit=0&orgin=ai"), 422, "invalid-input")
    assert {item["field"] for item in said["errors"]} == {"query.limit", "query.orgin"}
    assert "query.limit" in said["detail"]


def test_a_database_that_is_gone_is_unavailable(world: World, ask: Ask) -> None:
    client = ask(world)
    with world.database.write() as session:
        session.execute(sa.text("ALTER TABLE dataset_versions RENAME TO gone"))
    problem(client.get("/v1/datasets"), 503, "unavailable")


def test_too_many_readers_at_once_are_told_to_try_again(
    world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ask(world)
    engine = client.app.state.registry.database.engine  # type: ignore[attr-defined]
    monkeypatch.setattr(engine.pool, "_timeout", 0.1)
    with ExitStack() as stack:
        for _ in range(engine.pool.size() + engine.pool._max_overflow):
            stack.enter_context(engine.connect())
        said = problem(client.get("/v1/datasets"), 503, "unavailable")
    assert "too many at once" in said["detail"]
    assert client.get("/v1/datasets").status_code == 200


def test_health_tells_the_schema(world: World, ask: Ask) -> None:
    client = ask(world)
    healthy = client.get("/healthz")
    assert healthy.json()["status"] == "ok"
    assert healthy.headers["cache-control"] == "no-store"
    with world.database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = 'later'"))
    said = problem(client.get("/healthz"), 503, "unavailable")
    assert "later" in said["detail"]


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("192.0.2.7", "127.0.0.1:8000"),
        ("nonsense", "127.0.0.1:8000"),
        ("127.0.0.1", "evil.example"),
        ("127.0.0.1", "127.0.0.1.evil.example:8000"),
        ("127.0.0.1", "localhost:8000@evil.example"),
        ("127.0.0.1", "["),
        ("127.0.0.1", ""),
    ],
)
def test_only_this_machine_may_ask(world: World, ask: Ask, client: str, host: str) -> None:
    world.register("essays", ["By a person."])
    there = ask(world)
    outside = TestClient(there.app, "http://127.0.0.1", client=(client, 1))
    for path in ("/v1/datasets", "/v1/datasets/local/essays", "/v1/snapshots", "/healthz"):
        said = problem(outside.get(path, headers={"Host": host}), 403, "not-allowed")
        assert "essays" not in said["detail"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8000", "LOCALHOST:8000"])
def test_names_of_this_machine_are_accepted(api: TestClient, host: str) -> None:
    assert api.get("/v1/datasets", headers={"Host": host}).status_code == 200
