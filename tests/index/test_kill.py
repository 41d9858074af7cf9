"""What writes the index may die at any moment: answers stay right, and nothing is left over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def examine(folder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.index.kills", str(folder), *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["complaints"] == []
    return list(report["points"])


def test_merging_dies_wherever_it_touches_disk_or_database(tmp_path: Path) -> None:
    points = examine(tmp_path, "merge", "--one-in", "3")
    assert {"before rename 1", "before fsync 1", "before unlink 1"} <= set(points)


def test_rebuilding_dies_wherever_it_touches_disk_or_database(tmp_path: Path) -> None:
    points = examine(tmp_path, "rebuild", "--one-in", "3")
    assert {"before rename 1", "before fsync 1", "before write 1"} <= set(points)


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["merge", "rebuild"])
def test_dying_at_every_point(tmp_path: Path, scene: str) -> None:
    examine(tmp_path, scene)


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["merge", "rebuild"])
def test_dying_at_a_hundred_random_points(tmp_path: Path, scene: str) -> None:
    examine(tmp_path, scene, "--random", "100")
