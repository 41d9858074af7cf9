from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core import contents
from registry.core.contents import ContentIndex, Contents, Hashes, Mask, equals, member

few = st.sampled_from([bytes(32), *(bytes([1, 2, at]) + bytes(29) for at in range(3))])
"""Hashes that are equal, or differ only behind their first 64 bits, or end in zeros."""
alike = st.integers(0, 3).map(lambda at: b"first 8b" + bytes([at]) * 24)
hashes = st.lists(few | alike | st.binary(min_size=32, max_size=32), max_size=30)


def array(rows: list[bytes]) -> Hashes:
    return np.frombuffer(b"".join(rows), "S32")


@pytest.fixture(autouse=True, params=[1, 3, 1 << 16])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "BLOCK", request.param)


masks = st.lists(st.booleans(), min_size=30, max_size=30)


def masked(drawn: list[bool], rows: list[bytes]) -> Mask:
    return np.array(drawn[: len(rows)], np.bool_)


@given(hashes)
def test_equal_rows_are_found_in_groups(rows: list[bytes]) -> None:
    found = equals(array(rows))
    groups: dict[bytes, list[int]] = {}
    for at, one in enumerate(rows):
        groups.setdefault(one, []).append(at)
    expected = [group for _, group in sorted(groups.items()) if len(group) > 1]
    assert found.rows.tolist() == [row for group in expected for row in group]
    assert [part.tolist() for part in np.split(found.rows, found.starts[1:])] == (expected or [[]])
    assert found.groups.tolist() == [at for at, group in enumerate(expected) for _ in group]


@given(hashes, masks)
def test_the_first_of_equal_rows_is_the_first_that_counts(
    rows: list[bytes], drawn: list[bool]
) -> None:
    mask = masked(drawn, rows)
    seen: set[bytes] = set()
    expected = []
    for one, counts in zip(rows, mask.tolist(), strict=True):
        expected.append(counts and one not in seen)
        seen |= {one} if counts else set()
    assert equals(array(rows)).first(mask).tolist() == expected


@given(hashes, hashes)
def test_members_are_those_listed(rows: list[bytes], listed: list[bytes]) -> None:
    found = member(array(rows), array(sorted(listed)))
    assert found.tolist() == [one in listed for one in rows]


@given(st.lists(st.tuples(hashes, masks)), hashes)
def test_an_index_finds_every_equal_pair(
    parts: list[tuple[list[bytes], list[bool]]], wanted: list[bytes]
) -> None:
    arrays = [array(rows) for rows, _ in parts]
    firsts = [equals(array(rows)).first(masked(drawn, rows)) for rows, drawn in parts]
    expected, start = set(), 0
    for (rows, _), mask in zip(parts, firsts, strict=True):
        expected |= {
            (at, start + row)
            for row, one in enumerate(rows)
            for at, text in enumerate(wanted)
            if mask[row] and text == one
        }
        start += len(rows)
    answers = list(ContentIndex(arrays, firsts).find(array(wanted)))
    pairs = [
        pair
        for asked, found in answers
        for pair in zip(asked.tolist(), found.tolist(), strict=True)
    ]
    assert sorted(pairs) == sorted(expected)


@given(st.lists(st.tuples(hashes, masks)), st.randoms(use_true_random=False))
def test_several_arrays_are_seen_as_one(
    parts: list[tuple[list[bytes], list[bool]]], random: Random
) -> None:
    arrays = [array(rows) for rows, _ in parts]
    chosen = [masked(drawn, rows) for rows, drawn in parts]
    for made, expected in (
        (Contents(arrays), [one for rows, _ in parts for one in rows]),
        (
            Contents(arrays, chosen),
            [
                one
                for (rows, _), mask in zip(parts, chosen, strict=True)
                for one, counts in zip(rows, mask.tolist(), strict=True)
                if counts
            ],
        ),
    ):
        assert len(made) == len(expected)
        assert made.leading().tolist() == [int.from_bytes(one[:8], "big") for one in expected]
        positions = list(range(len(expected)))
        random.shuffle(positions)
        taken = made[np.array(positions, np.int64)]
        assert taken.tobytes() == b"".join(expected[at] for at in positions)
