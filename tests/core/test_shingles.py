from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.core import words
from registry.core.shingles import common, different
from registry.core.sketch import lowered, sketch

ODD = "aA1 .,-\u0301éÉßẞİıΣσς\u00adΑ日本ごไทยລາວ한🙂\u200d\n\t\0Ⱥ𐐀𐐨ﬁ"


def tokens(text: str) -> list[str]:
    """The tokens of `sketch/v1`, in plain Python."""
    kinds = words.kinds()
    found, run = [], ""
    for character in f"{text} ":
        kind = kinds[ord(character)]
        if kind == 1:
            run += chr(lowered(ord(character)))
            continue
        if run:
            found.append(run)
            run = ""
        if kind == 2:
            found.append(chr(lowered(ord(character))))
    return found


def shingles(text: str) -> set[tuple[str, ...]]:
    made = tokens(text)
    return {tuple(made[at : at + 5]) for at in range(max(1, len(made) - 4))} if made else set()


def hashed(texts: list[str]) -> list[set[int]]:
    raw = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, raw)]).astype(np.int64)
    values, counts = different(np.frombuffer(b"".join(raw) or b"", np.uint8), ends)
    assert counts.sum() == len(values)
    parts = np.split(values, np.cumsum(counts)[:-1])
    for part in parts:
        assert (part[1:] > part[:-1]).all()
    return [set(part.tolist()) for part in parts]


@given(st.lists(st.text(st.sampled_from(ODD) | st.characters(codec="utf-8")), min_size=1))
@example([""])
@example(["", "a b c d", "a b c d e", "", "a b c d e f"])
@example(["x " * 5000, "y" * 100_000, " ".join(map(str, range(30_000)))])
def test_two_documents_share_what_plain_python_says(texts: list[str]) -> None:
    found = hashed(texts)
    known = [shingles(text) for text in texts]
    for mine, real in zip(found, known, strict=True):
        assert len(mine) == len(real)
    for one in range(len(texts)):
        for two in range(one):
            assert len(found[one] & found[two]) == len(known[one] & known[two])
    assert len(set().union(*found)) == len(set().union(*known))


def test_a_document_has_shingles_where_it_has_a_sketch() -> None:
    texts = ["", "!", "word", "二 字", "\u0301", "🙂", "a\0b"]
    raw = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, raw)]).astype(np.int64)
    made = sketch(np.frombuffer(b"".join(raw), np.uint8), ends)
    assert [bool(them) for them in hashed(texts)] == (made.tokens > 0).tolist()


def test_a_short_document_equals_no_part_of_a_longer_one() -> None:
    short, longer = hashed(["a b c d", "a b c d a b c d"])
    assert not short & longer


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"ab \xe6\x97", b"\xf0\x9f", b"\xf8" * 9])
def test_what_is_no_utf8_does_not_break_its_neighbors(bad: bytes) -> None:
    text = b"a text of some more than five words"
    ends = np.cumsum([0, len(text), len(bad), len(text)]).astype(np.int64)
    values, counts = different(np.frombuffer(text + bad + text, np.uint8), ends)
    parts = np.split(values, np.cumsum(counts)[:-1])
    assert parts[0].tolist() == parts[2].tolist() == sorted(hashed([text.decode()])[0])


def test_offsets_need_not_begin_at_zero() -> None:
    data = np.frombuffer(b"skip one two three four five six", np.uint8)
    values, counts = different(data, np.array([5, 23, len(data)], np.int64))
    assert counts.tolist() == [1, 1]
    assert set(values.tolist()) == set.union(*hashed(["one two three four", " five six"]))


def test_common_counts_what_ranges_share() -> None:
    rng = np.random.default_rng(1)
    sets = [
        np.unique(rng.integers(0, 60, rng.integers(0, 50))).astype(np.uint64) for _ in range(40)
    ]
    ends = np.cumsum([len(one) for one in sets])
    begins = ends - [len(one) for one in sets]
    one, two = rng.integers(0, 40, 300), rng.integers(0, 40, 300)
    found = common(np.concatenate(sets), begins[one], ends[one], begins[two], ends[two])
    known = [len({*sets[a].tolist()} & {*sets[b].tolist()}) for a, b in zip(one, two, strict=True)]
    assert found.tolist() == known
