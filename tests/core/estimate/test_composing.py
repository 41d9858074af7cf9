from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from registry.core.estimate import Part, compose, divided, fixed_lowers
from registry.errors import InvalidInputError, NotFoundError

CRAWL = Part("crawl@1", 600, 0.875)
VAULT = Part("vault@2", 300, 1.0, asserted=True)
REST = Part("rest@1", 100, 0.0)


def test_an_assertion_is_never_in_the_audited_number() -> None:
    mixed = compose([CRAWL, VAULT, REST])
    assert mixed.lower == Fraction(825, 1000)
    assert mixed.audited == Fraction(525, 1000)
    assert mixed.conditional
    assert not compose([CRAWL, REST]).conditional
    assert compose([CRAWL, REST]).audited == compose([CRAWL, REST]).lower == Fraction(525, 700)


def test_what_if_the_vault_is_only_99_per_cent_human() -> None:
    mixed = compose([CRAWL, VAULT, REST])
    assert mixed.lower_if({"vault@2": 0.99}) == Fraction(525) / 1000 + Fraction(0.99) * 300 / 1000
    assert mixed.slope("vault@2") == Fraction(3, 10)
    assert mixed.lower_if({}) == mixed.lower


def test_how_wrong_an_assertion_may_be() -> None:
    mixed = compose([CRAWL, VAULT, REST])
    least = mixed.least_assertion("vault@2", Fraction(8, 10))
    assert least == Fraction(275, 300)
    assert mixed.lower_if({"vault@2": float(least)}) == pytest.approx(0.8)
    assert mixed.least_assertion("vault@2", Fraction(1, 2)) == 0
    assert mixed.least_assertion("vault@2", Fraction(9, 10)) is None


def test_the_share_is_kept_exactly_or_not() -> None:
    third = compose([Part("a", 1, 1.0), Part("b", 2, 0.0)])
    assert third.keeps(Fraction(1, 3))
    assert not third.keeps(Fraction(1, 3) + Fraction(1, 10**40))
    assert compose([]).keeps(Fraction(1))
    assert compose([]).lower == 0


parts = st.lists(
    st.tuples(st.integers(0, 10**18), st.floats(0, 1), st.booleans()), min_size=1, max_size=6
)


@given(parts, st.fractions(0, 1), st.data())
def test_the_least_assertion_is_the_least(
    made: list[tuple[int, float, bool]], share: Fraction, data: st.DataObject
) -> None:
    mixed = compose([Part(str(at), *part) for at, part in enumerate(made)])
    assert 0 <= mixed.audited <= mixed.lower <= 1
    asserted = [part for part in mixed.parts if part.asserted]
    if not asserted:
        return
    part = data.draw(st.sampled_from(asserted))
    others = mixed.lower * mixed.weight - part.human
    least = mixed.least_assertion(part.name, share)
    if least is None:
        assert others + part.weight < share * mixed.weight
    else:
        assert others + least * part.weight >= share * mixed.weight
        assert least == 0 or others + least * part.weight == share * mixed.weight


def test_only_what_is_asserted_can_be_supposed_otherwise() -> None:
    mixed = compose([CRAWL, VAULT])
    with pytest.raises(InvalidInputError, match="`crawl@1` is not asserted"):
        mixed.lower_if({"crawl@1": 0.5})
    with pytest.raises(NotFoundError, match="no part `vault@3`"):
        mixed.least_assertion("vault@3", Fraction(1, 2))
    with pytest.raises(InvalidInputError, match="`share` is"):
        mixed.lower_if({"vault@2": 1.5})
    with pytest.raises(InvalidInputError, match="two parts"):
        compose([CRAWL, CRAWL])
    with pytest.raises(InvalidInputError, match="weighs -1"):
        Part("a", -1, 0.5)
    with pytest.raises(InvalidInputError, match="`lower` is 2"):
        Part("a", 1, 2)


def test_delta_is_divided_over_everything_that_could_be_chosen() -> None:
    assert divided(0.05) == 0.05
    assert divided(0.05, candidates=4, slices=5) == 0.05 / 20
    with pytest.raises(InvalidInputError, match="`candidates` is 0"):
        divided(0.05, candidates=0)
    with pytest.raises(InvalidInputError, match="`delta` is 5"):
        divided(5)


def test_the_best_of_three_audits_is_wrong_as_seldom_as_promised() -> None:
    """All outcomes of three audits of 60 draws: whichever is chosen, and any mixture of them."""
    human = np.arange(61)
    for share in (0.6, 0.9, 0.95):
        chances = stats.binom.pmf(human, 60, share)
        over = fixed_lowers(human, 60, divided(0.1, candidates=3)) > share
        best_wrong = 1 - (1 - chances[over].sum()) ** 3
        assert best_wrong <= 0.1
        naive = fixed_lowers(human, 60, 0.1) > share
        assert 1 - (1 - chances[naive].sum()) ** 3 > 0.1
