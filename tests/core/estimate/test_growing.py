from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coverage import ever_wrong
from registry.core.estimate import growing_lower, growing_lowers, growing_upper, verdicts_in_order
from registry.core.estimate.growing import log_evidence


@pytest.mark.parametrize("share", [0.3, 0.8, 0.9, 0.97, 0.99])
@pytest.mark.parametrize("delta", [0.05, 0.3])
def test_no_bound_of_a_whole_sequence_is_wrong_more_often_than_promised(
    share: float, delta: float
) -> None:
    assert ever_wrong(share, 150, delta, growing=True) <= delta


def test_looking_at_clopper_pearson_is_not_what_we_do() -> None:
    assert ever_wrong(0.9, 150, 0.05, growing=False) > 0.14


def test_the_evidence_is_a_supermartingale() -> None:
    # For each state the mean over the next draw is at most the state, at the share itself equal.
    share = 0.9
    for human in range(40):
        for other in range(12):
            now = math.exp(log_evidence(share, human, other))
            up, down = (math.exp(log_evidence(share, human + a, other + 1 - a)) for a in (1, 0))
            assert share * up + (1 - share) * down == pytest.approx(now, rel=1e-9)
            assert 0.85 * up + 0.15 * down <= now * (1 + 1e-9)


def test_before_the_first_draw_there_is_no_evidence() -> None:
    assert log_evidence(np.linspace(0.01, 0.99, 9), 0, 0) == pytest.approx(np.zeros(9), abs=1e-12)


def test_the_evidence_falls_up_to_what_was_seen() -> None:
    for human, draws in ((1, 1), (1, 50), (40, 50), (50, 50), (999, 1000)):
        shares = np.linspace(0, human / draws, 2002)[1:-1]
        falling = np.diff(log_evidence(shares, human, draws - human))
        assert (falling <= 1e-12).all()


@given(st.integers(1, 3000), st.data(), st.floats(1e-12, 0.9))
def test_the_bound_is_the_root(draws: int, data: st.DataObject, delta: float) -> None:
    human = data.draw(st.integers(0, draws))
    bound = growing_lower(human, draws, delta)
    if human == 0:
        assert bound == 0
    else:
        assert 0 < bound <= human / draws
        if bound < 1 - 1e-9:
            assert log_evidence(bound, human, draws - human) == pytest.approx(
                -math.log(delta), abs=1e-7
            )


@given(st.integers(1, 2000), st.data())
def test_it_orders_as_it_should(draws: int, data: st.DataObject) -> None:
    human = data.draw(st.integers(0, draws))
    bound = growing_lower(human, draws, 0.05)
    assert growing_lower(human, draws + 1, 0.05) <= bound
    assert growing_lower(human + 1, draws + 1, 0.05) >= bound
    assert growing_lower(human, draws, 0.01) <= bound
    assert growing_upper(draws - human, draws, 0.05) == 1 - bound


@pytest.mark.parametrize(
    ("human", "draws"), [(10**6, 10**6), (10**6 - 1, 10**6), (980_000, 10**6), (3, 10**6)]
)
def test_a_million_draws_keep_their_digits(human: int, draws: int) -> None:
    bound = growing_lower(human, draws, 0.05)
    other = draws - human
    # Stirling's series in exact arithmetic would be the same: the root holds against a formula
    # that sums the logarithms of the Beta function by itself.
    beta = math.lgamma(human + 0.5) + math.lgamma(other + 0.5) - math.lgamma(draws + 1)
    tail = log_evidence(bound, human, other) + math.log(0.05)
    assert abs(tail) < 1e-8
    plain = human * math.log(bound) + other * math.log1p(-bound)
    assert beta - plain == pytest.approx(
        math.log(20)
        + math.log(2 * math.acos(math.sqrt(bound)))
        - math.log(_posterior_tail(human, other, bound)),
        abs=2e-6,
    )


def _posterior_tail(human: int, other: int, share: float) -> float:
    from scipy import stats

    return float(stats.beta.sf(share, human + 0.5, other + 0.5))


def test_a_hundred_thousand_bounds_at_once() -> None:
    bounds = growing_lowers(np.arange(0, 20_001), 20_000, 0.05)
    assert (np.diff(bounds) > 0).all()
    assert growing_lower(0, 0, 0.05) == 0


def test_verdicts_count_in_the_order_of_the_draw() -> None:
    assert verdicts_in_order([True, True, False, True]) == (3, 4)
    assert verdicts_in_order([]) == (0, 0)
    assert verdicts_in_order([None, None]) == (0, 0)
    # What was left out counts against the bound; what was not reached does not.
    assert verdicts_in_order([True, None, True, None, None]) == (2, 3)


def test_leaving_out_the_doubtful_gains_nothing() -> None:
    truth = [True] * 95 + [False] * 5 + [True] * 100
    picked = [True if verdict else None for verdict in truth]
    assert verdicts_in_order(picked) == verdicts_in_order(truth)
    assert Fraction(*verdicts_in_order(picked)) == Fraction(195, 200)
