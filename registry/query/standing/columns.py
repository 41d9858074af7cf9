"""One number per document, in as few bytes as they need: none while all are alike."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.core.claim import Numbers

_WIDTHS: Final = (np.int8, np.int16, np.int32, np.int64)


def width(low: int, high: int) -> type[np.signedinteger[Any]]:
    """Return the narrowest type that holds all numbers from `low` to `high`."""
    return next(
        kind for kind in _WIDTHS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max
    )


def constant(value: int, rows: int) -> Numbers:
    """Return one number for each row, which takes no memory and cannot be written to."""
    return np.broadcast_to(width(value, value)(value), (rows,))


class Column:
    """Takes the numbers of a column part by part and gives them as one array.

    It widens as wider numbers come, so the first parts may be copied; memory is what the widest
    of them needs for every row.
    """

    def __init__(self, rows: int) -> None:
        """Start a column of so many rows."""
        self._rows = rows
        self._at = 0
        self._array: Numbers = constant(0, rows)
        self._low = self._high = 0

    def add(self, values: npt.NDArray[np.integer[Any]]) -> None:
        """Append the numbers of the next rows."""
        if not len(values):
            return
        low, high = int(values.min()), int(values.max())
        if self._at:
            low, high = min(low, self._low), max(high, self._high)
        self._low, self._high = low, high
        begin, self._at = self._at, self._at + len(values)
        if low == high:
            self._array = constant(low, self._rows)
            return
        kind = np.promote_types(self._array.dtype, width(low, high))
        if not self._array.flags.writeable:
            wider = np.empty(self._rows, kind)
            wider[:begin] = self._array[:begin]
            self._array = wider
        elif self._array.dtype != kind:
            self._array = self._array.astype(kind)
        self._array[begin : self._at] = values

    def array(self) -> Numbers:
        """Return the column.

        Raises:
            ValueError: It does not have all its rows yet.
        """
        if self._at != self._rows:
            raise ValueError(f"the column has {self._at:,} of {self._rows:,} rows")
        return self._array
