"""The lower-case table of `sketch/v1` is Unicode's.

Run as a program, this file writes `registry/core/case_table.py`.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

import regex
from regex import _regex

from registry.core import case_table, sketch, words
from tests.core.test_words import ASSIGNED, assigned_in_regex

# The package leaves these two to the settings for Turkish; UnicodeData.txt maps both to i.
TURKISH: Final = {0x49: 0x69, 0x130: 0x69}


@cache
def mapping_of_regex() -> dict[int, int]:
    """Return the simple lower-case mappings, from what the `regex` package knows of Unicode.

    It has no such property, but it knows which code points change when lower-cased and which ones
    differ by case only. Of those that differ from a code point that changes, its mapping is the one
    that does not; of several, the one to which all of them are folded.
    """
    every = "".join(map(chr, range(0x110000)))
    changing = {ord(found[0]) for found in regex.finditer(r"\p{Changes_When_Lowercased}", every)}
    mapping = dict(TURKISH)
    for point in sorted(changing - set(TURKISH)):
        others = [other for other in _regex.get_all_cases(0, point) if other not in changing]
        if len(others) > 1:
            folded = ord(_regex.fold_case(regex.IGNORECASE | regex.UNICODE, chr(point)))
            others = [other for other in others if other == folded]
        (mapping[point],) = others
    return mapping


def test_the_table_is_what_unicode_says() -> None:
    ours, theirs = sketch.lower_case(), mapping_of_regex()
    if assigned_in_regex() == ASSIGNED:
        assert ours == theirs
        assert table_module() == Path(case_table.__file__).read_text("utf-8")
    else:
        # A later Unicode only adds pairs; ours stays as the page's digest has it.
        assert ours.items() <= theirs.items()
    assert case_table.UNICODE_VERSION == words.UNICODE_VERSION


def test_the_page_has_the_digest_of_the_table() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sketch-v1.md").read_text("utf-8")
    lines = "".join(f"{one:X};{two:X}\n" for one, two in sorted(sketch.lower_case().items()))
    count, digest = re.findall(r"has ([\d,]+) lines and the SHA-256\s+`(\w{64})`", page)[0]
    assert int(count.replace(",", "")) == lines.count("\n")
    assert digest == hashlib.sha256(lines.encode()).hexdigest()


def test_the_table_agrees_with_python_on_what_python_knows() -> None:
    # `str.lower` of one letter is its simple mapping, but for the i with a dot: that becomes two.
    lower = sketch.lower_case()
    for point in range(0x110000):
        if unicodedata.category(chr(point)) not in ("Cn", "Cs"):
            assert chr(lower.get(point, point)) == chr(point).lower()[0], hex(point)


def test_lower_case_never_makes_or_breaks_a_word() -> None:
    kinds = words.kinds()
    for before, after in sketch.lower_case().items():
        assert kinds[before] == kinds[after]
        # What the kernel XORs into a character: the first byte of four is never touched.
        assert (len(chr(before).encode()) == 4) == (len(chr(after).encode()) == 4)


def test_every_entry_of_the_packed_table_says_what_becomes_of_its_character() -> None:
    pages, entries = sketch._characters()
    lower = sketch.lower_case()
    kinds = words.kinds()
    for point in range(0x110000):
        entry = int(entries[64 * int(pages[point >> 6]) + (point & 63)])
        assert entry >> 27 == kinds[point]
        if kinds[point]:
            before = chr(point).encode()
            change = (entry & 0xFFFFFF) << (8 if len(before) == 4 else 0)
            after = int.from_bytes(before, "little") ^ change
            length = entry >> 24 & 7
            assert after.to_bytes(4, "little")[:length].decode() == chr(lower.get(point, point))
        else:
            assert entry == 0


def table_module() -> str:
    """Return the text of `registry/core/case_table.py`."""
    left = mapping_of_regex()
    parts = []
    while left:
        first = min(left)
        runs = []
        for step in (1, 2):
            last = first
            while left.get(last + step, 0) - left[first] == last + step - first:
                last += step
            runs.append((last - first) // step + 1)
        step = 1 if runs[0] >= runs[1] else 2
        last = first + step * (max(runs) - 1)
        span = f"{first:X}" if first == last else f"{first:X}-{last:X}"
        parts.append(f"{span}{'/2' if step == 2 else ''}>{left[first]:X}")
        for point in range(first, last + 1, step):
            del left[point]
    table = textwrap.fill(" ".join(parts), 100, break_on_hyphens=False)
    return f'''"""The simple lower-case mappings of `sketch/v1`, as ranges of hexadecimal numbers.

Made from the Unicode Character Database by `tests/core/test_sketch_tables.py`, which also checks
it. The definition is in `docs/sketch-v1.md`; it never changes, so this never does.
"""

from __future__ import annotations

from typing import Final

UNICODE_VERSION: Final = "18.0.0"

# `41-5A>61` maps U+0041 to U+0061 and so on up to U+005A; `/2` means every second code point.
LOWER: Final = """
{table}
"""
'''


if __name__ == "__main__":
    assert assigned_in_regex() == ASSIGNED, "the installed `regex` has another Unicode version"
    target = Path(sketch.__file__).with_name("case_table.py")
    target.write_text(table_module(), encoding="utf-8")
