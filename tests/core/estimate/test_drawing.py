from __future__ import annotations

import hashlib
from collections import Counter
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from registry.core.estimate import (
    Units,
    audit_seed,
    draw_units,
    draw_without_replacement,
)
from registry.errors import InvalidInputError

ROOT = bytes(range(32))
SEED = audit_seed(ROOT, b"a nonce")


def containing(weights: list[int], unit: int) -> tuple[int, int]:
    """Return the document that contains a unit, and which of its units that is, by counting."""
    for document, weight in enumerate(weights):
        if unit < weight:
            return document, unit
        unit -= weight
    raise AssertionError("no such unit")


def test_a_buyer_needs_nothing_but_a_hash_to_repeat_a_draw() -> None:
    seed = hashlib.sha256(ROOT + b"the buyer's number: 42").digest()
    total = 10**15
    expected = []
    for at in range(1, 6):
        digest = hashlib.sha256(b"firsthand unit v1\n" + seed + at.to_bytes(8, "big")).digest()
        expected.append(int(Fraction(int.from_bytes(digest, "big"), 2**256) * total))
    assert draw_units(audit_seed(ROOT, b"the buyer's number: 42"), total, 5) == expected


def test_these_draws_never_change() -> None:
    assert draw_units(SEED, 1_000_000, 5) == UNITS
    assert draw_without_replacement(SEED, 1000, 5) == MEMBERS


UNITS = [224369, 177799, 187415, 915566, 426792]
MEMBERS = [56, 416, 378, 684, 350]


def test_an_audit_that_grows_goes_on_where_it_was() -> None:
    assert draw_units(SEED, 999, 40) + draw_units(SEED, 999, 60, first=41) == draw_units(
        SEED, 999, 100
    )


def test_another_root_or_nonce_is_another_draw() -> None:
    others = [audit_seed(ROOT[::-1], b"a nonce"), audit_seed(ROOT, b"another")]
    draws = [draw_units(seed, 10**9, 20) for seed in (SEED, *others)]
    assert len({tuple(draw) for draw in draws}) == 3


def test_floats_would_miss_units_beyond_two_to_the_53() -> None:
    total = 2**63 + 1
    drawn = draw_units(SEED, total, 2000)
    assert all(0 <= unit < total for unit in drawn)
    # Of 53 bits the lowest ten would always be 0.
    assert len({unit % 1024 for unit in drawn}) > 500


@pytest.mark.parametrize("total", [1, 2, 7, 2**64 - 1, 2**64, 10**30])
def test_every_draw_is_a_unit(total: int) -> None:
    assert all(0 <= unit < total for unit in draw_units(SEED, total, 300))


def test_units_are_drawn_alike() -> None:
    drawn = Counter(draw_units(SEED, 20, 20_000))
    assert stats.chisquare([drawn[unit] for unit in range(20)]).pvalue > 0.01


def test_documents_are_met_as_often_as_they_weigh() -> None:
    weights = [1, 0, 20, 300, 79]
    found = Units.of(weights).find(draw_units(SEED, 400, 20_000)).documents
    met = np.bincount(found, minlength=5)
    assert met[1] == 0
    expected = np.array([1, 20, 300, 79]) * 50
    assert stats.chisquare(met[[0, 2, 3, 4]], expected).pvalue > 0.01


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=12), st.data())
def test_the_document_of_a_unit_is_found_exactly(weights: list[int], data: st.DataObject) -> None:
    units = Units.of(weights)
    assert units.total == sum(weights)
    if units.total == 0:
        return
    edges = [end for end in accumulate(weights) if end < units.total]
    wanted = data.draw(st.lists(st.integers(0, units.total - 1), max_size=20))
    wanted += edges + [edge - 1 for edge in edges if edge]
    found = units.find(wanted)
    assert list(zip(found.documents.tolist(), found.offsets, strict=True)) == [
        containing(weights, unit) for unit in wanted
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64, np.object_])
def test_weights_may_come_in_any_whole_numbers(dtype: type) -> None:
    units = Units.of(np.array([200, 100, 0, 50], dtype))
    assert units.total == 350
    assert units.find([0, 199, 200, 300, 349]).documents.tolist() == [0, 0, 1, 3, 3]


def test_sums_beyond_64_bits_stay_exact() -> None:
    weights = np.array([2**63, 2**63, 2**63 + 1], np.uint64)
    units = Units.of(weights)
    assert units.total == 3 * 2**63 + 1
    found = units.find([2**63 - 1, 2**63, 2**64, 3 * 2**63])
    assert found.documents.tolist() == [0, 1, 2, 2]
    assert found.offsets == [2**63 - 1, 0, 0, 2**63]


def test_a_unit_in_a_document_of_a_field_is_told_by_its_offset() -> None:
    # A prompt of 30 bytes by a person, an answer of 70 by a model.
    found = Units.of([100, 100]).find([129, 130])
    assert found.documents.tolist() == [1, 1]
    assert [offset < 30 for offset in found.offsets] == [True, False]


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="`total` is 0"):
        draw_units(SEED, 0, 1)
    with pytest.raises(InvalidInputError, match="outside"):
        Units.of([3]).find([3])
    with pytest.raises(InvalidInputError, match="weighs -1"):
        Units.of([3, -1])
    with pytest.raises(InvalidInputError, match="whole numbers"):
        Units.of(np.array([1.5]))
    with pytest.raises(InvalidInputError, match="nonce is empty"):
        audit_seed(ROOT, b"")
    with pytest.raises(InvalidInputError, match="31 bytes"):
        audit_seed(ROOT[1:], b"1")
    assert Units.of([]).total == 0


@given(st.integers(0, 40), st.data())
def test_without_replacement_all_members_differ(population: int, data: st.DataObject) -> None:
    draws = data.draw(st.integers(0, population))
    drawn = draw_without_replacement(SEED, population, draws)
    assert len(set(drawn)) == draws
    assert set(drawn) <= set(range(population))
    assert drawn == draw_without_replacement(SEED, population, population)[:draws]


def test_without_replacement_all_orders_are_alike() -> None:
    seen = Counter(
        tuple(draw_without_replacement(audit_seed(ROOT, str(at).encode()), 4, 2))
        for at in range(6000)
    )
    assert len(seen) == 12
    assert stats.chisquare(list(seen.values())).pvalue > 0.01


def test_more_draws_than_members_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="cannot draw 5 of 4") as refused:
        draw_without_replacement(SEED, 4, 5)
    assert refused.value.hint == "look at all of them"
