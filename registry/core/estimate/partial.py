"""What the bound of an audited population says about a random part of it.

A population that is 97 % human has parts that are less, and a draw of whole documents may hit one:
using the population's bound for the part unchanged is wrong far more often than δ. Three bounds of
the same probability are computed here, none of which looks at a verdict, so the best of them costs
nothing:

* Hoeffding–Serfling for unequal lengths: P(φ_D ≤ x) ≤ exp(−2m·((φ − x)·w̄/w_max)² / ρ).
* Chernoff–Hoeffding with the worst labels: P(φ_D ≤ x) ≤ min_λ (mean of e^{λ·w(x − h)})^m, where AI
  text fills the documents in which it hurts most. It uses the lengths themselves and not only the
  largest, and can be tenfold better where a few documents are very long.
* The same for the documents that were *not* drawn, which is better when most were.

With z_i = w_i(x − h_i), the part is at most x human exactly where its z add up to 0 or more, so the
share of the part, a ratio, needs no approximation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from registry.core.estimate.arguments import Floats, positive, probability, risk
from registry.core.estimate.fixed import fixed_lower
from registry.core.estimate.growing import growing_lower
from registry.errors import InvalidInputError

_RATES: Final = np.geomspace(1e-5, 100, 32)
"""λ, times the largest weight. Any λ gives a bound; finer steps would give little more."""
_HALVINGS: Final = 22
_PER_OCTAVE: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Lengths:
    """The weights of a population's documents, in brief.

    Attributes:
        documents: How many there are.
        total: What they weigh.
        largest: What the heaviest weighs.
        points: At most some 250 weights, descending, that stand for all. Documents of similar
            weight are moved to the least and the greatest of their kind, with the same number and
            the same sum. That makes a mean of a convex function larger, so bounds stay bounds.
        numbers: How many documents are at each point, not whole.
    """

    documents: int
    total: int
    largest: int
    points: Floats
    numbers: Floats

    @classmethod
    def of(cls, weights: npt.NDArray[np.integer[Any]]) -> Self:
        """Summarize weights: one whole number for each document, less than 2^53 together.

        Raises:
            InvalidInputError: There is none, one is negative, or all are 0.
        """
        if weights.dtype.kind not in "iu" or weights.ndim != 1 or not len(weights):
            raise InvalidInputError("weights are whole numbers, one for each document")
        if int(weights.min()) < 0 or int(weights.max()) == 0:
            raise InvalidInputError("documents weigh 0 or more, and not all of them 0")
        exact = weights.astype(np.float64)
        if exact.sum() >= 2**53:
            raise InvalidInputError("a population weighs less than 2^53", hint="use a larger unit")
        kind = np.ceil(np.log2(np.maximum(exact, 0.5)) * _PER_OCTAVE).astype(np.int64)
        _, at, numbers = np.unique(kind, return_inverse=True, return_counts=True)
        least = np.full(len(numbers), np.inf)
        most = np.zeros(len(numbers))
        np.minimum.at(least, at, exact)
        np.maximum.at(most, at, exact)
        width = most - least
        sums = np.bincount(at, exact)
        upper = np.where(width > 0, (sums - numbers * least) / np.where(width > 0, width, 1), 0)
        points = np.concatenate([least, most])
        shares = np.concatenate([numbers - upper, upper])
        order = np.argsort(-points, kind="stable")
        order = order[shares[order] > 0]
        return cls(len(weights), int(exact.sum()), int(weights.max()), points[order], shares[order])

    @property
    def mean(self) -> float:
        """Return the mean weight."""
        return self.total / self.documents


def draw_term(*, documents: int, mean: float, largest: float, drawn: int, delta: float) -> float:
    """Return what to subtract from a population's bound for a random part of it.

    The weighted Hoeffding–Serfling term (w_max/w̄)·√(ρ·ln(1/δ)/(2m)) with ρ = min{1 − (m − 1)/M,
    (1 − m/M)(1 + 1/m)}: Serfling (Annals of Statistics 2, 1974); Bardenet and Maillard (Bernoulli
    21, 2015), theorem 2.4 and corollary 2.5. Both hold for all larger numbers of documents at
    once, so a draw may go on in its random order, to a size for instance, after the `drawn` that
    were fixed beforehand.

    It promises nothing about a part that was chosen in any other way: by a filter, by fitting
    documents into a size, or with a seed picked after a look at what it draws. It is vacuous (1 or
    more) where the largest document is much longer than the mean; `partial_lower` copes better.

    Args:
        documents: M, how many documents the population has.
        mean: w̄, their mean weight.
        largest: w_max, the weight of the heaviest.
        drawn: m, how many at least are drawn without replacement, fixed before their order is
            known.
        delta: The probability of being wrong, in (0, 1).

    Raises:
        InvalidInputError: A number is out of its range.
    """
    rest = _serfling(positive(documents, "documents"), positive(drawn, "drawn"))
    if not 0 < mean <= largest:
        raise InvalidInputError(f"documents weigh {mean} in the mean and {largest} at most")
    return largest / mean * math.sqrt(rest * -math.log(risk(delta)) / (2 * drawn))


def partial_lower(lower: float, lengths: Lengths, drawn: int, delta: float) -> float:
    """Return a lower bound for a random part of a population that has one.

    Given that `lower` is a bound of the population, that of the part is wrong with probability δ
    at most, on top; whatever the lengths, and however they go together with the origin of the
    text. It holds for `drawn` documents and for every longer beginning of the same random order.
    See the module for the method, `draw_term` for what is not promised. The best of three
    inequalities is taken: Serfling (1974), and Hoeffding (Journal of the American Statistical
    Association 58, 1963), theorem 4, for what is drawn and for what is left.

    Args:
        lower: The bound of the population, in [0, 1].
        lengths: The weights of the population's documents.
        drawn: How many documents at least are drawn, fixed before their order is known.
        delta: The probability of being wrong, in (0, 1).

    Raises:
        InvalidInputError: A number is out of its range.
    """
    probability(lower, "lower")
    positive(drawn, "drawn")
    if drawn >= lengths.documents:
        _serfling(lengths.documents, drawn)
        return lower
    term = draw_term(
        documents=lengths.documents,
        mean=lengths.mean,
        largest=lengths.largest,
        drawn=drawn,
        delta=delta,
    )
    # What is kept is always a share at which the bound was seen to hold.
    low, high = max(0.0, lower - term), lower
    wanted = math.log(risk(delta))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _log_risk(middle, lower, lengths, drawn) <= wanted:
            low = middle
        else:
            high = middle
    return low


def _serfling(documents: int, drawn: int) -> float:
    if drawn > documents:
        raise InvalidInputError(
            f"{drawn:,} of {documents:,} documents are drawn, expected all at most"
        )
    return min(1 - (drawn - 1) / documents, (1 - drawn / documents) * (1 + 1 / drawn))


def _log_risk(share: float, lower: float, lengths: Lengths, drawn: int) -> float:
    """Return a bound of the log-probability that the part is at most this human."""
    left = lengths.documents - drawn
    risk_drawn = drawn * _worst_mean(lengths, share, 1 - lower)
    best = float(risk_drawn.min())
    # What is left says more only when it is less.
    if left < drawn:
        moved = _RATES / lengths.largest * lengths.total * (lower - share)
        best = min(best, float((left * _worst_mean(lengths, 1 - share, lower) - moved).min()))
    return best


def _worst_mean(lengths: Lengths, gain: float, share: float) -> Floats:
    """Return the log of the largest mean of e^{λ·w·y} over documents.

    y is `gain` for text of the kind that hurts, and `gain` − 1 for the rest.

    Args:
        lengths: The weights.
        gain: In [0, 1].
        share: Of the weight, how much the first kind of text takes.

    Returns:
        One number for each λ of `_RATES`.
    """
    rates = (_RATES / lengths.largest)[:, None]
    points, numbers = lengths.points, lengths.numbers
    much, little = np.exp(rates * points * gain), np.exp(-rates * points * (1 - gain))
    budget = share * lengths.total
    if gain >= 0.5:
        # The gain for each unit of weight rises with the weight: the heaviest come first.
        taken = _filled(points * numbers, budget)
    else:
        worth = (much - little) / np.where(points > 0, points, np.inf)
        order = np.argsort(-worth, axis=1)
        taken = np.empty_like(worth)
        np.put_along_axis(taken, order, _filled((points * numbers)[order], budget), axis=1)
    # Of documents at a point, the part that is of the first kind.
    means = (numbers * (taken * much + (1 - taken) * little)).sum(axis=1) / lengths.documents
    return np.asarray(np.log(means))


def _filled(weights: Floats, budget: float) -> Floats:
    """Return which part of each weight a budget reaches, from the first on."""
    before = np.cumsum(weights, axis=-1) - weights
    return np.clip((budget - before) / np.where(weights > 0, weights, 1), 0, 1)


class Way(StrEnum):
    """How a part that was drawn at random from an audited population gets its bound."""

    POPULATION = "population"
    """The bound of the population at δ/2, carried over to the part at δ/2."""
    SURVIVORS = "survivors"
    """The audit's draws that fell into the part, alone, at δ."""


def better_way(
    *,
    draws: int,
    expected: float,
    lengths: Lengths,
    drawn: int,
    delta: float,
    growing: bool = False,
) -> Way:
    """Return which way promises the higher bound, before any verdict is looked at.

    The choice is made for what is expected: picking the better of two bounds after seeing both
    would cost confidence. Controls lower both alike and are left out.

    Args:
        draws: How many draws the audit has.
        expected: The human share that is expected, from anything but its verdicts.
        lengths: The weights of the audited documents.
        drawn: How many of them are drawn.
        delta: The probability of being wrong that this part may take, in (0, 1).
        growing: Whether the audit may be extended.
    """
    probability(expected, "expected")
    bound = growing_lower if growing else fixed_lower
    whole = bound(math.floor(expected * draws), draws, risk(delta) / 2)
    population = partial_lower(whole, lengths, drawn, delta / 2)
    survivors = draws * drawn // lengths.documents
    alone = bound(math.floor(expected * survivors), survivors, delta)
    return Way.POPULATION if population >= alone else Way.SURVIVORS
