from __future__ import annotations

import hashlib
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.core.contents import Contents
from registry.core.draw import Candidates, Drawn, best_share, draw, seeded_order, total

BIG = 2**53


def content(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def candidates(rows: list[tuple[int, int, int]]) -> Candidates:
    """Return documents with the given size, weight and human part."""
    table = np.array(rows, np.int64).reshape(-1, 3)
    hashes = np.array([content(at) for at in range(len(rows))], "S32")
    return Candidates(
        Contents([hashes]), table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
    )


def in_bytes(rows: list[tuple[int, int]]) -> Candidates:
    """Return documents whose size is their weight: size and human part."""
    return candidates([(size, size, human) for size, human in rows])


def drawn(pool: Candidates, **asked: object) -> Drawn:
    return pool.take(draw(pool, **({"seed": 0, "share": None, "at_most": None} | asked)))  # type: ignore[arg-type]


@st.composite
def documents(draw_: st.DrawFn, most: int, up_to: int) -> Candidates:
    """Documents with any size, weight and human part; many ties and zeros, all-human and none."""
    amount = st.one_of(st.integers(0, 4), st.integers(0, up_to))
    same = draw_(st.booleans())
    rows = []
    for _ in range(draw_(st.integers(0, most))):
        size = draw_(amount)
        weight = size if same else draw_(amount)
        human = draw_(st.sampled_from([0, weight, weight // 2]) | st.integers(0, weight))
        rows.append((size, weight, human))
    return candidates(rows)


shares = st.one_of(
    st.sampled_from(
        [Fraction(0), Fraction(1), Fraction(1, 2), Fraction("0.8"), Fraction("0.999999")]
    ),
    st.integers(0, 10**6).map(lambda millionths: Fraction(millionths, 10**6)),
)
rooms = st.none() | st.integers(1, 40) | st.integers(1, BIG)


@given(documents(30, BIG), shares, rooms, rooms, st.integers(0, BIG - 1))
@example(in_bytes([(BIG, BIG)] * 4 + [(BIG, 0)]), Fraction("0.999999"), None, None, 0)
def test_the_share_and_the_room_are_kept_exactly(
    pool: Candidates, share: Fraction, room: int | None, least: int | None, seed: int
) -> None:
    mask = draw(pool, seed=seed, share=share, at_most=room, at_least=least)
    sizes = [int(size) for size in pool.sizes[mask]]
    weight = sum(int(item) for item in pool.weights[mask])
    human = sum(int(item) for item in pool.human[mask])
    assert weight == 0 or Fraction(human, weight) >= share
    assert room is None or sum(sizes) <= room
    assert pool.take(mask) == Drawn(len(sizes), sum(sizes), weight, human)


def test_sums_beyond_64_bits_are_right() -> None:
    pool = in_bytes([(BIG, BIG)] * 3000 + [(BIG, 0)] * 3000)
    assert 3000 * BIG > 2**63
    assert total(pool.sizes) == 6000 * BIG
    half = drawn(pool, share=Fraction("0.75"))
    assert half == Drawn(4000, 4000 * BIG, 4000 * BIG, 3000 * BIG)
    assert drawn(pool, share=Fraction("0.999999")).documents == 3000
    assert drawn(pool) == Drawn(6000, 6000 * BIG, 6000 * BIG, 3000 * BIG)


def test_products_of_size_and_share_do_not_overflow() -> None:
    """Terabytes times a share of six decimals leave 64 bits; wrapped around, all would be human."""
    tera = 2**44
    pool = in_bytes([(tera, tera), *[(tera, 0)] * 50])
    assert drawn(pool, share=Fraction("0.999999")) == Drawn(1, tera, tera, tera)
    assert drawn(pool, share=Fraction("0.333333")).documents == 3


def test_slack_that_is_spent_on_terabytes_does_not_overflow() -> None:
    tera = 2**40
    pool = in_bytes([(tera, tera)] * 100 + [(tera, 0)] * 100)
    assert drawn(pool, share=Fraction("0.500001")).documents == 199


def everything(pool: Candidates) -> list[Drawn]:
    count = len(pool.sizes)
    return [
        pool.take(np.array(bits, np.bool_))
        for bits in itertools.product([False, True], repeat=count)
    ]


@given(documents(8, 30), shares, st.none() | st.integers(1, 60), st.integers(0, 20))
def test_the_draw_is_within_one_document_of_the_largest_there_is(
    pool: Candidates, share: Fraction, room: int | None, seed: int
) -> None:
    possible = [
        found.size
        for found in everything(pool)
        if found.keeps(share) and (room is None or found.size <= room)
    ]
    largest = int(pool.sizes.max(initial=0))
    got = drawn(pool, seed=seed, share=share, at_most=room).size
    assert max(possible) - largest <= got <= max(possible)


@given(documents(8, 30), shares, st.integers(1, 60), st.integers(0, 60), st.integers(0, 20))
def test_the_best_share_can_be_drawn_and_is_within_one_document_of_the_best(
    pool: Candidates, share: Fraction, least: int, more: int, seed: int
) -> None:
    room = least + more
    best = best_share(pool, seed=seed, at_least=least, at_most=room)
    if best is None:
        return
    again = drawn(pool, seed=seed, share=best, at_most=room, at_least=least)
    assert again.size >= least
    assert again.share >= best
    reachable = [found.share for found in everything(pool) if least <= found.size <= room]
    assert best <= max(reachable)


def test_the_best_share_prefers_small_documents_where_sizes_are_counted_in_documents() -> None:
    pool = candidates([(1, 100, 100)] + [(1, 1000, 0)] * 10 + [(1, 1, 0)] * 10)
    assert best_share(pool, seed=0, at_least=5, at_most=None) == Fraction(100, 104)


def test_the_best_share_does_not_end_with_a_document_that_is_larger_than_needed() -> None:
    pool = in_bytes([(90, 90), (1000, 0), (10, 0), (500, 0)])
    assert best_share(pool, seed=0, at_least=100, at_most=None) == Fraction(9, 10)


@given(documents(7, 30), st.integers(1, 60), st.integers(0, 20))
def test_no_share_far_beyond_the_best_one_can_be_drawn(
    pool: Candidates, least: int, seed: int
) -> None:
    """What the best draw gains over ours is at most what one document weighs."""
    best = best_share(pool, seed=seed, at_least=least, at_most=None)
    reachable = [found for found in everything(pool) if found.size >= least]
    if best is None:
        assert not reachable
        return
    top = max(reachable, key=lambda found: found.share)
    heaviest = int(pool.weights.max(initial=0))
    assert Fraction(top.human, top.weight + heaviest or 1) <= best


def test_mixed_documents_near_the_share_are_drawn_before_those_far_from_it_if_that_draws_more() -> (
    None
):
    rows = [(40, 40)] + [(50, 0)] * 20 + [(50, 25)] * 20
    pool = in_bytes(rows)
    share = Fraction("0.5")
    assert drawn(pool, share=share).size == 40 + 20 * 50
    assert {drawn(pool, seed=seed, share=share).size for seed in range(20)} == {1040}


def test_a_seeded_draw_that_is_large_enough_does_not_choose_by_share() -> None:
    """Preferring the most human of mixed documents would bend the sample; it is a last resort."""
    pool = in_bytes([(1000, 1000)] + [(100, at) for at in range(100)])
    share = Fraction("0.7")
    fair = draw(pool, seed=3, share=share, at_most=None, at_least=5000)
    most = draw(pool, seed=3, share=share, at_most=None)
    assert 5000 <= pool.take(fair).size < pool.take(most).size
    assert pool.human[fair].min() < 30 < pool.human[most].min()


def test_where_room_is_short_documents_below_the_share_stay_as_many_as_it_allows() -> None:
    pool = in_bytes([(10, 10)] * 500 + [(10, 0)] * 500)
    got = drawn(pool, share=Fraction("0.8"), at_most=1000, at_least=990)
    assert got == Drawn(100, 1000, 1000, 800)


def test_without_a_binding_share_the_draw_is_that_without_a_share() -> None:
    pool = in_bytes([(10, 10)] * 90 + [(10, 0)] * 10)
    plain = draw(pool, seed=5, share=None, at_most=300)
    assert (draw(pool, seed=5, share=Fraction("0.5"), at_most=300) == plain).all()


def test_whole_documents_are_tried_in_another_order_before_a_size_is_given_up() -> None:
    pool = in_bytes([(60, 60), (50, 50), (40, 40)])
    for seed in range(20):
        assert drawn(pool, seed=seed, at_most=100, at_least=100).size == 100


@given(documents(20, 100), shares, rooms, st.integers(0, 99), st.randoms())
def test_the_order_of_documents_does_not_matter(
    pool: Candidates, share: Fraction, room: int | None, seed: int, random: object
) -> None:
    order = list(range(len(pool.sizes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    at = np.array(order, np.int64)
    other = Candidates(
        Contents([pool.hashes[np.array(at)]]), pool.sizes[at], pool.weights[at], pool.human[at]
    )
    one = draw(pool, seed=seed, share=share, at_most=room)
    two = draw(other, seed=seed, share=share, at_most=room)
    assert set(pool.hashes[np.flatnonzero(one)].tolist()) == set(
        other.hashes[np.flatnonzero(two)].tolist()
    )


def test_another_seed_draws_other_documents_and_the_same_seed_the_same() -> None:
    pool = in_bytes([(1, 1)] * 200)
    first = draw(pool, seed=1, share=None, at_most=100)
    assert (first == draw(pool, seed=1, share=None, at_most=100)).all()
    other = draw(pool, seed=2, share=None, at_most=100)
    assert 20 < np.count_nonzero(first & other) < 80


def test_every_document_is_drawn_about_equally_often() -> None:
    pool = in_bytes([(1, 1)] * 50)
    masks = [draw(pool, seed=seed, share=None, at_most=10) for seed in range(1000)]
    times = np.stack(masks).sum(axis=0)
    assert times.min() > 140
    assert times.max() < 260


def test_the_order_of_a_seed_never_changes() -> None:
    hashes = np.array([content(at) for at in range(8)], "S32")
    assert seeded_order(Contents([hashes]), 0).tolist() == [3, 0, 2, 1, 7, 4, 6, 5]
    assert seeded_order(Contents([hashes]), BIG - 1).tolist() == [1, 6, 0, 5, 2, 7, 4, 3]


def test_hashes_that_end_in_zero_bytes_are_told_apart() -> None:
    hashes = np.array([b"\x01".ljust(32, b"\0"), b"\0" * 31 + b"\x01", b"\0" * 32], "S32")
    assert sorted(seeded_order(Contents([hashes]), 0).tolist()) == [0, 1, 2]


@given(documents(12, 30), st.integers(1, 60), st.integers(0, 60), st.integers(0, 20))
def test_more_room_never_draws_less_by_more_than_one_document(
    pool: Candidates, room: int, more: int, seed: int
) -> None:
    """Strictly more is not promised: a large document may take the place of several small ones."""
    largest = int(pool.sizes.max(initial=0))
    less = drawn(pool, seed=seed, at_most=room).size
    assert drawn(pool, seed=seed, at_most=room + more).size >= less - largest


@given(documents(10, 30), shares, shares, st.integers(0, 20))
def test_a_lower_share_never_draws_less_by_more_than_one_document(
    pool: Candidates, one: Fraction, two: Fraction, seed: int
) -> None:
    largest = int(pool.sizes.max(initial=0))
    low, high = (drawn(pool, seed=seed, share=share).size for share in sorted((one, two)))
    assert low >= high - largest


@pytest.mark.parametrize("share", [None, Fraction(0), Fraction(1, 2), Fraction(1)])
def test_nothing_to_draw_from_draws_nothing(share: Fraction | None) -> None:
    pool = candidates([])
    assert drawn(pool, share=share, at_most=10, at_least=5) == Drawn(0, 0, 0, 0)
    assert best_share(pool, seed=0, at_least=1, at_most=None) is None


def test_documents_that_weigh_nothing_have_no_share() -> None:
    nothing = drawn(candidates([(5, 0, 0)] * 3), share=Fraction(1))
    assert nothing.documents == 3
    assert nothing.share == 0


def test_a_draw_that_weighs_something_is_preferred_to_one_without_a_share() -> None:
    pool = candidates([(26, 1, 1), (1, 0, 0)])
    for seed in range(10):
        got = drawn(pool, seed=seed, share=Fraction(1), at_most=26, at_least=1)
        assert got.share == 1
