"""`words/v1` in the code, in its table and in `docs/words-v1.md` are one and the same.

Run as a program, this file writes `registry/core/word_table.py`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import textwrap
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from registry.core import word_table, words

ROOT: Final = Path(__file__).resolve().parents[2]
REAL: Final = ROOT.parent / "shared" / "data"
PAGE: Final = (ROOT / "docs" / "words-v1.md").read_text("utf-8")
# How many code points Unicode 18.0.0 assigns, private use and surrogates included.
ASSIGNED: Final = 312_389

# Each kind, each length in UTF-8, and neighbors of the ranges' edges.
EDGES: Final = (
    "aZ09 _'@[`{/:~\u00e9\u0301\u200c\u0663\u060c\u07ff\u0800\u0939\u094d\u0e01\u0e48\u0e3f\u0eb2\u1019"
    "\u1781\u2019\ufe0f\u3007\u3099\u30fc\u30fb\u304b\uff70\u4dc0\u4e00\u4fff\u5000\u9fff\ua000\ud55c\uffff"
    "\U00010000\U0001f600\U0001fbf0\U00020bb7\U000e0100\U0010ffff"
)
documents = st.lists(st.one_of(st.text(), st.text(EDGES), st.text("ab \u00e9\u4e2d")))


def batch(texts: Sequence[str], *, before: bytes = b"") -> tuple[Any, Any]:
    """Lay texts out as Arrow does, after bytes that belong to none of them."""
    parts = [text.encode() for text in texts]
    data = np.frombuffer(before + b"".join(parts) + b"tail", dtype=np.uint8)
    return data, np.cumsum([len(before), *map(len, parts)], dtype=np.int64)


def counted(texts: Sequence[str]) -> list[int]:
    return list(map(int, words.count(*batch(texts))))


@cache
def recipe() -> dict[str, Any]:
    """Run the code of the page."""
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, names)
    return names


def rows(*columns: str) -> Iterator[list[str]]:
    """Yield the rows of the page's table that has these columns."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line == f"| {' | '.join(columns)} |":
            assert next(lines).startswith("| ---")
            break
    for line in lines:
        if not line.startswith("|"):
            break
        yield [cell.strip().strip("`") for cell in line.strip("|").split(" |")]


def kinds_of_regex() -> npt.NDArray[np.uint8]:
    """Return the kind of every code point as the `regex` package has it."""
    every = "".join(map(chr, range(0x110000)))
    kinds = np.zeros(0x110000, dtype=np.uint8)
    for kind, pattern in ((1, recipe()["RUN"]), (2, recipe()["ALONE"])):
        kinds[[found.start() for found in regex.finditer(f"(?V1){pattern}", every)]] = kind
    return kinds


def assigned_in_regex() -> int:
    return len(regex.findall(r"\P{Cn}", "".join(map(chr, range(0x110000)))))


def test_vectors_of_the_page() -> None:
    vectors = [
        (json.loads(text), int(number)) for text, number, _ in rows("text", "words", "because")
    ]
    assert len(vectors) > 50
    for text, number in vectors:
        assert (text, words.count_text(text)) == (text, number)
        assert (text, counted([text])) == (text, [number])
        assert (text, recipe()["count"](text)) == (text, number)


def test_vectors_of_neighboring_documents() -> None:
    vectors = [tuple(map(json.loads, row)) for row in rows("documents", "words")]
    assert len(vectors) >= 4
    for texts, numbers in vectors:
        assert counted(texts) == numbers


def test_page_names_scheme_version_and_table() -> None:
    assert f"`{words.SCHEME}`" in PAGE
    assert f"**Unicode {words.UNICODE_VERSION}**" in PAGE
    assert f"`{hashlib.sha256(words.kinds().tobytes()).hexdigest()}`" in PAGE


