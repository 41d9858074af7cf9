from __future__ import annotations

import pytest

from tests.cli.running import Cli, runner


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command of `firsthand` in the current folder, which is empty at first."""
    return runner(capsys)
