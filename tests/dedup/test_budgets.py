from __future__ import annotations

from fractions import Fraction

import pytest

from registry.core.dataset import DatasetRef
from registry.dedup.budgets import decimal, exceeded, parse
from registry.errors import InvalidInputError


def test_shares_and_percents_are_read_exactly() -> None:
    given = parse(["forum=5%", "team/crawl@2=0.05", "a=0", "b=100 %", "c=0.1%", "d=1"])
    assert given == {
        DatasetRef.parse("forum"): Fraction(1, 20),
        DatasetRef.parse("team/crawl@2"): Fraction(1, 20),
        DatasetRef.parse("a"): Fraction(0),
        DatasetRef.parse("b"): Fraction(1),
        DatasetRef.parse("c"): Fraction(1, 1000),
        DatasetRef.parse("d"): Fraction(1),
    }
    assert [decimal(it) for it in given.values()] == ["0.05", "0.05", "0", "1", "0.001", "1"]


@pytest.mark.parametrize("text", ["forum", "forum=", "forum=5", "=5%", "forum=101%", "forum=-1%"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse([text])
    assert error.value.hint


def test_a_budget_given_twice_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="given twice"):
        parse(["forum=5%", "local/forum=6%"])


def test_a_budget_that_is_used_up_is_kept() -> None:
    assert not exceeded(2, 10, Fraction(1, 5))
    assert exceeded(3, 10, Fraction(1, 5))
    assert not exceeded(0, 0, Fraction(0))
