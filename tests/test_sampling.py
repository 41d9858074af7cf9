from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.sampling import sample

NAMES = st.lists(st.sampled_from(["before fsync", "before rename", "after rename"]), max_size=40)


def numbered(kinds: list[str]) -> list[str]:
    return [f"{kind} {kinds[:at].count(kind) + 1}" for at, kind in enumerate(kinds)]


@given(kinds=NAMES, one_in=st.integers(1, 50))
def test_a_sample_has_every_kind_and_no_fewer_than_one_in_so_many(
    kinds: list[str], one_in: int
) -> None:
    chosen = sample(numbered(kinds), one_in)
    assert chosen == sorted(set(chosen))
    assert {kinds[at] for at in chosen} == set(kinds)
    assert len(chosen) * one_in >= len(kinds) - one_in * len(set(kinds))


@given(kinds=NAMES)
def test_one_in_one_is_all(kinds: list[str]) -> None:
    assert sample(numbered(kinds), 1) == list(range(len(kinds)))


def test_kinds_begin_at_different_points() -> None:
    kinds = ["before fsync", "before rename"] * 6
    points = numbered(kinds)
    assert [points[at] for at in sample(points, 3)] == [
        "before fsync 1",
        "before rename 2",
        "before fsync 4",
        "before rename 5",
    ]
