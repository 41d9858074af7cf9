"""What the functions of this package accept, checked once and in the same words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from registry.errors import InvalidInputError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MOST_DRAWS = 1 << 40
"""More draws than anybody labels; float arithmetic is exact to well beyond that."""


def counts(human: npt.ArrayLike, draws: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both counts as floats of one shape.

    Raises:
        InvalidInputError: They are no whole numbers, or not 0 ≤ `human` ≤ `draws`.
    """
    found, of = np.broadcast_arrays(_whole(human, "human"), _whole(draws, "draws"))
    if (found < 0).any() or (found > of).any() or (of > MOST_DRAWS).any():
        raise InvalidInputError(
            f"{_shown(found)} of {_shown(of)} is no count, expected 0 ≤ human ≤ draws"
        )
    return found.astype(np.float64), of.astype(np.float64)


def probability(value: float, name: str) -> float:
    """Return a probability from 0 to 1.

    Raises:
        InvalidInputError: It is none.
    """
    if not 0 <= value <= 1:
        raise InvalidInputError(f"`{name}` is {value}, expected 0 to 1")
    return float(value)


def risks(delta: npt.ArrayLike) -> Floats:
    """Return probabilities of being wrong.

    Raises:
        InvalidInputError: One is not strictly between 0 and 1.
    """
    made = np.asarray(delta, np.float64)
    if not ((made > 0) & (made < 1)).all():
        raise InvalidInputError(
            f"`delta` is {_shown(made)}, expected more than 0 and less than 1",
            hint="a confidence of 95 % is a delta of 0.05",
        )
    return made


def risk(delta: float) -> float:
    """Return one probability of being wrong; see `risks`."""
    return float(risks(delta))


def positive(value: int, name: str) -> int:
    """Return a whole number of at least 1.

    Raises:
        InvalidInputError: It is less, or not whole.
    """
    if isinstance(value, bool) or value != int(value) or value < 1:
        raise InvalidInputError(f"`{name}` is {value}, expected a whole number of at least 1")
    return int(value)


def _whole(value: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    made = np.asarray(value)
    if made.dtype.kind not in "iu":
        raise InvalidInputError(f"`{name}` has the type {made.dtype}, expected whole numbers")
    return made


def _shown(values: npt.NDArray[Any]) -> str:
    return str(values) if values.ndim == 0 else f"an array of {values.size:,}"
