"""Why a match matters, and which reasons fail a check."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from registry.core.contents import Mask
from registry.matching import Kind


class Reason(IntEnum):
    """Why a match is told of, the gravest first."""

    EVALUATION = 0
    """It is with an item of an evaluation set."""
    AI = 1
    """It is with a text that some live claim says a model wrote, or had a hand in."""
    KNOWN = 2
    """The document is registered already, equal or nearly so: it would be lost as a duplicate."""
    SHARED = 3
    """It shares a passage with a document that is none of these."""

    def __str__(self) -> str:
        """Return the word for it."""
        return self.name.lower()


FAILURES: Final = {
    "contamination": (Reason.EVALUATION, Reason.AI),
    "loss": (Reason.KNOWN,),
}
"""What `--fail-on` can name."""


def reasons(kinds: npt.NDArray[np.int8], by_model: Mask, evaluation: Mask) -> npt.NDArray[np.int8]:
    """Return the reason of each match.

    Args:
        kinds: How each matches.
        by_model: Whether anybody says that a model had a hand in the document.
        evaluation: Whether it is of an evaluation set.
    """
    found = np.where(kinds == Kind.PASSAGE, Reason.SHARED, Reason.KNOWN)
    found = np.where(by_model, Reason.AI, found)
    return np.where(evaluation, Reason.EVALUATION, found).astype(np.int8)
