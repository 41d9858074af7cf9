from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from registry.core.survivor import REASONS, Choice, Merits, Reason

DOCUMENTS = st.lists(
    st.tuples(
        st.booleans(), st.integers(0, 2), st.integers(0, 3), st.integers(0, 5), st.integers(0, 3)
    ),
    min_size=1,
    max_size=30,
)
PAIRS = st.sets(st.tuples(st.integers(0, 39), st.integers(0, 39)).filter(lambda it: it[0] != it[1]))


def merits(rows: list[tuple[bool, int, int, int, int]]) -> Merits:
    columns = list(zip(*rows, strict=True))
    return Merits(
        np.array(columns[0], np.bool_), *(np.array(column, np.int64) for column in columns[1:])
    )


def decided(pairs: set[tuple[int, int]], *, batch: int) -> tuple[list[bool], dict[int, int]]:
    """Who stays of forty texts, and for whom the others go."""
    ordered = np.array(sorted({(max(pair), min(pair)) for pair in pairs}), np.int64).reshape(-1, 2)
    choice, going = Choice(40), {}
    for begin in range(0, len(ordered), batch):
        worse, better = ordered[begin : begin + batch].T
        for at in choice.add(worse, better).tolist():
            going[int(worse[at])] = int(better[at])
    return choice.kept.tolist(), going


@given(DOCUMENTS)
def test_the_order_is_that_of_provenance(rows: list[tuple[bool, int, int, int, int]]) -> None:
    """As it reads: protected, better grade, older, less cautious origin, longer, earlier."""
    expected = sorted(
        range(len(rows)),
        key=lambda at: (not rows[at][0], -rows[at][1], *rows[at][2:4], -rows[at][4], at),
    )
    assert merits(rows).order().tolist() == expected


@given(DOCUMENTS)
def test_a_reason_is_the_first_thing_that_two_differ_in(
    rows: list[tuple[bool, int, int, int, int]],
) -> None:
    made = merits(rows)
    order = made.order()
    kept, removed = order[:-1], order[1:]
    for one, other, code in zip(kept, removed, made.reasons(kept, removed), strict=True):
        differs = [at for at in range(5) if rows[one][at] != rows[other][at]]
        assert REASONS[code] == (REASONS[differs[0]] if differs else Reason.ORDER)


@given(PAIRS, st.integers(1, 7))
def test_whoever_goes_has_a_near_one_that_stays_and_is_better(
    pairs: set[tuple[int, int]], batch: int
) -> None:
    kept, going = decided(pairs, batch=batch)
    assert {text for text, stays in enumerate(kept) if not stays} == set(going)
    for worse, better in going.items():
        assert kept[better]
        assert better < worse
        assert (worse, better) in pairs or (better, worse) in pairs


@given(PAIRS, st.integers(1, 7))
def test_no_two_that_stay_are_near_and_batches_make_no_difference(
    pairs: set[tuple[int, int]], batch: int
) -> None:
    kept, going = decided(pairs, batch=batch)
    assert not any(kept[one] and kept[other] for one, other in pairs)
    assert (kept, going) == decided(pairs, batch=1000)


def test_the_middle_of_a_chain_takes_nobody_with_it() -> None:
    """0 is near 1, and 1 near 2: 1 goes for 0, and 2 stays, which nothing that stays is near."""
    kept, going = decided({(0, 1), (1, 2)}, batch=10)
    assert kept[:3] == [True, False, True]
    assert going == {1: 0}
