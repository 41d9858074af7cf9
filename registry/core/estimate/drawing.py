"""Which units an audit looks at: drawn by weight, exactly, and repeatable by anybody.

A unit is one byte, word, token or document, whatever the human share is measured in. Units are
numbered from 0 through the documents in their committed order, and draws fall on all units
alike, so a document is met as often as it weighs. Auditors of accounts call this monetary-unit
sampling (AICPA, Audit Guide: Audit Sampling). With n draws the number that meets human text is
then binomial with exactly the human share, whatever the lengths of the documents and wherever
the text of models stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from registry.core.estimate.arguments import Integers, positive
from registry.errors import InvalidInputError

ROOT_BYTES: Final = 32
_UNIT: Final = b"firsthand unit v1\n"
_SHUFFLE: Final = b"firsthand shuffle v1\n"
_SCALE: Final = 256
"""How many bits a pseudo-random number has."""
_WORD: Final = 1 << 64

Weights = npt.NDArray[np.integer[Any]] | npt.NDArray[np.object_] | Sequence[int]


def audit_seed(root: bytes, nonce: bytes) -> bytes:
    """Return the seed of a draw, SHA-256(root ‖ nonce), 32 bytes.

    The root fixes the documents and their order, and the nonce must become public only after it:
    otherwise whoever assembles could try manifests until the sample looks clean. That the nonce
    is younger is not checked here, nor that this was the only draw.

    Args:
        root: The root of the manifest, 32 bytes.
        nonce: What a witness, a beacon or a buyer said, as bytes; not empty.

    Raises:
        InvalidInputError: The root has another length, or the nonce is empty.
    """
    if len(root) != ROOT_BYTES:
        raise InvalidInputError(f"the root has {len(root)} bytes, expected {ROOT_BYTES}")
    if not nonce:
        raise InvalidInputError("the nonce is empty", hint="a draw without one can be chosen")
    return hashlib.sha256(root + nonce).digest()


def draw_units(seed: bytes, total: int, draws: int, *, first: int = 1) -> list[int]:
    """Draw units with replacement: u_j = floor(total · PRF(seed, j)), j counting from `first`.

    PRF(seed, j) = SHA-256("firsthand unit v1", a line feed, seed, j as 8 bytes, big-endian) divided
    by 2^256: a counter fed to a hash, as the samplers of election audits do (Rivest; Stark).
    Everything is computed in whole numbers: floats cannot tell units apart beyond 2^53. Two units
    differ in probability by at most 2^-256. An audit that grows continues with a higher `first`.

    Args:
        seed: From `audit_seed`.
        total: How many units there are.
        draws: How many to draw.
        first: The number of the first draw, from 1.

    Returns:
        Units from 0 to total - 1 in the order of the draw; one may come more than once, and
        counts each time.

    Raises:
        InvalidInputError: There is nothing to draw from, or a number is below its range.
    """
    positive(total, "total")
    positive(first, "first")
    if draws < 0:
        raise InvalidInputError(f"`draws` is {draws}, expected 0 or more")
    start = hashlib.sha256(_UNIT + seed)
    return [(total * _number(start, at)) >> _SCALE for at in range(first, first + draws)]


def draw_without_replacement(seed: bytes, population: int, draws: int) -> list[int]:
    """Draw different members of a small population, all alike, for `small_lower`.

    A Fisher–Yates shuffle (Knuth, The Art of Computer Programming, volume 2, algorithm P) that
    stops after `draws` swaps; the numbers are those of `draw_units` under another prefix. Fewer
    draws with the same seed are a prefix of more. Members are met regardless of their weight:
    what is said about the sample holds for a share of *members*, not of bytes.

    Args:
        seed: From `audit_seed`.
        population: How many members there are.
        draws: How many to draw.

    Raises:
        InvalidInputError: There are fewer members than draws.
    """
    if not 0 <= draws <= population:
        raise InvalidInputError(
            f"cannot draw {draws:,} of {population:,} without replacement",
            hint="look at all of them",
        )
    start = hashlib.sha256(_SHUFFLE + seed)
    moved: dict[int, int] = {}
    drawn = []
    for at in range(draws):
        other = at + (((population - at) * _number(start, at + 1)) >> _SCALE)
        drawn.append(moved.get(other, other))
        moved[other] = moved.pop(at, at)
    return drawn


def _number(start: Any, at: int) -> int:
    """Return the pseudo-random number of a counter, from 0 to 2^256 - 1."""
    hasher = start.copy()
    hasher.update(at.to_bytes(8, "big"))
    return int.from_bytes(hasher.digest(), "big")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where drawn units are.

    Attributes:
        documents: The position of the document that contains each unit.
        offsets: Which unit of that document it is, from 0: in a document of several fields, it
            tells the field.
    """

    documents: Integers
    offsets: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The units of documents in their committed order.

    Attributes:
        ends: Where each document ends: its own weight and all before it. Unsigned integers of 64
            bits, or Python integers where those could not hold the sum.
    """

    ends: npt.NDArray[Any]

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """Cumulate the weights of documents, exactly.

        Args:
            weights: One whole number for each document, 0 or more. What weighs nothing is never
                drawn.

        Raises:
            InvalidInputError: A weight is negative or not whole.
        """
        # From a list, numpy would make floats of what needs more than 63 bits.
        given = weights if isinstance(weights, np.ndarray) else np.array(weights, np.object_)
        if given.dtype.kind not in "iuO" or given.ndim != 1:
            raise InvalidInputError("weights are whole numbers, one for each document")
        if given.dtype == np.object_ and not all(isinstance(weight, int) for weight in given):
            raise InvalidInputError("weights are whole numbers, one for each document")
        if len(given) and given.min() < 0:
            raise InvalidInputError(f"a document weighs {given.min()}, expected 0 or more")
        largest = int(given.max()) if len(given) else 0
        if largest * len(given) < _WORD or _exact_total(given) < _WORD:
            return cls(np.cumsum(given.astype(np.uint64), dtype=np.uint64))
        return cls(np.cumsum(given.astype(np.object_)))

    @property
    def total(self) -> int:
        """Return how many units there are."""
        return int(self.ends[-1]) if len(self.ends) else 0

    def find(self, units: Iterable[int]) -> Found:
        """Return the documents that contain units, in the order of the units.

        Raises:
            InvalidInputError: There is no such unit.
        """
        wanted = list(units)
        if wanted and not 0 <= min(wanted) <= max(wanted) < self.total:
            raise InvalidInputError(f"there are {self.total:,} units, one outside was asked for")
        # A signed and an unsigned array would meet as floats.
        documents = np.searchsorted(self.ends, np.array(wanted, self.ends.dtype), side="right")
        offsets = [
            unit - (int(self.ends[document - 1]) if document else 0)
            for unit, document in zip(wanted, documents.tolist(), strict=True)
        ]
        return Found(documents.astype(np.int64), offsets)


def _exact_total(weights: npt.NDArray[Any]) -> int:
    if weights.dtype == np.object_:
        return sum(weights.tolist())
    wide = weights.astype(np.uint64)
    high, low = wide >> np.uint64(32), wide & np.uint64(0xFFFFFFFF)
    return (int(high.sum()) << 32) + int(low.sum())
