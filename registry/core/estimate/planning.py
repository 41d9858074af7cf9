"""How many labels an audit takes, and how much AI text it survives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from registry.core.estimate.arguments import Floats, Integers, counts, positive, probability, risk
from registry.core.estimate.fixed import fixed_lower, fixed_uppers
from registry.core.estimate.growing import growing_lower, growing_lowers, log_evidence
from registry.errors import InvalidInputError

MOST: Final = 100_000
"""More labels than this are not planned for."""
_BLOCK: Final = 256
_RARE: Final = 1e-9
"""Numbers of misjudged controls less probable than this are taken for failures."""

_Least = Callable[[Integers, float, float], Integers]


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How large an audit has to be.

    Attributes:
        draws: How many draws.
        allowed: How many of them may be found not human, with `misjudged` controls misjudged;
            None where not even a clean sample would do then.
        misjudged: How many controls are most likely called human.
        power: With which probability the audit then shows the target.
    """

    draws: int
    allowed: int | None
    misjudged: int
    power: float


def allowed_finds(
    draws: int, target: float, delta: float, *, growing: bool = False, false_human: float = 0.0
) -> int | None:
    """Return how many draws may be found not human with the bound still at the target.

    Args:
        draws: How many draws there are.
        target: The share that the bound is to reach, in [0, 1].
        delta: The probability of being wrong that is left for the verdicts, in (0, 1).
        growing: Whether the audit may be extended.
        false_human: An upper bound of the readers' error rate, in [0, 1].

    Returns:
        The largest number, or None where not even a clean sample is enough.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    counts(0, draws)
    needed = _called(probability(target, "target"), probability(false_human, "false_human"))
    bound = growing_lower if growing else fixed_lower
    low, high = -1, draws
    while low < high:
        middle = (low + high + 1) // 2
        if bound(draws - middle, draws, delta) >= needed:
            low = middle
        else:
            high = middle - 1
    return low if low >= 0 else None


def sample_size(
    target: float,
    expected: float,
    *,
    delta: float = 0.05,
    power: float = 0.9,
    growing: bool = False,
    controls: int = 0,
    false_human: float = 0.0,
    most: int = MOST,
) -> SampleSize | None:
    """Return the smallest audit that shows a target with some power.

    The exact power is summed over binomial numbers of finds and of misjudged controls; it is a
    saw-tooth in n, so a slightly larger audit may have a little less. With controls, half of δ
    goes to them, as in `Audit.lower`; reaching the target in spite of more misjudged controls than
    it bears would be luck, and is not counted. For an audit that grows it is the power at a single
    look.

    It plans and proves nothing: the bound comes from what is found. The power is that of a
    population that is as human as expected, read by people who err as expected.

    Args:
        target: The share that the bound is to reach, in [0, 1).
        expected: The share that is thought to be true, in [0, 1].
        delta: The probability of being wrong, in (0, 1).
        power: The probability to reach the target, in (0, 1).
        growing: Whether the audit may be extended.
        controls: How many blinded controls are mixed in; 0 for verdicts that need none.
        false_human: At which rate readers are thought to call AI text human, in [0, 1].
        most: Do not plan for more draws than this.

    Returns:
        The size, or None where no audit of up to `most` draws has that power: then the target is
        too near to what is expected, or the controls are too few.

    Raises:
        InvalidInputError: A number is out of its range; an error rate is given without controls.
    """
    probability(target, "target")
    probability(expected, "expected")
    risk(power)
    positive(most, "most")
    if controls < 0 or (false_human and not controls):
        raise InvalidInputError(
            f"readers err at a rate of {false_human} and there are {controls} controls",
            hint="without controls nothing is known about readers",
        )
    error = probability(false_human, "false_human")
    verdicts, limits, chances = risk(delta), np.array([0.0]), np.array([1.0])
    if controls:
        verdicts = delta / 2
        misjudged = np.arange(controls + 1)
        chances = _binomial(misjudged, controls, error)
        limits = fixed_uppers(misjudged, controls, verdicts)
        if growing:
            limits = 1 - growing_lowers(controls - misjudged, controls, verdicts)
    likely = int(np.argmax(chances))
    called = expected + (1 - expected) * error
    needed = np.array([_called(target, float(limit)) for limit in limits])
    kept = (needed < called) & (needed < 1) & (chances > _RARE)
    if chances[kept].sum() < power:
        return None
    least = _least_growing if growing else _least_fixed
    found = _search(
        needed[kept], chances[kept], called, verdicts, power=power, least=least, most=most
    )
    if found is None:
        return None
    draws, reached = found
    limit = float(limits[likely])
    allowed = allowed_finds(draws, target, verdicts, growing=growing, false_human=limit)
    return SampleSize(draws, allowed, likely, reached)


def _search(
    needed: Floats,
    chances: Floats,
    called: float,
    delta: float,
    *,
    power: float,
    least: _Least,
    most: int,
) -> tuple[int, float] | None:
    """Return the smallest number of draws with the power, and that power.

    Between two numbers at which one more find is allowed, for any number of misjudged controls,
    the power only falls: those numbers are all that need to be tried.
    """
    finds = np.empty((len(needed), 0), np.int64)
    done = 0
    while True:
        more = np.arange(finds.shape[1], finds.shape[1] + _BLOCK)
        rows = [least(more, share, delta) for share in needed]
        finds = np.concatenate([finds, np.array(rows)], axis=1)
        # Beyond this a further find might be allowed that is not in the table yet.
        known = min(int(finds[:, -1].min()), most)
        tried = np.unique(finds[(finds > done) & (finds <= known)])
        reached = np.zeros(len(tried))
        for row, chance in zip(finds, chances, strict=True):
            allowed = np.searchsorted(row, tried, side="right") - 1
            some = allowed >= 0
            reached[some] += chance * special.bdtr(allowed[some], tried[some], 1 - called)
        enough = np.flatnonzero(reached >= power)
        if len(enough):
            return int(tried[enough[0]]), float(reached[enough[0]])
        if known == most:
            return None
        done = known


def _least_fixed(finds: Integers, target: float, delta: float) -> Integers:
    """Return the smallest n at which the Clopper–Pearson bound allows so many finds."""
    return _least(finds, lambda n: special.bdtr(finds, n, 1 - target) <= delta)


def _least_growing(finds: Integers, target: float, delta: float) -> Integers:
    """Return the smallest n at which the growing bound allows so many finds."""

    def shown(n: Integers) -> npt.NDArray[np.bool_]:
        human = n - finds
        with np.errstate(divide="ignore", invalid="ignore"):
            strong = log_evidence(target, human, finds) >= -np.log(delta)
        return np.asarray(strong & (human > target * n))

    return _least(finds, shown)


def _least(finds: Integers, shown: Callable[[Integers], npt.NDArray[np.bool_]]) -> Integers:
    """Return where what is shown from some n on begins, for each number of finds."""
    low, high = finds.copy(), finds + 1
    while not (enough := shown(high)).all():
        if (high > MOST * 4).any():
            high = np.where(enough, high, np.maximum(high, MOST * 4))
            break
        low, high = np.where(enough, low, high), np.where(enough, high, high * 2)
    while (high - low > 1).any():
        middle = (low + high) // 2
        enough = shown(middle) & (middle > low)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _called(target: float, false_human: float) -> float:
    """Return which share must be called human to leave the target, see `less_reader_error`."""
    return target + (1 - target) * false_human


def _binomial(numbers: Integers, of: int, share: float) -> Floats:
    below = np.where(numbers > 0, special.bdtr(np.maximum(numbers - 1, 0), of, share), 0.0)
    return np.asarray(special.bdtr(numbers, of, share) - below)
