"""Whatever kills a publisher, and whenever: the next one goes on, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.log.story import Story


def kill(story: Story, folder: Path, *options: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.log.kills", story.world.url, str(folder), *options],
        cwd=REPOSITORY,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["complaints"] == []
    return int(report["kills"])


def test_a_kill_at_every_point_of_publishing(story: Story, tmp_path: Path) -> None:
    assert kill(story, tmp_path) > 25


@pytest.mark.slow
def test_a_kill_at_every_statement_of_publishing(story: Story, tmp_path: Path) -> None:
    assert kill(story, tmp_path, "--statements") > 70
