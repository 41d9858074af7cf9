"""What a bound becomes when the population changes after the audit.

All of these are arithmetic on what is certain: they cost no confidence. Weights are whole numbers
of the unit the bound is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from registry.core.estimate.arguments import positive, probability
from registry.errors import InvalidInputError


def after_removing_ai(lower: float, total: int, removed: int) -> float:
    """Return the bound L·W/(W − R), 1 at most, after known AI text was removed.

    It holds because nothing human went: the human weight stays, the total falls. What a detector
    flagged is *not* known to be AI text; for that, see `after_filtering`, or clean before the
    audit.

    Args:
        lower: The bound of the population as audited, in [0, 1].
        total: W, the weight of that population.
        removed: R, the weight of what was removed, all of it AI text; less than W.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    left = _left(total, removed)
    return min(1.0, probability(lower, "lower") * total / left)


def after_filtering(lower: float, total: int, removed: int) -> float:
    """Return the bound (L·W − R)/(W − R), 0 at least, for the worst case of a filter.

    The worst case is that all that was removed was human. Where the filter does not depend on the
    verdicts, the draws that it leaves (`Units.find`) give an exact bound instead, with their own
    n and k.

    Args:
        lower: The bound of the population as audited, in [0, 1].
        total: W, the weight of that population.
        removed: R, the weight of what the filter removed; less than W.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    left = _left(total, removed)
    return min(1.0, max(0.0, (probability(lower, "lower") * total - removed) / left))


def diluted(lower: float, audited: int, total: int) -> float:
    """Return the bound L·A/W for a population of which only a part was audited.

    The rest counts as not human. So the draws of a *direct* audit may spare the documents that
    are recorded as not human.

    Args:
        lower: The bound of the part, in [0, 1].
        audited: A, the weight of the part, at most W.
        total: W, the weight of everything.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    positive(total, "total")
    if not 0 <= audited <= total:
        raise InvalidInputError(f"{audited:,} of {total:,} were audited, expected as many at most")
    return probability(lower, "lower") * audited / total


def seen_share(human_weight: int, total: int) -> Fraction:
    """Return the share that is certain: the weight of documents seen to be human, of everything.

    No probability is involved, so the larger of this and any bound is a bound. It helps where a
    few documents make up much of the weight, or nearly all have been read. Each document counts
    once. Verdicts are taken for truth: with a reader's errors it is no bound.

    Raises:
        InvalidInputError: More was seen than there is.
    """
    positive(total, "total")
    if not 0 <= human_weight <= total:
        raise InvalidInputError(f"{human_weight:,} of {total:,} were human, expected at most all")
    return Fraction(human_weight, total)


def verdicts_in_order(verdicts: Iterable[bool | None]) -> tuple[int, int]:
    """Return k and n of verdicts that are given in the order of the draw.

    n ends with the last verdict. A draw before it without one counts as not human: otherwise
    whoever labels could leave the doubtful ones for later, and stop before.

    Args:
        verdicts: For each draw whether it was found human. "Cannot tell" is False; None is only
            for draws that nobody has judged yet.
    """
    human = draws = 0
    for at, verdict in enumerate(verdicts, start=1):
        if verdict is not None:
            draws = at
            human += verdict
    return human, draws


def _left(total: int, removed: int) -> int:
    positive(total, "total")
    if not 0 <= removed < total:
        raise InvalidInputError(
            f"{removed:,} of {total:,} were removed, expected something to be left"
        )
    return total - removed
