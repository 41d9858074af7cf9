"""The fixture `catalogue`: a catalogue with made-up documents, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry.blobs import Store
from registry.db.session import Database
from tests.index.making import Catalogue
from tests.world import migrate


@pytest.fixture
def catalogue(prepared_url: Callable[..., str], tmp_path: Path) -> Iterator[Catalogue]:
    database = Database(prepared_url(migrate))
    yield Catalogue(database, Store(tmp_path / "storage"))
    database.dispose()
