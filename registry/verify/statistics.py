"""Recompute the statistics of a footer from the rows that are really there.

Engines skip row groups by them: with an edited minimum, a full read is right and
`year < 2020` finds nothing.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import VerificationError
from registry.verify.footer import INT64, Chunk, number

_TEXTS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


class ChunkStatistics:
    """What the rows of one column chunk really add up to, batch by batch."""

    def __init__(self, chunk: Chunk) -> None:
        """Compute only what the footer states."""
        self._chunk = chunk
        self._nulls = 0
        self._low: int | bytes | None = None
        self._high: int | bytes | None = None
        self._seen: set[Any] | None = None if chunk.statistics.distinct is None else set()

    def add(self, column: pa.Array) -> None:
        """Append the values of a batch."""
        self._nulls += column.null_count
        if pa.types.is_dictionary(column.type):
            used = pc.unique(column.indices).drop_null()
            column = column.dictionary.take(used)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        elif any(test(column.type) for test in _TEXTS):
            column = column.cast(pa.large_string()).view(pa.large_binary())
        stated = self._chunk.statistics
        if stated.minimums or stated.maximums:
            found = pc.min_max(column)
            low, high = found["min"].as_py(), found["max"].as_py()
            if low is not None:
                self._low = low if self._low is None else min(self._low, low)
                self._high = high if self._high is None else max(self._high, high)
        if self._seen is not None:
            self._seen.update(pc.unique(column).drop_null().to_pylist())

    def check(self) -> None:
        """Compare with the footer.

        Raises:
            VerificationError: `E_STATISTICS`.
        """
        stated = self._chunk.statistics
        if stated.nulls is not None and stated.nulls != self._nulls:
            raise self._wrong("null count", f"{stated.nulls}, counted {self._nulls}")
        if self._seen is not None and stated.distinct != len(self._seen):
            raise self._wrong("distinct count", f"{stated.distinct}, counted {len(self._seen)}")
        for raw in stated.minimums:
            self._bound(raw, self._low, "minimum", exact=stated.exact_min)
        for raw in stated.maximums:
            self._bound(raw, self._high, "maximum", exact=stated.exact_max)

    def _bound(self, raw: bytes, real: int | bytes | None, what: str, *, exact: bool) -> None:
        """Accept the real bound, or for bytes not called exact one that is wider: those get cut."""
        said: Any = number(raw) if self._chunk.physical == INT64 else raw
        if real is None:
            raise self._wrong(what, "a value, but there is none")
        if said == real:
            return
        wider = said < real if what == "minimum" else said > real
        if exact or self._chunk.physical == INT64 or not wider:
            raise self._wrong(what, "another value than the rows have")

    def _wrong(self, what: str, found: str) -> VerificationError:
        return VerificationError(
            f"the footer states a wrong {what} for `{self._chunk.column}`: {found}",
            code="E_STATISTICS",
            hint="queries with filters would miss rows; get the shard from the signer again",
        )