def test_table_is_what_unicode_says() -> None:
    ours, theirs = words.kinds(), kinds_of_regex()
    if assigned_in_regex() == ASSIGNED:
        assert np.flatnonzero(ours != theirs).tolist() == []
        written = Path(word_table.__file__).read_text("utf-8")
        assert table_module() == written
    else:
        # A later Unicode only adds characters; ours stays as the page's digest has it.
        assert np.flatnonzero((ours != theirs) & (ours != 0)).tolist() == []


def test_both_readings_of_the_table_agree() -> None:
    assert words.kinds().tolist() == [words._kind(point) for point in range(0x110000)]


def test_han_lead_bytes_open_nothing_but_han() -> None:
    first, many = words._HAN_LEADS
    begin, end = (first & 0xF) << 12, ((first + many) & 0xF) << 12
    assert (words.kinds()[begin:end] == 2).all()


def test_every_code_point_by_itself_and_between_letters() -> None:
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    table = np.delete(words.kinds(), slice(0xD800, 0xE000))
    assert (words.count(*batch(points)) == (table > 0)).all()
    between = words.count(*batch([f"a{point}b" for point in points]))
    assert (between == np.array([2, 1, 3])[table]).all()


@given(documents, st.binary(max_size=9).map(lambda some: some + b"a"))
def test_batches_count_as_single_texts_do(texts: list[str], before: bytes) -> None:
    data, offsets = batch(texts, before=before)
    expected = [words.count_text(text) for text in texts]
    assert words.count(data, offsets).tolist() == expected
    assert [recipe()["count"](text) for text in texts] == expected


