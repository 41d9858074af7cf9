"""What reads texts again, for those who need some; `registry.query.texts.reading` makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.db.models import DatasetVersion, Location

Again = Callable[[DatasetVersion, Location, npt.NDArray[np.int64]], Iterator[pa.Array]]
"""Gives texts of a version once more: those of some rows of one of its locations, ascending.

Each is compared with what was registered; where no place has one, it raises `ConflictError`.
"""
