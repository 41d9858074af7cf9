"""The bound for a population so small that it is drawn from without replacement."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

import numpy as np
from scipy import special

from registry.core.estimate.arguments import Floats, counts, positive, risk
from registry.errors import InvalidInputError

_CLOSE: Final = 1e-13
"""How close to δ, for each digit that logarithms of factorials lose, a tail is computed exactly."""


def small_lower(human: int, draws: int, population: int, delta: float) -> float:
    """Return a lower bound of the share of human *members* in a small population.

    `draws` members were drawn without replacement, all alike, and `human` of them were human. The
    bound is H/N for the smallest H with P(X ≥ human | H of N are human) > δ: exact hypergeometric
    tails, inverted (Buonaccorsi, The American Statistician 41, 1987). Drawing everything gives the
    share itself. It exceeds the true share with probability δ at most.

    It is a share of members, such as documents, and promises nothing about bytes when documents
    differ in length. The number of draws is fixed before the first verdict; verdicts are taken
    for truth.

    Args:
        human: How many of the drawn members were human.
        draws: How many were drawn, at most all.
        population: How many there are.
        delta: The probability of being wrong, in (0, 1).

    Raises:
        InvalidInputError: A number is out of its range; more were drawn than there are.
    """
    counts(human, draws)
    positive(population, "population")
    wrong = risk(delta)
    if draws > population:
        raise InvalidInputError(
            f"{draws:,} draws without replacement from {population:,}, expected as many at most",
            hint="what was drawn by weight may repeat, and is not for this bound",
        )
    low, high = human, population - (draws - human)
    while low < high:
        middle = (low + high) // 2
        if _may_exceed(human, draws, middle, population, wrong):
            high = middle
        else:
            low = middle + 1
    return low / population


def _may_exceed(human: int, draws: int, good: int, population: int, delta: float) -> bool:
    """Return whether P(X ≥ human) > δ when `good` members are human."""
    bad = population - good
    met = np.arange(max(human, draws - bad), min(draws, good) + 1, dtype=np.float64)
    if not len(met):
        return False
    terms = _choose(good, met) + _choose(bad, draws - met)
    terms -= _choose(population, np.float64(draws))
    largest = float(terms.max())
    tail = largest + math.log(np.exp(terms - largest).sum())
    distance = tail - math.log(delta)
    if abs(distance) > _CLOSE * max(1.0, population * math.log(population + 1)):
        return distance > 0
    ways = sum(
        math.comb(good, at) * math.comb(bad, draws - at)
        for at in range(max(human, draws - bad), min(draws, good) + 1)
    )
    return ways > Fraction(delta) * math.comb(population, draws)


def _choose(of: int, number: np.float64 | Floats) -> Floats:
    """Return the logarithm of a binomial coefficient."""
    gamma = special.gammaln
    return np.asarray(gamma(of + 1.0) - gamma(number + 1) - gamma(of - number + 1))
