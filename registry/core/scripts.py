"""Which script the letters of a text are in, such as Latin, Han or Arabic.

A script is no language: nothing is claimed about that. The table covers the scripts that most
text is in; letters of others count as `Other`.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

OTHER: Final = "Other"
_RANGES: Final[dict[str, tuple[tuple[int, int], ...]]] = {
    "Latin": (
        (0x41, 0x5A), (0x61, 0x7A), (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6),
        (0xF8, 0x2B8), (0x2E0, 0x2E4), (0x1D00, 0x1D25), (0x1D2C, 0x1D5C), (0x1D62, 0x1D65),
        (0x1D6B, 0x1D77), (0x1D79, 0x1DBE), (0x1E00, 0x1EFF), (0x2071, 0x2071), (0x207F, 0x207F),
        (0x2090, 0x209C), (0x212A, 0x212B), (0x2132, 0x2132), (0x214E, 0x214E), (0x2183, 0x2184),
        (0x2C60, 0x2C7F), (0xA722, 0xA787), (0xA78B, 0xA7FF), (0xAB30, 0xAB5A), (0xAB5C, 0xAB64),
        (0xFB00, 0xFB06), (0xFF21, 0xFF3A), (0xFF41, 0xFF5A),
    ),
    "Greek": (
        (0x370, 0x373), (0x376, 0x377), (0x37A, 0x37D), (0x37F, 0x37F), (0x386, 0x386),
        (0x388, 0x3E1), (0x3F0, 0x3FF), (0x1F00, 0x1FFF),
    ),
    "Cyrillic": (
        (0x400, 0x484), (0x487, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F),
    ),
    "Armenian": ((0x531, 0x58A), (0xFB13, 0xFB17)),
    "Hebrew": ((0x591, 0x5F4), (0xFB1D, 0xFB4F)),
    "Arabic": (
        (0x610, 0x61A), (0x620, 0x63F), (0x641, 0x64A), (0x656, 0x66F), (0x671, 0x6FF),
        (0x750, 0x77F), (0x870, 0x8E1), (0x8E3, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE),
    ),
    "Syriac": ((0x700, 0x74F),),
    "Thaana": ((0x780, 0x7BF),),
    "Nko": ((0x7C0, 0x7FF),),
    "Devanagari": ((0x900, 0x950), (0x955, 0x963), (0x966, 0x97F), (0xA8E0, 0xA8FF)),
    "Bengali": ((0x980, 0x9FF),),
    "Gurmukhi": ((0xA00, 0xA7F),),
    "Gujarati": ((0xA80, 0xAFF),),
    "Oriya": ((0xB00, 0xB7F),),
    "Tamil": ((0xB80, 0xBFF),),
    "Telugu": ((0xC00, 0xC7F),),
    "Kannada": ((0xC80, 0xCFF),),
    "Malayalam": ((0xD00, 0xD7F),),
    "Sinhala": ((0xD80, 0xDFF),),
    "Thai": ((0xE01, 0xE3A), (0xE40, 0xE5B)),
    "Lao": ((0xE80, 0xEFF),),
    "Tibetan": ((0xF00, 0xFFF),),
    "Myanmar": ((0x1000, 0x109F), (0xA9E0, 0xA9FE), (0xAA60, 0xAA7F)),
    "Georgian": ((0x10A0, 0x10FA), (0x10FC, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2D)),
    "Hangul": (
        (0x1100, 0x11FF), (0x302E, 0x302F), (0x3131, 0x318E), (0xA960, 0xA97F), (0xAC00, 0xD7A3),
        (0xD7B0, 0xD7FF), (0xFFA0, 0xFFDF),
    ),
    "Ethiopic": ((0x1200, 0x139F), (0x2D80, 0x2DDF), (0xAB01, 0xAB2E)),
    "Cherokee": ((0x13A0, 0x13FF), (0xAB70, 0xABBF)),
    "Canadian_Aboriginal": ((0x1400, 0x167F), (0x18B0, 0x18FF)),
    "Khmer": ((0x1780, 0x17FF),),
    "Mongolian": ((0x1807, 0x18AF),),
    "Hiragana": ((0x3041, 0x3096), (0x309D, 0x309F)),
    "Katakana": (
        (0x30A1, 0x30FA), (0x30FD, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF6F), (0xFF71, 0xFF9D),
    ),
    "Bopomofo": ((0x2EA, 0x2EB), (0x3105, 0x312F), (0x31A0, 0x31BF)),
    "Han": (
        (0x3005, 0x3005), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x323AF),
    ),
}  # fmt: skip
NAMES: Final = (OTHER, *_RANGES)
_CHUNK: Final = 1 << 20

Counts = npt.NDArray[np.int64]


def count(data: npt.NDArray[np.uint8]) -> Counts:
    """Return how many letters of UTF-8 text are in each script of `NAMES`.

    Args:
        data: Valid UTF-8; what is not is passed over.
    """
    totals = np.zeros(len(NAMES) + 1, np.int64)
    start = 0
    while start < len(data):
        end = min(start + _CHUNK, len(data))
        # A character is not cut: bytes that continue one stay with it.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
        text = data[start:end].tobytes().decode("utf-8", "ignore")
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        totals += np.bincount(_table()[codes], minlength=len(totals))
        start = end
    return totals[1:]


def script_of(character: str) -> str | None:
    """Return the script of a letter or its marks, or None for other characters."""
    index = int(_table()[ord(character)])
    return NAMES[index - 1] if index else None


@cache
def _table() -> npt.NDArray[np.uint8]:
    """Return, for each code point, one more than the index of its script, or 0 for no letter."""
    table = np.zeros(0x110000, np.uint8)
    for index, ranges in enumerate(_RANGES.values(), start=2):
        for first, last in ranges:
            if first >= 0x3400 and last - first > 1000:
                table[first : last + 1] = index
                continue
            for code in range(first, last + 1):
                if unicodedata.category(chr(code))[0] in "LM":
                    table[code] = index
    for code in range(0x80, 0x20000):
        if not table[code] and unicodedata.category(chr(code))[0] == "L":
            table[code] = 1
    return table
