"""Which encodings bytes that are not UTF-8 could be in.

Nothing is detected: an encoding that decodes without an error may still be the wrong one, and those
with one byte per character fit almost anything. Therefore they are named, with counts.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from registry import readers
from registry.errors import RegistryError
from registry.readers.files import open_stream

_EAST_ASIAN: Final = ("gb18030", "shift_jis", "euc-jp", "euc-kr", "big5")
_EAST_ASIAN_FROM: Final = 0.3
"""Text in these has at least this share of bytes that are not ASCII; other text, with an accent
here and there, would often be valid in them by chance."""
STRICT: Final = ("utf-16", *_EAST_ASIAN)
"""Encodings in which most bytes are wrong: that one fits says something."""
LOOSE: Final = ("cp1252", "cp1251", "iso8859-2", "koi8-r", "latin-1")
"""Encodings in which almost any bytes are text."""
_READ: Final = 1 << 20
_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def fitting(files: Sequence[readers.SourceFile]) -> dict[str, int]:
    """Return how many files each encoding of the short list decodes without an error.

    The first MiB of each file is looked at.
    """
    found: Counter[str] = Counter()
    for file in files:
        try:
            content = _begin(file)
        except RegistryError:
            continue
        found.update(name for name in (*STRICT, *LOOSE) if _fits(content, name))
    return {name: found[name] for name in (*STRICT, *LOOSE) if found[name]}


def _begin(file: readers.SourceFile) -> bytes:
    chunks: list[bytes] = []
    size = 0
    with open_stream(file) as stream:
        while size < _READ and (chunk := stream.read(_READ - size)):
            chunks.append(chunk)
            size += len(chunk)
    return b"".join(chunks)


def _fits(content: bytes, name: str) -> bool:
    if name == "utf-16" and not content.startswith(_MARKS):
        return False
    if name in _EAST_ASIAN and _not_ascii(content) < _EAST_ASIAN_FROM:
        return False
    try:
        codecs.getincrementaldecoder(name)().decode(content, len(content) < _READ)
    except UnicodeError:
        return False
    return True


def _not_ascii(content: bytes) -> float:
    """Return the share of bytes that are not ASCII."""
    high = int(np.count_nonzero(np.frombuffer(content, np.uint8) & 0x80))
    return high / max(len(content), 1)


def chosen(fits: dict[str, int], files: int) -> str | None:
    """Return the encoding to try for files of which none is UTF-8: one that decodes all of them."""
    return next((name for name in (*STRICT, *LOOSE) if fits.get(name) == files), None)