@given(documents, st.integers(4, 40), st.integers(1, 40))
def test_counts_do_not_depend_on_where_blocks_end(texts: list[str], block: int, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_BLOCK_BYTES", block)
        patch.setattr(words, "_CHUNK_BYTES", chunk)
        assert counted(texts) == [words.count_text(text) for text in texts]


@pytest.mark.parametrize("block", [4, 9, 64])
@pytest.mark.parametrize(
    "letter", ["a", "\u00e9", "\u0800", "\U0001d400", "\u304b", "\u4e2d", "\U00020bb7"]
)
def test_a_character_may_lie_across_any_boundary(letter: str, block: int) -> None:
    around = ["", "0", ".", "\u00a0", "\u2019", "\u0301", "\u6587"]
    texts = [
        filler * shift + before + letter + after
        for filler in (".", "\u0080", "b")
        for shift in range(9)
        for before in around
        for after in around
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_BLOCK_BYTES", block)
        patch.setattr(words, "_CHUNK_BYTES", 8)
        assert [counted([text]) for text in texts] == [[words.count_text(text)] for text in texts]


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize(
    "unit", ["abc ", "a", "\u00e9", "\u0939\u093f", "\u4e2d", "\U00020bb7", "\U0001d400", "\u304b "]
)
def test_long_documents_across_blocks(unit: str, shift: int) -> None:
    size = words._BLOCK_BYTES + words._CHUNK_BYTES + 100
    long = "." * shift + unit * (size // len(unit.encode()))
    pair = words.count_text(unit + unit) - words.count_text(unit)
    expected = words.count_text(unit) + pair * (size // len(unit.encode()) - 1)
    assert counted([long, long, "", unit]) == [expected, expected, 0, words.count_text(unit)]


@given(st.binary(max_size=80), st.lists(st.integers(0, 80)), st.integers(4, 40))
def test_bytes_that_are_not_utf8_do_no_harm(data: bytes, cuts: list[int], block: int) -> None:
    offsets = np.array(sorted({0, *(min(cut, len(data)) for cut in cuts)}), dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_BLOCK_BYTES", block)
        patch.setattr(words, "_CHUNK_BYTES", 8)
        counts = words.count(np.frombuffer(data, dtype=np.uint8), offsets)
    assert len(counts) == len(offsets) - 1
    assert ((counts >= 0) & (counts <= np.diff(offsets))).all()


@pytest.mark.parametrize("texts", [[], [""], ["", "", ""]])
def test_nothing_has_no_words(texts: list[str]) -> None:
    empty = np.frombuffer(b"", dtype=np.uint8)
    assert words.count(empty, np.zeros(len(texts) + 1, dtype=np.int64)).tolist() == [0] * len(texts)
    counts = words.count(*batch(texts))
    assert (counts.dtype, counts.tolist()) == (np.dtype(np.int64), [0] * len(texts))


def test_slices_of_arrow_arrays() -> None:
    texts = ["one", "two words", "", "\u4e09", "f\u00fcnf"]
    array = pa.array(texts, pa.large_string()).slice(1, 3)
    _, offsets, data = array.buffers()
    positions = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + 4]
    assert words.count(np.frombuffer(data, dtype=np.uint8), positions).tolist() == [2, 0, 1]


def test_threads_do_not_disturb_one_another() -> None:
    batches = [
        batch([letter * 3000 + " \u4e2d", "x " * n] * 200)
        for n, letter in enumerate("ab\u00e9\u0e01")
    ]
    expected = [words.count(*each).tolist() for each in batches] * 8
    with ThreadPoolExecutor(4) as pool:
        assert [
            list(got) for got in pool.map(lambda each: words.count(*each), batches * 8)
        ] == expected


def test_scratch_memory_does_not_grow_with_a_document() -> None:
    data, offsets = batch(["\u0641\u064a \u4e2d\u6587 caf\u00e9 " * 1_000_000])
    words.count(*batch(["\u0641"]))
    tracemalloc.start()
    try:
        words.count(data, offsets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000 < len(data)


def paragraphs(path: Path) -> list[str]:
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        text: str = file.read()
    # JSON escapes what it likes; here the characters matter.
    return re.sub(
        r"\\u(?!d[89a-f])([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text
    ).split("\n")


@pytest.mark.skipif(not REAL.is_dir(), reason="the shared corpora are not at hand")
@pytest.mark.parametrize(
    "corpus",
    ["novels_en", "openiti_arabic", "chinese_poetry", "alpaca_zh", "peps_2022", "ud_sentences"],
)
def test_real_text_counts_as_the_recipe_says(corpus: str) -> None:
    suffixes = {".txt", ".rst", ".json", ".gz"}
    files = [path for path in sorted((REAL / corpus).rglob("*")) if path.is_file()]
    files = [path for path in files if path.suffix in suffixes and path.name != "dataset.json"][:25]
    texts = [text for path in files for text in paragraphs(path)]
    assert len(texts) > 2
    assert counted(texts) == [recipe()["count"](text) for text in texts]


def table_module() -> str:
    """Return the text of `registry/core/word_table.py`."""
    kinds = kinds_of_regex()

    def ranges(kind: int) -> str:
        edges = np.flatnonzero(np.diff(np.pad((kinds == kind).astype(np.int8), 1))).reshape(-1, 2)
        parts = [f"{a:X}" if a == b - 1 else f"{a:X}-{b - 1:X}" for a, b in edges.tolist()]
        return textwrap.fill(" ".join(parts), 100, break_on_hyphens=False)

    return f'''"""The code points that make words in `words/v1`, as ranges of hexadecimal numbers.

Made from the Unicode Character Database by `tests/core/test_words.py`, which also checks it. The
definition is in `docs/words-v1.md`; it never changes, so this never does.
"""

from __future__ import annotations

from typing import Final

UNICODE_VERSION: Final = "18.0.0"

# Part of a run: letters, marks and decimal digits that are not in `OWN`.
RUN: Final = """
{ranges(1)}
"""

# Words of their own: Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar.
OWN: Final = """
{ranges(2)}
"""
'''


if __name__ == "__main__":
    assert assigned_in_regex() == ASSIGNED, "the installed `regex` has another Unicode version"
    Path(word_table.__file__).write_text(table_module(), encoding="utf-8")
