from __future__ import annotations

import pytest

from tests.log.story import Story
from tests.world import World


@pytest.fixture
def story(world: World) -> Story:
    """A registry with a log, on both databases."""
    return Story(world)


@pytest.fixture
def sqlite_story(sqlite_world: World) -> Story:
    """A registry with a log, for what has nothing to do with databases."""
    return Story(sqlite_world)
