"""What several bounds say about a mixture of their populations, and what it hangs on.

A mixture is chosen after its audits were seen, so bounds must hold *at once*: δ is divided by the
number of candidates (Bonferroni; Dunn, Journal of the American Statistical Association 56, 1961),
whether or not they were chosen. Pooling the draws of what was chosen is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from registry.core.estimate.arguments import positive, probability, risk
from registry.errors import InvalidInputError, NotFoundError


def divided(delta: float, *, candidates: int = 1, slices: int = 1) -> float:
    """Return the δ that each bound gets when all of them are to hold at once.

    Args:
        delta: The probability that any bound is wrong, in (0, 1).
        candidates: How many audited populations could have been chosen, chosen or not.
        slices: How many slices of each could have been chosen (languages, domains, licenses, …),
            including the whole if that is a choice. Slices that are unions of others need not
            be counted where the bound of the union is composed of theirs.

    Raises:
        InvalidInputError: A number is out of its range.
    """
    return risk(delta) / (positive(candidates, "candidates") * positive(slices, "slices"))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a mixture and what is known about it.

    Args:
        name: What it is called in a sentence.
        weight: How much of it is in the mixture, 0 or more units.
        lower: The lower bound of its human share in [0, 1]; for what nobody audited or asserted
            it is 0.
        asserted: Whether `lower` is somebody's word and not a bound.

    Raises:
        InvalidInputError: A number is out of its range.
    """

    name: str
    weight: int
    lower: float
    asserted: bool = False

    def __post_init__(self) -> None:
        probability(self.lower, "lower")
        if self.weight < 0:
            raise InvalidInputError(f"`{self.name}` weighs {self.weight}, expected 0 or more")

    @property
    def human(self) -> Fraction:
        """Return the human weight that is promised, exactly."""
        return self.weight * Fraction(self.lower)


@dataclass(frozen=True, slots=True)
class Composition:
    """What the bounds of parts say about all of them together: Σ ω_s L_s.

    It holds with the confidence with which all parts' bounds hold at once, see `divided`. Sums are
    rational numbers: nothing is rounded in its favor.
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names):
            raise InvalidInputError("two parts of a mixture have one name")

    @property
    def weight(self) -> int:
        """Return what all parts weigh."""
        return sum(part.weight for part in self.parts)

    @property
    def lower(self) -> Fraction:
        """Return the bound; *conditional* on the assertions, if there are any."""
        return self._share(sum(part.human for part in self.parts))

    @property
    def audited(self) -> Fraction:
        """Return the bound with every assertion counted as 0."""
        return self._share(sum(part.human for part in self.parts if not part.asserted))

    @property
    def conditional(self) -> bool:
        """Return whether the bound needs an assertion."""
        return self.lower > self.audited

    def keeps(self, share: Fraction) -> bool:
        """Return whether the bound is at least this share, exactly; nothing keeps any share."""
        return self.weight == 0 or self.lower >= share

    def lower_if(self, assertions: Mapping[str, float]) -> Fraction:
        """Return the bound if assertions are only worth so much.

        Args:
            assertions: The share of each part to suppose, in [0, 1], by its name.

        Raises:
            NotFoundError: No part is called so.
            InvalidInputError: The part was audited, not asserted, or the share is none.
        """
        for name in assertions:
            self._asserted(name)
        return self._share(
            sum(
                part.weight * Fraction(probability(assertions.get(part.name, part.lower), "share"))
                for part in self.parts
            )
        )

    def least_assertion(self, name: str, share: Fraction) -> Fraction | None:
        """Return how low an assertion may be with the bound still at a share.

        Args:
            name: The part that is asserted; all others stay as they are.
            share: The human share to keep.

        Returns:
            The least share of that part, 0 where the mixture does not need it, None where not
            even 1 would be enough.

        Raises:
            NotFoundError: No part is called so.
            InvalidInputError: The part was audited, not asserted.
        """
        part = self._asserted(name)
        needed = share * self.weight - (sum(part.human for part in self.parts) - part.human)
        if needed <= 0:
            return Fraction(0)
        return needed / part.weight if needed <= part.weight else None

    def slope(self, name: str) -> Fraction:
        """Return what the bound loses for each unit of share that a part is wrong by: ω_s.

        Raises:
            NotFoundError: No part is called so.
        """
        return self._share(Fraction(self._part(name).weight))

    def _share(self, human: Fraction | int) -> Fraction:
        return Fraction(human) / self.weight if self.weight else Fraction(0)

    def _part(self, name: str) -> Part:
        for part in self.parts:
            if part.name == name:
                return part
        raise NotFoundError(f"the mixture has no part `{name}`")

    def _asserted(self, name: str) -> Part:
        part = self._part(name)
        if not part.asserted:
            raise InvalidInputError(f"`{name}` is not asserted, its share is a bound")
        return part


def compose(parts: Sequence[Part]) -> Composition:
    """Return what bounds of parts say about all of them together."""
    return Composition(tuple(parts))
