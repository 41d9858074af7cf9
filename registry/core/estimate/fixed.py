"""Bounds for an audit whose number of draws was declared before it began."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from registry.core.estimate.arguments import Floats, counts, risks


def fixed_lower(human: int, draws: int, delta: float) -> float:
    """Return the Clopper–Pearson lower bound of the human share; see `fixed_lowers`."""
    return float(fixed_lowers(human, draws, delta))


def fixed_upper(human: int, draws: int, delta: float) -> float:
    """Return the Clopper–Pearson upper bound of a share; see `fixed_uppers`."""
    return float(fixed_uppers(human, draws, delta))


def fixed_lowers(human: npt.ArrayLike, draws: npt.ArrayLike, delta: npt.ArrayLike) -> Floats:
    """Return one-sided lower bounds L = BetaInv(δ; k, n − k + 1) for k human among n draws.

    Clopper and Pearson (Biometrika 26, 1934). For any share φ the bound exceeds φ with
    probability δ at most, by exact binomial tails and not by an approximation. k = 0 gives 0,
    k = n gives δ^(1/n), no draws give 0.

    This holds for **one** n, fixed before the first verdict was seen: whoever looks and then
    labels more needs `growing_lowers`. It holds for the population drawn from, neither for a part
    of it nor for a selection. It takes verdicts for truth: see `Controls`.

    Args:
        human: How many draws met human text; broadcast with the others.
        draws: How many draws there were, with replacement, by weight.
        delta: The probability of being wrong, in (0, 1).

    Raises:
        InvalidInputError: A number is out of its range.
    """
    found, of = counts(human, draws)
    # Where there is nothing to invert, any parameters will do.
    bound = special.betaincinv(np.maximum(found, 1), of - np.minimum(found, of) + 1, risks(delta))
    return np.where(found > 0, bound, 0.0)


def fixed_uppers(found: npt.ArrayLike, draws: npt.ArrayLike, delta: npt.ArrayLike) -> Floats:
    """Return one-sided upper bounds of a share: BetaInv(1 − δ; x + 1, n − x) for x among n draws.

    The mirror image of `fixed_lowers`, with the same promise and limits; x = n gives 1, no draws
    give 1.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    met, of = counts(found, draws)
    bound = special.betainccinv(met + 1, np.maximum(of - met, 1), risks(delta))
    return np.where(met < of, bound, 1.0)
