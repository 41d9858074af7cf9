"""`sketch/v1` in the code and in `docs/sketch-v1.md` is one and the same, byte for byte.

What it is held to is the code of the page, which uses datasketch, xxhash and regex only.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import datasketch
import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.texts import documents
from registry.core import sketch, words
from registry.core.sketch import Sketches, SketchParams
from registry.errors import ConflictError, InvalidInputError

ROOT: Final = Path(__file__).resolve().parents[2]
REAL: Final = ROOT.parent / "shared" / "data"
PAGE: Final = (ROOT / "docs" / "sketch-v1.md").read_text("utf-8")
CORPORA: Final = (
    sorted(path.parent.name for path in REAL.glob("*/dataset.json")) if REAL.is_dir() else []
)
NONE: Final = 0xFFFFFFFF

# Each kind and each length in UTF-8, letters that change it in lower case, neighbors of the tables'
# edges, what only looks like a letter, marks, joiners, both ends of Unicode and of the surrogates.
ODD: Final = (
    "aZ09 _'@[`{/:~\0\x7f\x80ÀÞ×µßÿıİſ΄ΣςσᾈǅẞȺȾKÅΩⅫⅰⒶꭰᏏ\u0301\u200c\u200d\ufe0f\u0663\u060c\u07ff\u0800"
    "\u0939\u094d\u0e01\u0e48\u0e3f\u0eb2\u1019\u1781\u2019\u3007\u3099\u30fc\u30fb\u304b\uff70Ａｚ\u4dc0\u4e00"
    "\u9fff\ua000\ud55c\ud7ff\ue000\ufdd0\uffff\U00010400\U00010428\U00010d50\U0001f468\U0001f600\U00020bb7"
    "\U0002a6df\U0001d400\U000e0100\U0010ffff"
)
word = st.one_of(
    st.text(ODD, min_size=1, max_size=6),
    st.text("abCD", min_size=1, max_size=9),
    st.text("\u0639\u0644\u0645\u0645", min_size=1, max_size=5),
    st.text("\u4e2d\u6587\u304b", min_size=1, max_size=9),
    st.text(max_size=9),
    st.integers(10, 300).map(lambda n: "x" * n),
)
gap = st.sampled_from([" ", " ", ", ", "\u2014", "", "\0", "  \n", " " * 70, "\u200d", "'"])
text = st.lists(st.tuples(word, gap), max_size=60).map(lambda parts: "".join(map("".join, parts)))
batches = st.lists(st.one_of(text, st.text(ODD, max_size=200), st.just("")), max_size=6)


def lay(texts: Sequence[str], *, before: bytes = b"", after: bytes = b"") -> tuple[Any, Any]:
    """Lay texts out as Arrow does, between bytes that belong to none of them."""
    parts = [each.encode() for each in texts]
    data = np.frombuffer(before + b"".join(parts) + after, dtype=np.uint8)
    return data, np.cumsum([len(before), *map(len, parts)], dtype=np.int64)


def made(texts: Sequence[str], **options: Any) -> Sketches:
    return sketch.sketch(*lay(texts), **options)


@cache
def recipe() -> dict[str, Any]:
    """Run the code of the page."""
    names: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, names)
    return names


def tokens(text: str) -> list[str]:
    found: list[str] = recipe()["tokens"](text, sketch.lower_case())
    return found


def check(texts: Sequence[str], sketches: Sketches, params: SketchParams, window: int) -> None:
    """Hold sketches to what the page's code makes of the same texts."""
    passages, rows = [], []
    for row, each in enumerate(texts):
        known = tokens(each)
        assert sketches.tokens[row] == len(known)
        signature = recipe()["signature"](known, params.permutations)
        assert sketches.signatures[row].tolist() == signature
        if known:
            keys = recipe()["bands"](signature, params.bands, params.rows)
            assert sketches.bands[row].tolist() == keys
        found = recipe()["passages"](known, window)
        passages += found
        rows += [row] * len(found)
    assert sketches.passages.tolist() == passages
    assert sketches.passage_rows.tolist() == rows


