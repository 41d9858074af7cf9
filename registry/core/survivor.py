"""Which of several alike documents stays: the order of survivors, and who goes for whom.

The order is total: protected first; then the better evidence grade, the earlier date, the less
cautious origin, the longer text, and at last the document that was registered first. Going through
all texts in it, a text stays unless one that stays already is near it. So every text that goes has
a near one that stays and comes before it in the order: nothing goes because of a chain of texts
that hang together, and what is protected never goes in favor of what is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RULE: Final = "survivor/v1"

Places = npt.NDArray[np.int64]
Column = npt.NDArray[np.signedinteger[Any]]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]


class Reason(StrEnum):
    """What decided that one document stays and another goes: the first thing they differ in."""

    PROTECTED = "protected"
    GRADE = "grade"
    DATE = "date"
    ORIGIN = "origin"
    LENGTH = "length"
    ORDER = "order"


REASONS: Final = tuple(Reason)


@dataclass(frozen=True, slots=True)
class Merits:
    """What the order of survivors goes by, for documents in the order of their registration.

    Attributes:
        protected: Whether the document is of a protected version.
        grades: How hard its date is to forge, as a number: more is better.
        not_after: When it existed, microseconds since 1970 UTC; the largest number for no date.
        origins: The caution rank of its origin.
        sizes: The bytes of its text.
    """

    protected: Mask
    grades: Column
    not_after: Column
    origins: Column
    sizes: Column

    def order(self) -> Places:
        """Return the places of all documents, the one that is kept before all others first."""
        keys = (-self.sizes.astype(np.int64), self.origins, self.not_after, -self.grades)
        return np.lexsort((*keys, ~self.protected))

    def reasons(self, kept: Places, removed: Places) -> Codes:
        """Return for pairs of documents why the first one stays: the place in `REASONS`."""
        reasons = np.full(len(kept), REASONS.index(Reason.ORDER), np.int8)
        columns = (self.protected, self.grades, self.not_after, self.origins, self.sizes)
        for code, column in reversed(list(enumerate(columns))):
            reasons[column[kept] != column[removed]] = code
        return reasons


class Choice:
    """Decides which texts stay, from the pairs of near ones.

    Texts are numbered by the order of survivors, the best one 0. Memory: a byte for each.

    Args:
        texts: How many numbers there are.
    """

    def __init__(self, texts: int) -> None:
        self._kept = bytearray(b"\1") * texts

    def add(self, worse: Places, better: Places) -> Places:
        """Take the next pairs, which come ordered by `worse`, then by `better`.

        Args:
            worse: The text of each pair that comes later in the order.
            better: The other one.

        Returns:
            The pairs, by their places, because of which the worse text goes. There is one for each
            text that goes: the one with the best of those that stay.
        """
        kept, decisive = self._kept, []
        # What becomes of a pair depends on all pairs before it.
        for at, (one, other) in enumerate(zip(worse.tolist(), better.tolist(), strict=True)):
            if kept[one] and kept[other]:
                kept[one] = 0
                decisive.append(at)
        return np.array(decisive, np.int64)

    @property
    def kept(self) -> Mask:
        """Return which texts stay, as far as the pairs are known."""
        return np.frombuffer(self._kept, np.bool_)
