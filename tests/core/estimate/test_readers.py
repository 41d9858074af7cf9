from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coverage import wrong_controlled
from registry.core.estimate import (
    Audit,
    Controls,
    agreement,
    fixed_lower,
    fixed_upper,
    growing_lower,
    growing_upper,
    less_reader_error,
)
from registry.errors import InvalidInputError

shares = st.floats(0, 1)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("error", [0.0, 0.1, 0.3, 0.9, 1.0])
@pytest.mark.parametrize(("draws", "controls"), [(50, 60), (400, 60), (400, 5)])
def test_with_controls_it_is_wrong_as_seldom_as_promised(
    share: float, error: float, draws: int, controls: int
) -> None:
    assert wrong_controlled(share, error, draws, controls, 0.05) <= 0.05


def test_readers_who_take_ai_text_for_human_leave_nothing() -> None:
    assert Audit(400, 400, controls=Controls(60, 60)).lower(0.05) == 0
    assert Audit(400, 400, controls=Controls(0, 0)).lower(0.05) == 0
    assert less_reader_error(1.0, 1.0) == 0
    assert less_reader_error(0.2, 0.3) == 0


@given(shares, shares, shares)
def test_the_bound_falls_with_the_error_and_rises_with_what_is_called_human(
    lower: float, first: float, second: float
) -> None:
    small, large = sorted((first, second))
    assert less_reader_error(lower, large) <= less_reader_error(lower, small) + 1e-12
    assert 0 <= less_reader_error(lower, small) <= lower + 1e-12
    assert less_reader_error(lower, 0.0) == lower
    assert less_reader_error(small, lower) <= less_reader_error(large, lower) + 1e-12


@given(shares, shares)
def test_it_undoes_what_readers_do(human: float, error: float) -> None:
    called = human + (1 - human) * error
    if error < 0.999:
        assert less_reader_error(min(called, 1.0), error) == pytest.approx(human, abs=1e-9)


def test_delta_is_shared_between_verdicts_and_controls() -> None:
    audit = Audit(392, 400, controls=Controls(2, 60))
    assert audit.lower(0.05) == less_reader_error(
        fixed_lower(392, 400, 0.025), fixed_upper(2, 60, 0.025)
    )
    assert audit.lower(0.05, controls_share=0.2) == less_reader_error(
        fixed_lower(392, 400, 0.04), fixed_upper(2, 60, 0.01)
    )


def test_an_audit_that_grows_looks_at_its_controls_too_often_as_well() -> None:
    audit = Audit(392, 400, growing=True, controls=Controls(2, 60))
    assert audit.lower(0.05) == less_reader_error(
        growing_lower(392, 400, 0.025), growing_upper(2, 60, 0.025)
    )
    assert Audit(392, 400, growing=True).lower(0.05) == growing_lower(392, 400, 0.05)


def test_verdicts_that_need_no_controls_cost_none() -> None:
    assert Audit(392, 400).lower(0.05) == fixed_lower(392, 400, 0.05)


def test_sixty_controls_are_enough() -> None:
    assert Controls(0, 60).enough
    assert not Controls(0, 59).enough


def test_impossible_counts_are_refused() -> None:
    for make in (lambda: Controls(2, 1), lambda: Audit(-1, 4), lambda: Audit(5, 4)):
        with pytest.raises(InvalidInputError, match="is no count"):
            make()
    with pytest.raises(InvalidInputError, match="`delta`"):
        Audit(1, 1).lower(1.0)
    with pytest.raises(InvalidInputError, match="not between 0 and 1"):
        less_reader_error(0.5, 1.5)


def test_agreement_beyond_chance() -> None:
    # Cohen (1960), table 1, of 200 judgements in three categories.
    table = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])
    found = agreement(table)
    assert found.documents == 200
    assert found.observed == pytest.approx(0.70)
    assert found.expected == pytest.approx(0.41)
    assert found.kappa == pytest.approx(0.492, abs=5e-4)


def test_agreement_at_its_edges() -> None:
    assert agreement([[30, 0], [0, 20]]).kappa == 1
    assert agreement([[25, 25], [25, 25]]).kappa == 0
    assert agreement([[0, 10], [10, 0]]).kappa == -1
    # Everybody calls everything human: that they agree says nothing.
    assert agreement([[50, 0], [0, 0]]).kappa is None


@pytest.mark.parametrize("table", [[[1, 2]], [[1.0]], [[-1]], [[0, 0], [0, 0]], [1, 2]])
def test_what_is_no_table_of_verdicts_is_refused(table: list[list[int]]) -> None:
    with pytest.raises(InvalidInputError, match="a table of verdicts"):
        agreement(table)