def table(*columns: str) -> Iterator[list[str]]:
    """Yield the rows of the page's table that has these columns."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line == f"| {' | '.join(columns)} |":
            assert next(lines).startswith("| ---")
            break
    for line in lines:
        if not line.startswith("|"):
            break
        yield [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]


def vector(cell: str) -> str:
    """Return the text of a cell."""
    literal, _, times = cell.partition(" * ")
    value: str = json.loads(literal.strip("`"))
    return value * int(times or 1)


def test_vectors_of_tokens_and_shingles() -> None:
    rows = list(table("text", "tokens", "first shingle"))
    assert len(rows) > 20
    for cell, joined, first in rows:
        known = tokens(vector(cell))
        assert " ".join(known) == json.loads(joined), cell
        assert [f"{h:016x}" for h in recipe()["hashes"](known)[:1]] == ([first] if first else [])


def test_vectors_of_sketches() -> None:
    rows = list(table("text", "slots", "SHA-256 of the signature", "bands", "passages"))
    assert len(rows) > 8
    for cell, slots, digest, bands, passages in rows:
        one = made([vector(cell)])
        assert " ".join(f"{slot:08x}" for slot in one.signatures[0, :4].tolist()) == slots
        assert hashlib.sha256(one.signatures.astype("<u4").tobytes()).hexdigest() == digest
        assert " ".join(f"{key:016x}" for key in one.bands[0, :2].tolist()) == bands
        said = [f"{len(one.passages)}:", *(f"{key:016x}" for key in one.passages[:2].tolist())]
        assert " ".join(said) == passages


def test_the_page_names_scheme_version_and_numbers() -> None:
    assert f"`{sketch.SCHEME}`" in PAGE
    assert f"**Unicode\n{sketch.UNICODE_VERSION}**" in PAGE
    for slots, a, b, digest in table(
        "slots", "a", "b", "SHA-256 of all a, then all b, 4 bytes each"
    ):
        factors, terms = (each[: int(slots)] for each in sketch._permutations(int(slots)))
        assert [a, b] == [
            f"{factors[0]:08x} {factors[1]:08x}, …",
            f"{terms[0]:08x} {terms[1]:08x}, …",
        ]
        both = np.concatenate([factors, terms]).astype("<u4").tobytes()
        assert hashlib.sha256(both).hexdigest() == digest


def test_permutations_are_those_of_datasketch() -> None:
    for many in (1, 64, 128, 200, 256):
        theirs = datasketch.MinHash(many, seed=1, scheme="affine32").permutations
        assert (np.array(sketch._permutations(many))[:, :many] == theirs).all()


@pytest.mark.parametrize("params", [SketchParams(), SketchParams(256, 32, 8)])
@given(batches, st.binary(max_size=9).map(lambda some: some + b"a"), st.sampled_from([1, 6, 18]))
def test_any_text_is_sketched_as_the_page_says(
    params: SketchParams, texts: list[str], before: bytes, window: int
) -> None:
    for after in (b"", b"a" * 200):
        data, offsets = lay(texts, before=before, after=after)
        check(texts, sketch.sketch(data, offsets, params=params, window=window), params, window)


@given(batches)
def test_there_are_as_many_tokens_as_words(texts: list[str]) -> None:
    assert made(texts).tokens.tolist() == [words.count_text(each) for each in texts]
    assert made(texts).tokens.tolist() == words.count(*lay(texts)).tolist()


def test_every_code_point_by_itself_and_between_letters() -> None:
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    texts = [f"a{point}b {point}" for point in points]
    none = SketchParams(1, 1, 1)
    data, offsets = lay(texts)
    got = sketch.sketch(data, offsets, params=none, window=None)
    assert (got.tokens == words.count(data, offsets)).all()
    # Slot 0 alone tells one text of few tokens from another: they have one shingle.
    factor, term = (each[0] for each in sketch._permutations(1))
    joined = [" ".join(tokens(each)).encode() for each in texts]
    h = np.array([xxhash.xxh3_64_intdigest(each) & NONE for each in joined], dtype=np.uint32)
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(multiplier)
    few = got.tokens <= sketch.SHINGLE
    assert few.sum() > 1_000_000
    assert (got.signatures[few, 0] == (h * factor + term)[few]).all()


@pytest.mark.parametrize(
    "size", [*range(1, 40), 63, 64, 65, 127, 128, 129, 240, 241, 1023, 1025, 70_000]
)
def test_shingles_of_every_length_are_hashed_as_xxhash_does(size: int) -> None:
    texts = ["x" * size, " ".join("ab" * size), "\u00e9" * size, f"{'y' * size} b c d e f g h i"]
    check(texts, made(texts), SketchParams(), 18)


@pytest.mark.parametrize(
    "each",
    [
        "x" * 2_000_000,
        f"a b c {'y' * 100_000} d e f g h {'z' * 30_000}! " * 4,
        "\0" * 1_000_000,
        "Ⱥ" * 500_000 + " a b c d e f",
        "\u4e2d" * 50_000,
        "".join(chr(97 + n * n % 23) + " " * (n % 3 == 0) for n in range(200_000)),
        " " * 5000 + "end" + " " * 5000,
        "one two three four five six seven eight" + " ." * 20_000,
    ],
    ids=["token", "tokens", "nothing", "growing", "han", "letters", "spaces", "trailing"],
)
def test_long_documents(each: str) -> None:
    texts = ["before", each, "", "after " * 30]
    check(texts, made(texts), SketchParams(), 18)


def test_pieces_meet_wherever_they_end() -> None:
    # A piece ends after 2,048 tokens or 24 KiB: every shift of what follows.
    for shift in range(70):
        unit = [f"{'w' * (n % 17)}{n * 7919 % 5000}" for n in range(2_040 + shift)]
        check([" ".join(unit)], made([" ".join(unit)]), SketchParams(), 18)
    for window in (1, 2, 7, 8, 9, 64, 1000, 1024):
        long = " ".join(str(n * 7919 % 4001) for n in range(5_000))
        texts = [long, long[:3000], "too short for a window of that size, yet not for a passage"]
        check(texts, made(texts, window=window), SketchParams(), window)


@pytest.mark.parametrize("permutations", [1, 6, 127, 128, 129, 256, 1000])
def test_any_number_of_permutations(permutations: int) -> None:
    params = SketchParams(permutations, 1, min(permutations, 6))
    texts = ["The quick brown fox jumps over the lazy dog. " * 3, ""]
    check(texts, made(texts, params=params), params, 18)


def test_nothing_has_no_sketch() -> None:
    for texts in ([], [""], ["", " .\0", "\U0001f600"]):
        got = made(texts)
        assert got.signatures.shape == (len(texts), 128)
        assert (got.signatures == NONE).all()
        assert got.tokens.tolist() == [0] * len(texts)
        assert (got.bands == 0).all()
        assert (len(got.passages), len(got.passage_rows)) == (0, 0)
        kinds = [each.dtype for each in (got.signatures, got.tokens, got.bands, got.passages)]
        assert kinds == [np.dtype(kind) for kind in ("u4", "i8", "u8", "u8")]
        assert got.passage_rows.dtype == np.int32


def test_slices_of_arrow_arrays() -> None:
    texts = ["one", "two words and three and four and five and six", "", "\u4e09" * 9, "f\u00fcnf"]
    for kind, number in ((pa.large_string(), np.int64), (pa.string(), np.int32)):
        array = pa.array(texts, kind).slice(1, 3)
        _, offsets, data = array.buffers()
        positions = np.frombuffer(offsets, dtype=number)[array.offset : array.offset + 4]
        got = sketch.sketch(np.frombuffer(data, dtype=np.uint8), positions.astype(np.int64))
        check(texts[1:4], got, SketchParams(), 18)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_bytes_that_are_not_utf8_do_no_harm(data: bytes, cuts: list[int]) -> None:
    offsets = np.array(
        sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)}), dtype=np.int64
    )
    got = sketch.sketch(np.frombuffer(data + b"\xf0\xff" * 40, dtype=np.uint8), offsets)
    assert ((got.tokens >= 0) & (got.tokens <= np.diff(offsets))).all()


def test_a_damaged_document_does_not_touch_its_neighbors() -> None:
    whole = "a text of more than eight tokens, before and after"
    for broken in (b"\xf0", b"\xe4\xb8", b"caf\xc3", b"\xff" * 70, b"\x80" * 70):
        data = np.frombuffer(whole.encode() + broken + whole.encode(), dtype=np.uint8)
        ends = np.cumsum([0, len(whole), len(broken), len(whole)], dtype=np.int64)
        got = sketch.sketch(data, ends)
        assert (got.signatures[[0, 2]] == made([whole]).signatures[0]).all()


def test_threads_do_not_disturb_one_another() -> None:
    laid = [lay([f"{letter} {n} " * 3000 for n in range(20)]) for letter in "ab\u00e9\u0e01"]
    expected = [sketch.sketch(*each) for each in laid] * 8
    with ThreadPoolExecutor(4) as pool:
        for one, two in zip(
            pool.map(lambda each: sketch.sketch(*each), laid * 8), expected, strict=True
        ):
            assert (one.signatures == two.signatures).all()
            assert (one.passages == two.passages).all()


def test_scratch_memory_does_not_grow_with_a_document() -> None:
    data, offsets = lay(["\u0641\u064a \u4e2d\u6587 caf\u00e9 " * 1_000_000])
    made(["\u0641"])
    tracemalloc.start()
    try:
        sketch.sketch(data, offsets, window=None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 < len(data)


def test_band_keys_of_stored_signatures() -> None:
    params = SketchParams(256, 32, 8)
    got = made(["some text " * 9, "", "another text"], params=params)
    assert (sketch.band_keys(got.signatures, params) == got.bands).all()
    assert (sketch.band_keys(got.signatures[::2], params) == got.bands[::2]).all()
    assert sketch.band_keys(got.signatures[:0], params).shape == (0, 32)


@given(text, text)
def test_questions_have_every_passage_hash(one: str, two: str) -> None:
    keys, places = sketch.passage_hashes(*lay([one, two]))
    known = [recipe()["passage_hashes"](tokens(each)) for each in (one, two)]
    assert keys.tolist() == known[0] + known[1]
    assert places.tolist() == [*range(len(known[0])), *range(len(known[1]))]


@given(
    st.lists(st.integers(0, 30), min_size=60, max_size=60),
    st.lists(st.integers(31, 60), max_size=40),
    st.lists(st.integers(61, 90), max_size=40),
    st.sampled_from([6, 18]),
)
def test_a_shared_run_of_the_guaranteed_length_is_found(
    run: list[int], before: list[int], after: list[int], window: int
) -> None:
    shared = run[: sketch.guaranteed_tokens(window)]
    one = " ".join(map(str, before + shared + after))
    two = " ".join(map(str, after + after + shared + before))
    stored = set(made([one], window=window).passages.tolist())
    asked, _ = sketch.passage_hashes(*lay([two]))
    assert stored & set(asked.tolist())
    assert stored & set(made([two], window=window).passages.tolist())


def test_guaranteed_lengths() -> None:
    assert [sketch.guaranteed_tokens(window) for window in (18, 6, 1)] == [25, 13, 8]
    for window in (0, -1, 1025):
        with pytest.raises(InvalidInputError, match="`window` is"):
            sketch.guaranteed_tokens(window)
        with pytest.raises(InvalidInputError, match="`window` is"):
            made(["a"], window=window)


def test_recall_is_the_probability_of_a_shared_band() -> None:
    assert SketchParams().recall(0.7) == pytest.approx(0.918, abs=5e-4)
    assert SketchParams().recall(0.8) == pytest.approx(0.998, abs=5e-4)
    assert SketchParams(128, 16, 8).recall(0.7) == pytest.approx(0.613, abs=5e-4)
    assert [SketchParams().recall(s) for s in (0, 1)] == [0, 1]


@pytest.mark.parametrize(
    "numbers", [(0, 1, 1), (128, 0, 6), (128, 20, 7), (128, -1, 6), (2000, 1, 1)]
)
def test_parameters_that_fit_together(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInputError):
        SketchParams(*numbers)


def test_similarity_is_the_share_of_equal_slots() -> None:
    one, two = made(["a b c d e f g", "a b c d e f g h i"]).signatures
    assert sketch.similarity(one, two) == (one == two).mean()
    both = np.stack([one, two])
    assert sketch.similarity(both, both).tolist() == [1, 1]
    assert sketch.similarity(both, one)[0] == 1
    theirs = datasketch.MinHash(hashvalues=one, scheme="affine32")
    assert theirs.jaccard(
        datasketch.MinHash(hashvalues=two, scheme="affine32")
    ) == sketch.similarity(one, two)


def test_documents_without_tokens_resemble_nothing() -> None:
    nothing, something = made(["", "text"]).signatures
    assert sketch.similarity(nothing, nothing) == 0
    assert sketch.similarity(nothing, something) == 0


def test_what_does_not_compare_is_an_error() -> None:
    short, long = (made(["text"], params=SketchParams(many, 4, 4)).signatures for many in (64, 128))
    with pytest.raises(ConflictError, match="64 and of 128 permutations"):
        sketch.similarity(short, long)
    with pytest.raises(ConflictError, match="64 and of 128 permutations"):
        sketch.band_keys(short, SketchParams())
    sketch.require_scheme("sketch/v1")
    with pytest.raises(ConflictError, match="`sketch/v0`") as caught:
        sketch.require_scheme("sketch/v0")
    assert caught.value.hint


def test_importing_the_module_loads_no_compiler() -> None:
    code = "import sys, registry.core.sketch; print({'numba', 'llvmlite'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def check_corpus(corpus: str, many: int | None) -> None:
    texts = [each for _, each in documents(REAL / corpus)]
    assert len(texts) > 10
    if many is not None:
        texts = [each[:20_000] for each in texts[:: max(1, len(texts) // many)]]
    for begin in range(0, len(texts), 500):
        some = texts[begin : begin + 500]
        for params in (SketchParams(), SketchParams(256, 32, 8)):
            check(some, made(some, params=params), params, 18)


@pytest.mark.skipif(not CORPORA, reason="the shared corpora are not at hand")
@pytest.mark.parametrize("corpus", CORPORA)
def test_a_sample_of_real_text_is_sketched_as_the_page_says(corpus: str) -> None:
    check_corpus(corpus, 25)


@pytest.mark.slow
@pytest.mark.skipif(not CORPORA, reason="the shared corpora are not at hand")
@pytest.mark.parametrize("corpus", CORPORA)
def test_all_real_text_is_sketched_as_the_page_says(corpus: str) -> None:
    check_corpus(corpus, None)
