from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.coverage import wrong_partial
from registry.core.estimate import (
    Lengths,
    Way,
    better_way,
    draw_term,
    fixed_lower,
    partial_lower,
)
from registry.errors import InvalidInputError

ALIKE = np.full(7, 10)
UNLIKE = np.array([40, 13, 8, 5, 3, 2, 1])
ORDERS = np.array(list(permutations(range(7))))


@pytest.mark.parametrize("weights", [ALIKE, UNLIKE], ids=["alike", "unlike"])
@pytest.mark.parametrize("drawn", [1, 3, 5, 6])
@pytest.mark.parametrize("delta", [0.02, 0.1, 0.4])
def test_in_every_order_of_any_labels_it_is_wrong_as_seldom_as_promised(
    weights: np.ndarray, drawn: int, delta: float
) -> None:
    """All 5,040 orders of all 128 populations; also where the draw goes on as long as it likes."""
    lengths = Lengths.of(weights)
    amounts = np.cumsum(weights[ORDERS], axis=1)
    meaningful = 0
    for labels in product((0, 1), repeat=7):
        human = np.array(labels)
        bound = partial_lower(float((weights * human).sum() / weights.sum()), lengths, drawn, delta)
        meaningful += bound > 0
        shares = np.cumsum((weights * human)[ORDERS], axis=1) / amounts
        wrong = (shares[:, drawn - 1 :] < bound - 1e-9).any(axis=1)
        assert wrong.mean() <= delta
    assert meaningful


@pytest.mark.parametrize("drawn", [2, 5])
def test_the_closed_term_holds_in_every_order_too(drawn: int) -> None:
    for weights, delta in product((ALIKE, UNLIKE), (0.1, 0.4)):
        term = draw_term(
            documents=7, mean=weights.mean(), largest=weights.max(), drawn=drawn, delta=delta
        )
        amounts = np.cumsum(weights[ORDERS], axis=1)
        for labels in product((0, 1), repeat=7):
            human = weights * np.array(labels)
            shares = np.cumsum(human[ORDERS], axis=1) / amounts
            bound = human.sum() / weights.sum() - term
            assert (shares[:, drawn - 1 :] < bound - 1e-9).any(axis=1).mean() <= delta


def test_the_populations_bound_for_a_part_is_not_what_we_do() -> None:
    # 5,000 labels, 1,000 documents drawn; `test_coverage.py` has what we do.
    assert wrong_partial(100_000, 97_000, 5000, 1000, 0.05, carried=False) > 0.23


@pytest.mark.parametrize(("documents", "good"), [(40, 36), (400, 390)])
@pytest.mark.parametrize("drawn", [4, 20, 39])
def test_audit_and_draw_together_are_wrong_as_seldom_as_promised(
    documents: int, good: int, drawn: int
) -> None:
    assert wrong_partial(documents, good, 200, drawn, 0.05, carried=True) <= 0.05


weights_of = st.lists(st.integers(0, 10**6), min_size=1, max_size=60).filter(any)


@given(weights_of, st.floats(0, 1), st.floats(1e-6, 0.5), st.data())
def test_it_orders_as_it_should(
    weights: list[int], lower: float, delta: float, data: st.DataObject
) -> None:
    lengths = Lengths.of(np.array(weights))
    drawn = data.draw(st.integers(1, len(weights)))
    bound = partial_lower(lower, lengths, drawn, delta)
    assert 0 <= bound <= lower
    term = draw_term(
        documents=lengths.documents,
        mean=lengths.mean,
        largest=lengths.largest,
        drawn=drawn,
        delta=delta,
    )
    assert bound >= lower - term - 1e-12
    assert partial_lower(lower, lengths, drawn, delta / 2) <= bound + 1e-6
    assert partial_lower(lower, lengths, len(weights), delta) == lower


@given(weights_of, st.floats(0.001, 1), st.floats(0, 3))
def test_lengths_in_brief_make_no_mean_of_a_convex_function_smaller(
    weights: list[int], gain: float, rate: float
) -> None:
    lengths = Lengths.of(np.array(weights))
    assert lengths.numbers.sum() == pytest.approx(len(weights))
    assert (lengths.points * lengths.numbers).sum() == pytest.approx(sum(weights))
    assert lengths.total == sum(weights)
    assert (np.diff(lengths.points) <= 0).all()
    for factor in (gain * rate, -gain * rate):
        exact = np.exp(factor * np.array(weights) / max(weights)).sum()
        brief = (lengths.numbers * np.exp(factor * lengths.points / max(weights))).sum()
        assert brief >= exact * (1 - 1e-9)


def test_few_long_documents_do_not_make_it_vacuous() -> None:
    weights = np.random.default_rng(1).lognormal(7, 1.2, 100_000).astype(np.int64) + 1
    lengths = Lengths.of(weights)
    term = draw_term(
        documents=100_000, mean=lengths.mean, largest=lengths.largest, drawn=10_000, delta=0.025
    )
    assert term > 1
    assert partial_lower(0.95, lengths, 10_000, 0.025) > 0.9
    assert len(lengths.points) < 100


def test_nothing_human_promises_nothing() -> None:
    assert partial_lower(0.0, Lengths.of(ALIKE), 3, 0.05) == 0


def test_the_way_is_chosen_without_a_look_at_verdicts() -> None:
    lengths = Lengths.of(np.full(100_000, 1000))

    def way(draws: int, drawn: int) -> Way:
        return better_way(draws=draws, expected=0.97, lengths=lengths, drawn=drawn, delta=0.01)

    # Many labels and few documents: most of the labels are of what was not drawn.
    assert way(5000, 5000) is Way.POPULATION
    assert way(400, 99_000) is Way.SURVIVORS
    # No more than its own bounds say.
    whole = fixed_lower(4850, 5000, 0.005)
    assert partial_lower(whole, lengths, 5000, 0.005) > fixed_lower(242, 250, 0.01)


@pytest.mark.parametrize(
    ("drawn", "message"), [(0, "`drawn` is 0"), (8, "8 of 7 documents are drawn")]
)
def test_what_is_no_draw_is_refused(drawn: int, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        partial_lower(0.9, Lengths.of(ALIKE), drawn, 0.05)


@pytest.mark.parametrize(
    "weights", [np.array([], np.int64), np.array([0, 0]), np.array([1, -1]), np.array([0.5])]
)
def test_what_are_no_lengths_is_refused(weights: np.ndarray) -> None:
    with pytest.raises(InvalidInputError):
        Lengths.of(weights)
