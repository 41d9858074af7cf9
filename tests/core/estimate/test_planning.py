from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import stats

from registry.core.estimate import (
    allowed_finds,
    fixed_lower,
    fixed_lowers,
    fixed_uppers,
    growing_lower,
    growing_lowers,
    less_reader_errors,
    sample_size,
)
from registry.errors import InvalidInputError


def by_trying(target: float, expected: float, *, growing: bool) -> int:
    """Try one size after another."""
    bound = growing_lowers if growing else fixed_lowers
    for draws in range(1, 2000):
        # No bound is above what was seen.
        human = np.arange(int(target * draws), draws + 1)
        chances = stats.binom.pmf(human, draws, expected)
        if chances.sum() < 0.9 or bound(draws, draws, 0.05) < target:
            continue
        if chances[bound(human, draws, 0.05) >= target].sum() >= 0.9:
            return draws
    raise AssertionError("no size is enough")


@pytest.mark.parametrize("growing", [False, True])
@pytest.mark.parametrize(
    ("target", "expected"), [(0.9, 0.95), (0.8, 0.97), (0.5, 0.7), (0.9, 1.0), (0.0, 0.5)]
)
def test_it_is_the_smallest_size(target: float, expected: float, growing: bool) -> None:
    size = sample_size(target, expected, growing=growing)
    assert size is not None
    if target:
        assert size.draws == by_trying(target, expected, growing=growing)


@given(st.integers(0, 800), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_as_many_finds_are_allowed_as_the_bound_bears(
    draws: int, target: float, error: float, growing: bool
) -> None:
    bound = growing_lower if growing else fixed_lower
    allowed = allowed_finds(draws, target, 0.05, growing=growing, false_human=error)
    needed = target + (1 - target) * error
    if allowed is None:
        assert bound(draws, draws, 0.05) < needed
    else:
        assert bound(draws - allowed, draws, 0.05) >= needed
        assert allowed == draws or bound(draws - allowed - 1, draws, 0.05) < needed


@examples(max_examples=20)
@given(st.floats(0.5, 0.99), st.floats(0.5, 1), st.integers(0, 80), st.floats(0, 0.3))
def test_the_power_is_what_it_says(
    target: float, expected: float, controls: int, error: float
) -> None:
    error = error if controls else 0.0
    size = sample_size(target, expected, controls=controls, false_human=error, most=600)
    if size is None:
        return
    human, misjudged = np.arange(size.draws + 1), np.arange(controls + 1)
    verdicts = 0.025 if controls else 0.05
    errors = fixed_uppers(misjudged, controls, 0.025) if controls else np.zeros(1)
    bounds = less_reader_errors(fixed_lowers(human, size.draws, verdicts)[:, None], errors)
    chances = np.outer(
        stats.binom.pmf(human, size.draws, expected + (1 - expected) * error),
        stats.binom.pmf(misjudged, controls, error),
    )
    reached = float(chances[bounds >= target].sum())
    # Reaching it with more controls misjudged than the target bears would be luck, and is left out.
    assert 0.9 <= size.power <= reached + 1e-9
    assert reached - size.power < 0.01


def test_controls_and_growing_cost_labels() -> None:
    plain, growing, controlled = (
        sample_size(0.95, 0.98),
        sample_size(0.95, 0.98, growing=True),
        sample_size(0.95, 0.98, controls=60),
    )
    assert plain is not None
    assert growing is not None
    assert controlled is not None
    assert (plain.draws, growing.draws, controlled.draws) == (311, 672, 469)
    assert controlled.misjudged == 0


def test_what_no_audit_can_show() -> None:
    assert sample_size(0.95, 0.95) is None
    assert sample_size(0.95, 0.9) is None
    assert sample_size(1.0, 1.0) is None
    assert sample_size(0.95, 0.951, most=1000) is None
    # Three controls bound the error at .71 at best, and that leaves too little.
    assert sample_size(0.95, 0.96, controls=3, false_human=0.5) is None


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="0 controls"):
        sample_size(0.9, 0.95, false_human=0.1)
    with pytest.raises(InvalidInputError, match="-1 controls"):
        sample_size(0.9, 0.95, controls=-1)
    with pytest.raises(InvalidInputError, match="`target` is 95"):
        sample_size(95, 0.98)
