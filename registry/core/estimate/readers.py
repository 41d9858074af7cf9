"""What readers get wrong: blinded controls, the bound they leave, and how far two readers agree.

People cannot see AI text: untrained readers told GPT-3 from people at chance, trained ones reached
55 % (Clark et al., ACL 2021). A bound from verdicts by reading is worth what the readers are, and
that is measured with documents known to be AI text, mixed blindly into the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from registry.core.estimate.arguments import Floats, counts, risk
from registry.core.estimate.fixed import fixed_lowers, fixed_upper
from registry.core.estimate.growing import growing_lowers, growing_upper
from registry.errors import InvalidInputError

LEAST_CONTROLS: Final = 60
"""Fewer controls give no *audited* number."""


@dataclass(frozen=True, slots=True)
class Controls:
    """Known AI documents that readers judged without knowing.

    Args:
        called_human: How many of them were called human. "Cannot tell" is not human, here as in
            the sample.
        count: How many there were.

    Raises:
        InvalidInputError: The counts contradict one another.
    """

    called_human: int
    count: int

    def __post_init__(self) -> None:
        counts(self.called_human, self.count)

    @property
    def enough(self) -> bool:
        """Return whether there are as many as an *audited* number needs."""
        return self.count >= LEAST_CONTROLS

    def upper(self, delta: float, *, growing: bool = False) -> float:
        """Return an upper bound of ε, the rate at which AI text is called human.

        It promises something about AI text *like the controls*, judged by the *same readers*:
        controls of another model, domain or length, or given to other readers than the sample,
        say nothing.

        Args:
            delta: The probability of being wrong, in (0, 1).
            growing: Whether verdicts on controls were looked at before the last of them was
                given, as in an audit that grows.
        """
        bound = growing_upper if growing else fixed_upper
        return bound(self.called_human, self.count, delta)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the draws from one population showed.

    Args:
        human: How many draws were found human, each draw counted as often as it came.
        draws: How many there were.
        growing: Whether the audit was, or may be, extended after a look at its verdicts.
        controls: What readers made of known AI text. None only where no verdict was given by
            reading: traced to its source, or confirmed by the author.

    Raises:
        InvalidInputError: The counts contradict one another.
    """

    human: int
    draws: int
    growing: bool = False
    controls: Controls | None = None

    def __post_init__(self) -> None:
        counts(self.human, self.draws)

    def lower(self, delta: float, *, controls_share: float = 0.5) -> float:
        """Return a lower bound of the human share, wrong with probability δ at most.

        Args:
            delta: The probability of being wrong, in (0, 1); already divided where several
                audits or slices are candidates.
            controls_share: Which part of δ goes to the controls, where there are some.

        Raises:
            InvalidInputError: A number is out of its range.
        """
        risk(delta)
        if self.controls is None:
            return self._apparent(delta)
        risk(controls_share)
        apparent = self._apparent(delta * (1 - controls_share))
        errors = self.controls.upper(delta * controls_share, growing=self.growing)
        return less_reader_error(apparent, errors)

    def _apparent(self, delta: float) -> float:
        bound = growing_lowers if self.growing else fixed_lowers
        return float(bound(self.human, self.draws, delta))


def less_reader_error(lower: float, false_human: float) -> float:
    """Return the bound L′ = (L − ε)/(1 − ε), 0 at least, that readers' errors leave.

    Where readers call the share ε of AI text human, they call φ + (1 − φ)ε human of a population
    that is φ human (Rogan and Gladen, American Journal of Epidemiology 107, 1978, with human text
    never called AI, which is the worst case). Solved for φ; it falls as ε grows, so an upper
    bound of ε makes a lower bound of φ.

    Args:
        lower: A bound of the share that is *called* human, in [0, 1].
        false_human: ε, or an upper bound of it, in [0, 1]. At 1 nothing is left.
    """
    return float(less_reader_errors(lower, false_human))


def less_reader_errors(lower: npt.ArrayLike, false_human: npt.ArrayLike) -> Floats:
    """Return `less_reader_error` of arrays, broadcast together."""
    bound, error = np.broadcast_arrays(
        np.asarray(lower, np.float64), np.asarray(false_human, np.float64)
    )
    if not ((bound >= 0) & (bound <= 1) & (error >= 0) & (error <= 1)).all():
        raise InvalidInputError("a bound or an error rate is not between 0 and 1")
    left = np.where(error < 1, 1 - error, 1.0)
    return np.where(error < 1, np.clip((bound - error) / left, 0.0, 1.0), 0.0)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two readers of the same documents agree.

    Attributes:
        documents: How many both have read.
        observed: The share they agree on.
        expected: The share they would agree on by chance, from how often each uses each verdict.
        kappa: Cohen's κ; None where chance alone would make them agree on everything.
    """

    documents: int
    observed: float
    expected: float
    kappa: float | None


def agreement(table: npt.ArrayLike) -> Agreement:
    """Return Cohen's κ of a square table of verdicts, (p_o − p_e)/(1 − p_e).

    Cohen (Educational and Psychological Measurement 20, 1960). "Cannot tell" is a verdict of its
    own. Agreement is not accuracy: two readers who both take AI text for human agree perfectly.
    κ enters no bound.

    Args:
        table: In row i and column j, how many documents the first reader gave verdict i and the
            second verdict j.

    Raises:
        InvalidInputError: It is not square, holds what is no count, or is empty.
    """
    cells = np.asarray(table)
    if cells.ndim != 2 or cells.shape[0] != cells.shape[1] or cells.dtype.kind not in "iu":
        raise InvalidInputError("a table of verdicts is square and holds whole numbers")
    documents = int(cells.sum())
    if (cells < 0).any() or documents == 0:
        raise InvalidInputError("a table of verdicts holds counts, and not only zeros")
    agreed = int(np.trace(cells))
    by_chance = sum(int(a) * int(b) for a, b in zip(cells.sum(0), cells.sum(1), strict=True))
    left = documents**2 - by_chance
    kappa = (agreed * documents - by_chance) / left if left else None
    return Agreement(documents, agreed / documents, by_chance / documents**2, kappa)
