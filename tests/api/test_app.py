from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from registry.api.app import create_app
from registry.api.deps import caller
from registry.api.routes import (
    checks,
    datasets,
    disputes,
    documents,
    health,
    impact,
    log,
    lookup,
    overlap,
    snapshots,
    versions,
)
from registry.errors import UnavailableError
from registry.settings import Settings
from tests.conftest import REPOSITORY
from tests.world import World

if TYPE_CHECKING:
    from pathlib import Path

OPENAPI: Final = REPOSITORY / "schemas" / "openapi.json"
ROUTES: Final = [
    route
    for module in (
        datasets,
        versions,
        snapshots,
        disputes,
        impact,
        documents,
        lookup,
        overlap,
        checks,
        log,
        health,
    )
    for route in module.router.routes
    if isinstance(route, APIRoute)
]


def description(world: World) -> dict[str, Any]:
    return create_app(world.settings).openapi()


def test_the_description_is_the_published_one(
    sqlite_world: World, request: pytest.FixtureRequest
) -> None:
    made = json.dumps(description(sqlite_world), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-goldens"):
        OPENAPI.write_text(made, "utf-8")
    assert OPENAPI.read_text("utf-8") == made, "run pytest tests/api/test_app.py --update-goldens"


def test_every_error_is_described_as_a_problem(sqlite_world: World) -> None:
    made = description(sqlite_world)
    assert "HTTPValidationError" not in json.dumps(made)
    for methods in made["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"]
            if operation.get("parameters"):
                assert "422" in operation["responses"]


def test_every_shape_that_is_named_is_there(sqlite_world: World) -> None:
    made = description(sqlite_world)
    shapes = made["components"]["schemas"]
    text = json.dumps(made)
    for name, shape in shapes.items():
        Draft202012Validator.check_schema(shape)
        assert f'"#/components/schemas/{name}"' in text, name
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named == set(shapes)


def test_operations_are_called_like_their_functions(sqlite_world: World) -> None:
    names = [
        operation["operationId"]
        for methods in description(sqlite_world)["paths"].values()
        for operation in methods.values()
    ]
    assert sorted(names) == sorted(route.endpoint.__name__ for route in ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
def test_every_route_takes_the_caller(route: APIRoute) -> None:
    def needs(dependant: Dependant) -> bool:
        return dependant.call is caller or any(map(needs, dependant.dependencies))

    assert needs(route.dependant)
    direct = {item.call for item in route.dependant.dependencies}
    assert caller in direct, "the function itself gets the caller, to hand on to its query"


def test_importing_starts_nothing() -> None:
    code = (
        "import sys, threading, registry.api.app\n"
        "assert threading.active_count() == 1\n"
        "assert 'alembic' not in sys.modules and 'uvicorn' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_registry_without_its_database_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="is missing"):
        create_app(Settings(tmp_path / "home", "Nobody"))
