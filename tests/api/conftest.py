from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from registry.api.app import create_app
from registry.api.deps import caller
from registry.core.caller import OPERATOR, Caller
from tests.world import World

if TYPE_CHECKING:
    Ask = Callable[..., TestClient]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """A function: `ask(world)` gives a client of its server, `ask(world, PUBLIC)` somebody's."""
    with ExitStack() as stack:

        def client(world: World, who: Caller = OPERATOR, *, raising: bool = True) -> TestClient:
            app = create_app(world.settings)
            if who is not OPERATOR:
                app.dependency_overrides[caller] = lambda: who
            return stack.enter_context(
                TestClient(
                    app,
                    "http://127.0.0.1:8000",
                    client=("127.0.0.1", 50000),
                    raise_server_exceptions=raising,
                )
            )

        yield client


@pytest.fixture
def api(world: World, ask: Ask) -> TestClient:
    """A client of the world's server, on both databases."""
    return ask(world)
