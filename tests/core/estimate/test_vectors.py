"""The vectors of the design of the guarantee, to the digits they carry."""

from __future__ import annotations

import math

import pytest

from registry.core.estimate import (
    Audit,
    Controls,
    Part,
    after_removing_ai,
    compose,
    divided,
    fixed_lower,
    growing_lower,
    less_reader_error,
    sample_size,
)

CLOSE = 1e-12


@pytest.mark.parametrize(
    ("n", "k", "delta", "lower"),
    [
        (59, 59, 0.05, 0.950492390111773),
        (400, 392, 0.05, 0.9642033823863597),
        (400, 392, 0.01, 0.9570030953486077),
        (400, 400, 0.05, 0.9925386444712004),
        (400, 360, 0.05, 0.8718187679492823),
        (1000, 980, 0.05, 0.9710698771486013),
        (100, 0, 0.05, 0.0),
    ],
)
def test_fixed_bounds_to_twelve_digits(n: int, k: int, delta: float, lower: float) -> None:
    assert fixed_lower(k, n, delta) == pytest.approx(lower, abs=CLOSE)


@pytest.mark.parametrize(
    ("n", "k", "delta", "lower"),
    [
        (59, 59, 0.05, 0.95049),
        (100, 98, 0.05, 0.93838),
        (200, 196, 0.05, 0.95482),
        (299, 299, 0.05, 0.99003),
        (400, 400, 0.05, 0.99254),
        (400, 392, 0.05, 0.96420),
        (400, 392, 0.01, 0.95700),
        (400, 380, 0.05, 0.92817),
        (400, 360, 0.05, 0.87182),
        (1000, 980, 0.05, 0.97107),
        (3000, 2940, 0.05, 0.97526),
    ],
)
def test_printed_fixed_bounds(n: int, k: int, delta: float, lower: float) -> None:
    assert round(fixed_lower(k, n, delta), 5) == lower


@pytest.mark.parametrize(
    ("n", "k", "lower"),
    [
        (59, 59, 0.9378682626810818),
        (400, 392, 0.9524121331773072),
        (1000, 980, 0.9635671670651177),
    ],
)
def test_growing_bounds_to_twelve_digits(n: int, k: int, lower: float) -> None:
    assert growing_lower(k, n, 0.05) == pytest.approx(lower, abs=CLOSE)


@pytest.mark.parametrize(
    ("n", "k", "lower"),
    [
        (400, 392, 0.95241),
        (299, 299, 0.98741),
        (1000, 980, 0.96357),
        (100, 98, 0.91438),
    ],
)
def test_printed_growing_bounds(n: int, k: int, lower: float) -> None:
    assert round(growing_lower(k, n, 0.05), 5) == lower


def test_a_mixture_of_three_audits() -> None:
    delta = divided(0.05, candidates=3)
    audits = {"a": (5, 392, 400), "b": (3, 200, 200), "c": (2, 90, 100)}
    mixed = compose(
        [Part(name, weight, fixed_lower(k, n, delta)) for name, (weight, k, n) in audits.items()]
    )
    assert float(mixed.lower) == pytest.approx(0.9368956295292066, abs=CLOSE)


def test_removed_ai_text_and_readers_who_err() -> None:
    lower = 0.9642033823863487
    assert after_removing_ai(lower, 1000, 20) == pytest.approx(0.9838810024350497, abs=CLOSE)
    assert less_reader_error(lower, 0.01) == pytest.approx(0.9638418003902512, abs=CLOSE)


@pytest.mark.parametrize(("error", "left"), [(0, 0.964), (0.5, 0.928), (0.9, 0.642)])
def test_printed_bounds_of_readers_who_err(error: float, left: float) -> None:
    assert round(less_reader_error(fixed_lower(392, 400, 0.05), error), 3) == left


def test_a_slice_of_eighty_draws() -> None:
    assert round(fixed_lower(78, 80, 0.05), 3) == 0.923
    assert round(fixed_lower(78, 80, divided(0.05, slices=10)), 3) == 0.889


@pytest.mark.parametrize(
    ("target", "expected", "draws", "allowed"),
    [
        (0.90, 0.95, 239, 16),
        (0.90, 0.98, 76, 3),
        (0.95, 0.98, 311, 9),
        (0.95, 0.99, 153, 3),
        (0.95, 1.0, 59, 0),
        (0.99, 1.0, 299, 0),
    ],
)
def test_printed_sample_sizes(target: float, expected: float, draws: int, allowed: int) -> None:
    size = sample_size(target, expected)
    assert size is not None
    assert (size.draws, size.allowed) == (draws, allowed)


def test_sixty_controls_without_a_fault_leave_six_per_cent() -> None:
    # By hand: 1 - 0.025^(1/60) for the readers, 0.025^(1/400) for a clean sample.
    error = 1 - 0.025 ** (1 / 60)
    apparent = 0.025 ** (1 / 400)
    assert Controls(0, 60).upper(0.025) == pytest.approx(error, abs=CLOSE)
    assert Audit(400, 400, controls=Controls(0, 60)).lower(0.05) == pytest.approx(
        (apparent - error) / (1 - error), abs=CLOSE
    )
    assert math.isclose(error, 0.0596, abs_tol=5e-5)
