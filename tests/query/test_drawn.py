"""The files of drawn rows: what goes in comes out, compactly, and nothing else is believed."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import Origin
from registry.db.models import DrawnRows
from registry.errors import ConflictError
from registry.query import drawn
from tests.world import World


@given(st.sets(st.integers(0, 1 << 40), max_size=50))
def test_rows_come_back(chosen: set[int]) -> None:
    rows = np.array(sorted(chosen), np.int64)
    assert drawn.decode(drawn.encode(rows)).tolist() == rows.tolist()


def test_half_of_a_million_rows_takes_little(capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.flatnonzero(np.random.default_rng(1).random(1_000_000) < 0.5)
    assert len(drawn.encode(rows)) < len(rows) / 2.5


@pytest.mark.parametrize(
    "data", [b"", b"firsthand-rows\n\x01", b"x" * 40, drawn.MAGIC + b"\xff" * 9]
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ConflictError, match="cannot be read"):
        drawn.decode(data)


def test_an_export_says_which_rows_it_holds(world: World) -> None:
    world.register("essays", ["One.", "Two!!", "Three"], origin=Origin.HUMAN)
    world.register("chat", ["By a model.", "One."], origin=Origin.AI)
    world.export({"sources": ["essays", {"dataset": "chat", "where": {"words": {"at_least": 2}}}]})
    with world.database.read() as session:
        whole, part = session.scalars(sa.select(DrawnRows).order_by(DrawnRows.id))
    assert (whole.digest, whole.documents, whole.weight, whole.human) == (None, 3, 14, 10)
    assert part.digest is not None
    assert drawn.decode(world.store.mixture(part.digest)).tolist() == [0]
    assert (part.weight, part.human) == (11, 0)
    assert world.problems() == []
