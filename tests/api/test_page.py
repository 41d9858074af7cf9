"""What `docs/api.md` shows is what the interface answers."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from registry.api import problems
from tests.api.test_app import ROUTES
from tests.conftest import REPOSITORY
from tests.test_docs import pattern_of, rows_after, steps
from tests.world import World

if TYPE_CHECKING:
    from tests.api.conftest import Ask

PAGE: Final = REPOSITORY / "docs" / "api.md"


def test_the_examples_answer_what_the_page_says(sqlite_world: World, ask: Ask) -> None:
    world = sqlite_world
    world.register("essays", ["By a person.", "By another."], origin="human")
    world.register("team/chat", [{"text": "By a model.", "by": "ai"}], origin_field="by")
    world.derive("team/chat", "essays")
    api = ask(world)
    made = [step for step in steps(PAGE) if step.output is not None]
    assert len(made) >= 5
    for step in made:
        program, url = shlex.split(step.command)
        assert program == "curl"
        printed = api.get(url.removeprefix("http://127.0.0.1:8000")).text + "\n"
        assert step.output is not None
        assert pattern_of(step.output).fullmatch(printed), f"{step.where}\nanswered:\n{printed}"


def test_every_route_is_listed() -> None:
    listed = [row[0].strip("`") for row in rows_after(PAGE, "## Routes")]
    assert sorted(listed) == sorted(route.path for route in ROUTES)


def test_every_problem_type_is_explained() -> None:
    rows = rows_after(PAGE, "### Problem types")
    explained = {(row[0].strip("`"), int(row[1])) for row in rows}
    assert explained == {(kind.name, kind.status) for kind in problems.ALL}


def test_every_filter_is_explained() -> None:
    from registry.api.schemas.datasets import DatasetsIn

    page = PAGE.read_text("utf-8")
    assert set(DatasetsIn.model_fields) <= set(re.findall(r"`(\w+)", page))
