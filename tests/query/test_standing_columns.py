from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.claim import Numbers
from registry.query.standing.columns import Column, constant, width
from registry.query.standing.dates import EVER, NEVER

few = st.sampled_from([0, 1, 127, 128, -129, 1 << 31, EVER, NEVER])
parts = st.lists(st.lists(few | st.integers(EVER, NEVER)) | st.lists(st.just(7)))


def column(rows: list[list[int]]) -> Numbers:
    made = Column(sum(len(part) for part in rows))
    for part in rows:
        made.add(np.array(part, np.int64))
    return made.array()


@given(parts)
def test_a_column_gives_the_numbers_it_took(rows: list[list[int]]) -> None:
    values = [value for part in rows for value in part]
    made = column(rows)
    assert made.tolist() == values
    assert made.dtype == width(min(values, default=0), max(values, default=0))


def test_numbers_that_are_all_alike_take_no_memory() -> None:
    made = column([[5] * 10, [], [5] * 10])
    assert made.strides == (0,)
    assert made.dtype == np.int8
    assert column([[5] * 10, [5, 6]]).strides == (1,)
    assert not constant(NEVER, 3).flags.writeable


def test_a_column_that_lacks_rows_is_not_given_away() -> None:
    made = Column(3)
    made.add(np.array([1, 2]))
    with pytest.raises(ValueError, match="2 of 3 rows"):
        made.array()
