from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from benchmarks.coverage import least_favorable, wald_lowers, wilson_lowers, worst_fixed
from registry.core.estimate import (
    fixed_lower,
    fixed_lowers,
    fixed_upper,
    fixed_uppers,
    growing_lower,
)
from registry.errors import InvalidInputError

SHARES = (0.9, 0.95, 0.98, 0.99, 0.995)
deltas = st.floats(1e-9, 0.5)


@st.composite
def samples(draw: st.DrawFn) -> tuple[int, int]:
    draws = draw(st.integers(1, 5000))
    return draw(st.integers(0, draws)), draws


@pytest.mark.parametrize("draws", [1, 2, 5, 20, 100, 400])
@pytest.mark.parametrize("delta", [0.001, 0.05, 0.3])
def test_the_bound_is_never_wrong_more_often_than_promised(draws: int, delta: float) -> None:
    shares = np.concatenate([least_favorable(draws, delta), np.linspace(0.01, 0.99, 50)])
    wrong = worst_fixed(fixed_lowers, draws, delta, shares)
    assert wrong <= delta * (1 + 1e-9)
    # And as often as promised just below a bound: nothing is given away.
    assert wrong == pytest.approx(delta, rel=1e-6)


def test_wilson_and_wald_are_not_what_we_do() -> None:
    assert max(worst_fixed(fixed_lowers, n, 0.05, SHARES) for n in (100, 400, 1000)) < 0.0486
    assert max(worst_fixed(wilson_lowers, n, 0.05, SHARES) for n in (100, 400, 1000)) > 0.057
    assert max(worst_fixed(wald_lowers, n, 0.05, SHARES) for n in (100, 400, 1000)) > 0.6
    for naive in (wilson_lowers, wald_lowers):
        assert fixed_lower(98, 100, 0.05) < float(naive(98, 100, 0.05))


@given(samples(), deltas)
def test_it_is_where_the_binomial_tail_is_delta(sample: tuple[int, int], delta: float) -> None:
    human, draws = sample
    bound = fixed_lower(human, draws, delta)
    if human == 0:
        assert bound == 0
    else:
        # P(X ≥ k) at the bound.
        assert special.bdtrc(human - 1, draws, bound) == pytest.approx(delta, rel=1e-6)


@given(samples(), deltas)
def test_it_orders_as_it_should(sample: tuple[int, int], delta: float) -> None:
    human, draws = sample
    bound = fixed_lower(human, draws, delta)
    assert 0 <= bound <= 1
    if delta < 0.3:
        assert bound <= human / draws
    assert fixed_lower(human, draws + 1, delta) <= bound
    assert fixed_lower(human, draws, delta / 2) <= bound
    assert fixed_lower(human + 1, draws + 1, delta) >= bound
    assert growing_lower(human, draws, delta) <= bound + 1e-12


@given(samples(), deltas)
def test_the_upper_bound_is_its_mirror_image(sample: tuple[int, int], delta: float) -> None:
    human, draws = sample
    assert fixed_upper(human, draws, delta) == pytest.approx(
        1 - fixed_lower(draws - human, draws, delta), abs=1e-12
    )
    assert fixed_upper(human, draws, delta) >= human / draws or delta > 0.3


@pytest.mark.parametrize("draws", [1, 59, 10**6])
def test_edges(draws: int) -> None:
    assert fixed_lower(0, draws, 0.05) == 0
    assert fixed_upper(draws, draws, 0.05) == 1
    assert fixed_lower(draws, draws, 0.05) == pytest.approx(0.05 ** (1 / draws), abs=1e-12)


def test_no_draws_say_nothing() -> None:
    assert fixed_lower(0, 0, 0.05) == 0
    assert fixed_upper(0, 0, 0.05) == 1


def test_arrays_are_the_same_at_once() -> None:
    human, deltas = np.arange(31), np.array([[0.01], [0.05]])
    for many, one in ((fixed_lowers, fixed_lower), (fixed_uppers, fixed_upper)):
        made = many(human, 30, deltas)
        assert made.shape == (2, 31)
        assert made.tolist() == [[one(k, 30, delta) for k in range(31)] for delta in (0.01, 0.05)]


@pytest.mark.parametrize(
    ("human", "draws", "delta", "message"),
    [
        (3, 2, 0.05, "3 of 2 is no count"),
        (-1, 2, 0.05, "-1 of 2 is no count"),
        (1.5, 2, 0.05, "`human` has the type float64"),
        (1, 2, 0.0, "`delta` is 0.0"),
        (1, 2, 1.0, "`delta` is 1.0"),
        (1, 2, float("nan"), "`delta` is nan"),
    ],
)
def test_what_is_no_sample_is_refused(human: int, draws: int, delta: float, message: str) -> None:
    for bound in (fixed_lower, fixed_upper, growing_lower):
        with pytest.raises(InvalidInputError, match=message):
            bound(human, draws, delta)
