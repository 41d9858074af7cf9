"""Whatever kills a command, and whenever: what is left is the old state or the new one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import REPOSITORY
from tests.faults import SCENARIOS

IN_A_HURRY: Final = {
    "new-kept": 5,
    "compacts": 12,
    "same-again": 3,
    "dedup": 45,
    "rotate": 1,
    "rotate-log": 3,
    "revoke": 2,
    "correction": 1,
    "keep": 3,
    "after-a-killed-keep": 6,
    "protect": 1,
    "release": 1,
    "evaluation": 6,
    "log-checkpoint": 1,
    "log-publish": 1,
    "export": 3,
    "after-a-killed-register": 4,
    "after-a-killed-export": 4,
}
"""For each scenario, of how many points of a kind the command is killed at one; all are slow."""


def examine(folder: Path, scenario: str, *options: str) -> dict[str, Any]:
    environment = os.environ | {"FIRSTHAND_ACTOR": "tester", "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults", str(folder), scenario, *options],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.mark.parametrize(("scenario", "one_in"), IN_A_HURRY.items())
def test_a_kill_leaves_the_old_state_or_the_new_one(
    tmp_path: Path, scenario: str, one_in: int
) -> None:
    report = examine(tmp_path, scenario, "--one-in", str(one_in))
    assert report["complaints"] == []
    assert report["kills"] > len(report["points"]) / 2 / one_in


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_at_every_statement_and_after_every_operation(tmp_path: Path, scenario: str) -> None:
    report = examine(tmp_path, scenario, "--every", "--statements")
    assert report["complaints"] == []
    assert report["kills"] == len(report["points"])


def test_every_operation_that_the_data_flow_names_is_a_point(tmp_path: Path) -> None:
    """What kills at no point proves nothing: syncing, renaming, committing must all be among them."""
    points = examine(tmp_path, "same-again", "--list")["points"]
    kinds = {re.fullmatch(r"(?:before|after) (.+) \d+", point)[1] for point in points}  # type: ignore[index]
    assert kinds >= {
        "fsync",
        "rename",
        "write",
        "mkdir",
        "rmtree",
        "init",
        "write_table",
        "close",
        "do_commit",
    }
