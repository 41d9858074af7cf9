from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.estimate import after_filtering, after_removing_ai, diluted, seen_share
from registry.errors import InvalidInputError

shares = st.floats(0, 1)


@st.composite
def populations(draw: st.DrawFn) -> tuple[int, int, int]:
    """Human and AI weight, and how much was removed."""
    human, other = draw(st.integers(0, 10**12)), draw(st.integers(0, 10**12))
    removed = draw(st.integers(0, max(0, human + other - 1)))
    return human, other, removed


@given(populations(), shares)
def test_what_was_a_bound_stays_one(population: tuple[int, int, int], slack: float) -> None:
    human, other, removed = population
    total = human + other
    if total == 0:
        return
    lower = slack * (human / total)
    if removed <= other:
        assert after_removing_ai(lower, total, removed) <= human / (total - removed) + 1e-9
    # However the filter fell on human text.
    for lost in (min(human, removed), max(0, removed - other)):
        left = (human - lost) / (total - removed)
        assert after_filtering(lower, total, removed) <= left + 1e-9
    assert diluted(lower, total, total + removed) <= human / (total + removed) + 1e-12


@given(shares, st.integers(1, 10**15))
def test_removing_nothing_changes_nothing(lower: float, total: int) -> None:
    assert after_removing_ai(lower, total, 0) == pytest.approx(lower, abs=1e-12)
    assert after_filtering(lower, total, 0) == pytest.approx(lower, abs=1e-12)
    assert diluted(lower, total, total) == pytest.approx(lower, abs=1e-12)
    assert diluted(lower, 0, total) == 0


@given(shares, st.integers(2, 10**9), st.data())
def test_removing_more_ai_text_helps_and_filtering_more_hurts(
    lower: float, total: int, data: st.DataObject
) -> None:
    less = data.draw(st.integers(0, total - 2))
    more = data.draw(st.integers(less, total - 1))
    assert after_removing_ai(lower, total, more) >= after_removing_ai(lower, total, less) - 1e-12
    assert after_filtering(lower, total, more) <= after_filtering(lower, total, less) + 1e-9
    assert 0 <= after_filtering(lower, total, more) <= after_removing_ai(lower, total, more) <= 1


def test_what_was_seen_is_certain() -> None:
    assert seen_share(97, 100) == Fraction(97, 100)


def test_impossible_weights_are_refused() -> None:
    for change in (after_removing_ai, after_filtering):
        with pytest.raises(InvalidInputError, match="expected something to be left"):
            change(0.9, 10, 10)
        with pytest.raises(InvalidInputError, match="`lower` is"):
            change(1.1, 10, 1)
    with pytest.raises(InvalidInputError, match="11 of 10 were audited"):
        diluted(0.9, 11, 10)
    with pytest.raises(InvalidInputError, match="11 of 10 were human"):
        seen_share(11, 10)
