from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coverage import worst_small
from registry.core.estimate import fixed_lower, small_lower
from registry.errors import InvalidInputError


def by_trying(human: int, draws: int, population: int, delta: float) -> float:
    """Try every composition in exact integers."""
    for good in range(human, population - (draws - human) + 1):
        ways = sum(
            math.comb(good, met) * math.comb(population - good, draws - met)
            for met in range(human, draws + 1)
        )
        if ways > Fraction(delta) * math.comb(population, draws):
            return good / population
    raise AssertionError("no composition is possible")


@pytest.mark.parametrize("population", [1, 2, 7, 24])
@pytest.mark.parametrize("delta", [0.01, 0.05, 0.5])
def test_it_is_the_least_composition_that_is_not_refuted(population: int, delta: float) -> None:
    for draws in range(population + 1):
        for human in range(draws + 1):
            assert small_lower(human, draws, population, delta) == by_trying(
                human, draws, population, delta
            )


def test_a_tie_is_decided_exactly() -> None:
    # P(X ≥ 1 | 1 of 4 is human, 2 drawn) is exactly ½, which is not more than ½.
    assert small_lower(1, 2, 4, 0.5) == 0.5
    assert small_lower(1, 2, 4, math.nextafter(0.5, 0)) == 0.25


@pytest.mark.parametrize("population", [5, 30, 60])
@pytest.mark.parametrize("delta", [0.05, 0.2])
def test_it_is_never_wrong_more_often_than_promised(population: int, delta: float) -> None:
    for draws in range(0, population + 1, 3):
        assert worst_small(population, draws, delta) <= delta * (1 + 1e-12)


@given(st.integers(1, 3000), st.data())
def test_edges(population: int, data: st.DataObject) -> None:
    human = data.draw(st.integers(0, population))
    assert small_lower(human, population, population, 0.05) == human / population
    draws = data.draw(st.integers(0, population))
    assert small_lower(0, draws, population, 0.05) == 0
    found = data.draw(st.integers(0, draws))
    bound = small_lower(found, draws, population, 0.05)
    assert found / population <= bound
    assert bound <= (population - (draws - found)) / population
    assert small_lower(found, draws, population, 0.01) <= bound


def test_more_of_a_small_population_says_more() -> None:
    bounds = [small_lower(draws, draws, 500, 0.05) for draws in (0, 50, 100, 250, 499, 500)]
    assert all(before <= after for before, after in pairwise(bounds))
    assert small_lower(98, 100, 120, 0.05) > fixed_lower(98, 100, 0.05)
    assert small_lower(98, 100, 10**9, 0.05) == pytest.approx(fixed_lower(98, 100, 0.05), abs=1e-6)


def test_a_sample_larger_than_the_population_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="60 draws without replacement from 50"):
        small_lower(60, 60, 50, 0.05)
    with pytest.raises(InvalidInputError, match="`population` is 0"):
        small_lower(0, 0, 0, 0.05)
