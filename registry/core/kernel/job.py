"""What the kernel is told and what it answers; known without loading it."""

from __future__ import annotations

from typing import Final

import numpy as np

SKETCH: Final = 0
BAND_KEYS: Final = 1

DONE: Final = 0
MORE_TEXT: Final = 1
MORE_PASSAGES: Final = 2

JOB: Final = np.dtype(
    [
        # `SKETCH`, or `BAND_KEYS` of signatures that were stored.
        ("task", "i8"),
        # What is read: the documents, of which the last bytes are read from a copy, …
        ("data", "i8"), ("tail", "i8"), ("size", "i8"), ("offsets", "i8"), ("documents", "i8"),
        # … the table of characters (see `registry.core.sketch`), …
        ("pages", "i8"), ("page_count", "i8"), ("entries", "i8"),
        # … and the permutations, of which `width` fill whole `LANES`.
        ("factors", "i8"), ("terms", "i8"), ("permutations", "i8"), ("width", "i8"),
        ("bands", "i8"), ("rows", "i8"), ("window", "i8"), ("every", "i8"),
        # What is written, a row for each document: `counts` says how many passages it has.
        ("signatures", "i8"), ("tokens", "i8"), ("keys", "i8"), ("counts", "i8"),
        ("passages", "i8"), ("passages_size", "i8"),
        # Scratch memory: the text of a piece, where its tokens end, hashes and what comes of them.
        ("text", "i8"), ("text_size", "i8"), ("edges", "i8"), ("taken", "i8"),
        ("hashes", "i8"), ("mixed", "i8"), ("passed", "i8"), ("least", "i8"), ("minima", "i8"),
        # Where the work goes on after it stopped for more memory: which document, whether it is
        # begun, what is read of it and what of it the scratch memory holds, …
        ("document", "i8"), ("begun", "i8"), ("position", "i8"),
        ("filled", "i8"), ("words", "i8"), ("running", "i8"), ("carried", "i8"), ("waiting", "i8"),
        # … how many tokens it has had, whether a window of it was full, how many passages there
        # are, and how many there were before it.
        ("total", "i8"), ("winnowed", "i8"), ("found", "i8"), ("before", "i8"),
    ]
)  # fmt: skip
"""Addresses and numbers. What is not said is zero."""

LANES: Final = 128
"""How many permutations are made at once; their registers hold all of their numbers."""

PIECE: Final = 2048
"""How many tokens are looked at in one step: their hashes and minima stay in a core's cache."""

TEXT: Final = 24 * 1024
"""How large the text of a piece is to begin with."""

SPARE: Final = PIECE + 256
"""Room for what comes of one piece; passages need that and their window at all times."""


def workspace(window: int, width: int) -> tuple[dict[str, int], int]:
    """Return where in the scratch memory each part of it begins, and how many bytes it needs."""
    sizes = {
        "edges": 4 * SPARE,
        "taken": 4 * 64,
        "hashes": 8 * SPARE,
        "mixed": 4 * SPARE,
        "passed": 8 * (SPARE + window),
        "least": 8 * (SPARE + window),
        "minima": 4 * width,
    }
    places, end = {}, 64
    for name, size in sizes.items():
        # What is before and behind a part is read and written too.
        places[name], end = end, end + (size + 127) // 64 * 64
    return places, end + 64
