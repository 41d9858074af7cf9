"""How much of each source may go: exact fractions, because a budget is kept or it is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from registry.core.dataset import DatasetRef
from registry.errors import InvalidInputError
from registry.query.compared import Side

USUAL: Final = Fraction(1, 5)
"""Which share of the documents of a source may go, unless something else is said."""
PROTECTED: Final = Fraction(1, 100)
"""The same of a protected version."""
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%|(0(?:\.[0-9]{1,8})?|1(?:\.0{1,8})?)")

Budgets = Mapping[DatasetRef, Fraction]


def parse(texts: Sequence[str]) -> dict[DatasetRef, Fraction]:
    """Read budgets written as `REF=5%` or `REF=0.05`.

    Raises:
        InvalidInputError: One is written in another way, above 100 %, or given twice.
    """
    budgets: dict[DatasetRef, Fraction] = {}
    for text in texts:
        name, equals, share = text.rpartition("=")
        match = _SHARE.fullmatch(share.strip())
        if not equals or match is None or (match[1] and Fraction(match[1]) > 100):
            raise InvalidInputError(
                f"`{text}` is not a budget", hint="write it as in `forum=5%` or `forum@2=0.05`"
            )
        ref = DatasetRef.parse(name.strip())
        if ref in budgets:
            raise InvalidInputError(
                f"the budget of `{ref.short}` is given twice", hint="give it once"
            )
        budgets[ref] = Fraction(match[1]) / 100 if match[1] else Fraction(match[2])
    return budgets


def of(sides: Sequence[Side], protected: Sequence[bool], given: Budgets) -> list[Fraction]:
    """Return the budget of each source.

    Args:
        sides: The sources.
        protected: Which of them are protected.
        given: What was asked for, by name; a name without a version means the one that is used.

    Raises:
        InvalidInputError: A name is of none of the sources, or of several, or one source has two.
    """
    budgets = [PROTECTED if safe else USUAL for safe in protected]
    taken: dict[int, DatasetRef] = {}
    for ref, budget in given.items():
        meant = [at for at, side in enumerate(sides) if ref in (side.ref, side.ref.dataset)]
        if len(meant) != 1:
            known = ", ".join(f"`{side.ref.short}`" for side in sides[:10])
            what = "none of the sources" if not meant else "several of the sources"
            raise InvalidInputError(
                f"the budget of `{ref.short}` is for {what}", hint=f"the sources are {known}"
            )
        (at,) = meant
        if at in taken:
            raise InvalidInputError(
                f"`{sides[at].ref.short}` has two budgets, as `{taken[at].short}` and as "
                f"`{ref.short}`",
                hint="give one of them",
            )
        taken[at], budgets[at] = ref, budget
    return budgets


def decimal(share: Fraction) -> str:
    """Return a budget as a decimal fraction, exactly."""
    whole, rest = divmod(share.numerator * 10**10 // share.denominator, 10**10)
    return f"{whole}.{rest:010d}".rstrip("0").rstrip(".")


def exceeded(removed: int, documents: int, budget: Fraction) -> bool:
    """Return whether more documents of a source go than its budget lets go."""
    return removed > budget * documents
