"""How a process that reads much holds its memory."""

from __future__ import annotations

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_KEPT: Final = 1 << 30


def keep_freed() -> None:
    """Let the C library use freed memory again instead of giving it back to the system.

    Arrays of a few megabytes come and go with every batch. A page that the system has to give
    anew costs more than filling it. This is for whole programs, which end soon: a library must not
    decide it for others.

    Where the C library is another than glibc, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, _KEPT)
    mallopt(_TRIM_THRESHOLD, 2 * _KEPT - 1)
