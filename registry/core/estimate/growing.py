"""Bounds for an audit that may be looked at, and extended, at any time.

The evidence against a share φ0 is a mixture of likelihood ratios over all shares above it, with
the weight of Beta(½, ½):

    E(φ0) = B(k+½, n−k+½) · [1 − I_φ0(k+½, n−k+½)]
            / { B(½, ½) · [1 − I_φ0(½, ½)] · φ0^k · (1−φ0)^(n−k) }

For every true share φ ≤ φ0 this is a non-negative supermartingale that starts at 1, so it ever
reaches 1/δ with probability δ at most (Ville 1939). The bound is the smallest φ0 with E < 1/δ. Up
to k/n the evidence falls as φ0 grows (the proof is in `docs/bounds.md`), so it is the only root.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from registry.core.estimate.arguments import Floats, counts, risks

_STEPS: Final = 500
_CLOSE: Final = 1e-8


def growing_lower(human: int, draws: int, delta: float) -> float:
    """Return the lower bound of the human share that holds at every n; see `growing_lowers`."""
    return float(growing_lowers(human, draws, delta))


def growing_upper(found: int, draws: int, delta: float) -> float:
    """Return the upper bound of a share that holds at every n; see `growing_lower`."""
    return 1.0 - growing_lower(draws - found, draws, delta)


def growing_lowers(human: npt.ArrayLike, draws: npt.ArrayLike, delta: npt.ArrayLike) -> Floats:
    """Return one-sided lower bounds that hold at every n at once.

    With probability 1 − δ no bound of the whole sequence n = 1, 2, 3, … ever exceeds the human
    share, so an audit may be stopped at the sight of its bound, or go on. The mixture is that of
    Robbins (Annals of Mathematical Statistics 41, 1970), the one-sided form that of Howard,
    Ramdas, McAuliffe and Sekhon (Annals of Statistics 49, 2021). The price is a bound that is
    lower than that of `fixed_lowers`: .9524 against .9642 for 392 of 400 at δ = .05.

    It holds for verdicts counted **in the order of the draw**, without gaps: who labels what
    looks human first counts something else; see `verdicts_in_order`.

    Args:
        human: How many of the first `draws` draws met human text; broadcast with the others.
        draws: How many draws have been labelled, with replacement, by weight.
        delta: The probability of ever being wrong, in (0, 1).

    Returns:
        Bounds with about twelve correct digits up to a million draws, 0 where nothing human was
        met.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    found, of = counts(human, draws)
    found, of, wrong = np.broadcast_arrays(found, of, risks(delta))
    bound = np.zeros(found.shape)
    some = found > 0
    if some.any():
        bound[some] = _roots(found[some], (of - found)[some], -np.log(wrong[some]))
    return bound


def log_evidence(share: npt.ArrayLike, human: npt.ArrayLike, other: npt.ArrayLike) -> Floats:
    """Return log E(φ0), the evidence against a human share of φ0 or less.

    Args:
        share: φ0, in (0, 1); meant for shares up to what was seen, k/n.
        human: k, how many draws met human text.
        other: n − k, how many did not.
    """
    x, k, m = (np.asarray(value, np.float64) for value in (share, human, other))
    seen = special.betaln(k + 0.5, m + 0.5) + np.log(special.betaincc(k + 0.5, m + 0.5, x))
    # B(½, ½) · [1 − I_x(½, ½)] in closed form, which keeps its digits near 1.
    before = np.log(2 * _angle(x))
    return np.asarray(seen - before - special.xlogy(k, x) - special.xlog1py(m, -x))


def _angle(x: Floats) -> Floats:
    return np.arctan2(np.sqrt(1 - x), np.sqrt(x))


def _roots(human: Floats, other: Floats, wanted: Floats) -> Floats:
    """Return where the evidence falls to what is wanted: Newton's steps, kept inside a bracket."""
    found = np.empty(human.shape)
    low, high = np.zeros(human.shape), human / (human + other)
    start = special.betaincinv(human + 0.5, other + 0.5, np.exp(-wanted) / 8)
    x = np.clip(start, high * 1e-9, high * 0.9999)
    left = np.arange(len(human))
    for _ in range(_STEPS):
        above = log_evidence(x, human, other) - wanted
        low, high = np.where(above >= 0, x, low), np.where(above >= 0, high, x)
        score = human / x - other / (1 - x)
        hazard = 1 / (2 * np.sqrt(x * (1 - x)) * _angle(x))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = x + above / (score + hazard * np.expm1(-(above + wanted)))
        # Newton's method doubles the digits: after a step this small nothing is left to do.
        done = np.abs(step - x) <= _CLOSE * np.minimum(x, 1 - x)
        x = np.where(done | ((step > low) & (step < high)), step, (low + high) / 2)
        found[left] = x
        rest = ~done
        if not rest.any():
            break
        left, x, low, high = left[rest], x[rest], low[rest], high[rest]
        human, other, wanted = human[rest], other[rest], wanted[rest]
    return found
