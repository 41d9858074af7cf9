r"""Which rows of a version a mixture holds: a file, delta-coded and compressed.

Row numbers say nothing of a text, so that erasing one leaves these files as they are. A draw of
all rows has no file.

    magic      "firsthand-rows\n\x01", 16 bytes
    header     how many rows, 8 bytes · bytes of a difference, 1, 2, 4 or 8, one byte
    body       zstd: the differences of neighbors, the first one from -1, less one; little-endian
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import pyarrow as pa

from registry.core.contents import Rows
from registry.errors import ConflictError

MAGIC: Final = b"firsthand-rows\n\x01"
_HEADER: Final = struct.Struct("<QB")
_WIDTHS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def encode(rows: Rows) -> bytes:
    """Return the file of some rows, ascending, each once."""
    steps = np.diff(rows, prepend=-1) - 1
    most = int(steps.max(initial=0))
    width = next(width for width in _WIDTHS if most < 1 << (8 * width))
    raw = steps.astype(_WIDTHS[width]).tobytes()
    body = pa.compress(raw, codec="zstd", asbytes=True) if raw else b""
    return MAGIC + _HEADER.pack(len(rows), width) + body


def decode(data: bytes) -> Rows:
    """Return the rows of a file.

    Raises:
        ConflictError: It is no such file.
    """
    try:
        if not data.startswith(MAGIC):
            raise ValueError("another format")
        count, width = _HEADER.unpack_from(data, len(MAGIC))
        kind, body = _WIDTHS[width], data[len(MAGIC) + _HEADER.size :]
        raw = pa.decompress(body, count * width, codec="zstd", asbytes=True) if count else b""
        steps = np.frombuffer(raw, kind)
    except (ValueError, KeyError, OverflowError, struct.error, OSError, pa.ArrowException) as error:
        raise ConflictError(
            "a file of drawn rows cannot be read", hint="restore the storage from a backup"
        ) from error
    rows: Rows = np.cumsum(steps.astype(np.int64) + 1) - 1
    return rows
