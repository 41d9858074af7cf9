"""A valid snapshot for each test to bend."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest

from tests import snapshots
from tests.snapshots import Snapshot


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A valid snapshot that tests copy; never changed itself."""
    return snapshots.write(tmp_path_factory.mktemp("template") / "snap")


@pytest.fixture
def snap(template: Snapshot, tmp_path: Path) -> Snapshot:
    """A valid snapshot of two shards to bend."""
    shutil.copytree(template.path, tmp_path / "snap")
    return Snapshot(
        tmp_path / "snap", copy.deepcopy(template.parts), template.certificate, template.signer
    )
