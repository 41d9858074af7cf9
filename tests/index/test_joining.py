"""Joining one location with the others gives every pair that shares a key."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from registry.db.models import SegmentKind
from registry.index import joining
from registry.index.joining import Hubs
from registry.index.reading import Index
from tests.index.making import Catalogue, random_documents

Pairs = set[tuple[int, int, int]]


@pytest.fixture(params=[None, 16], ids=["one piece", "many pieces"])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a join hold so few entries that everything is cut into pieces."""
    if request.param:
        monkeypatch.setattr(joining, "PIECE", request.param)
        monkeypatch.setattr(joining, "PAIRS", request.param)


def pairs_of(catalogue: Catalogue, kind: SegmentKind, mine: int, *, within: bool) -> Pairs:
    def keys(location: int) -> list[set[Any]]:
        documents = catalogue.documents[location]
        if kind is SegmentKind.CONTENT:
            return [{text} for text in documents.texts]
        if kind is SegmentKind.BANDS:
            return [set(enumerate(one)) for one in documents.bands]
        return [set(one) for one in documents.passages]

    return {
        (row, other, there)
        for row, have in enumerate(keys(mine))
        for other in catalogue.documents
        if other != mine or within
        for there, also in enumerate(keys(other))
        if have & also and (other != mine or row < there)
    }


def joined(catalogue: Catalogue, kind: SegmentKind, mine: int, **more: object) -> Pairs:
    found: Pairs = set()
    with catalogue.database.read() as session, Index.open(session, catalogue.store) as index:
        for rows, others, there in index.joined(kind, mine, **more):  # type: ignore[arg-type]
            found |= set(zip(rows.tolist(), others.tolist(), there.tolist(), strict=True))
    return found


@pytest.mark.parametrize("kind", SegmentKind)
@pytest.mark.parametrize("within", [False, True])
@pytest.mark.usefixtures("pieces")
def test_every_pair_that_shares_a_key_is_given(
    catalogue: Catalogue, kind: SegmentKind, within: bool
) -> None:
    rng = np.random.default_rng(5)
    places = [catalogue.add(random_documents(rng, size, spread=200)) for size in (60, 9, 80)]
    for mine in places:
        expected = pairs_of(catalogue, kind, mine, within=within)
        assert joined(catalogue, kind, mine, within=within) == expected


@pytest.mark.usefixtures("pieces")
def test_only_those_asked_among_take_part(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(6)
    first, second, third = (catalogue.add(random_documents(rng, 30)) for _ in range(3))
    expected = pairs_of(catalogue, SegmentKind.BANDS, first, within=False)
    assert {one[1] for one in expected} == {second, third}
    for chosen in ([second], [], [first, third]):
        found = joined(catalogue, SegmentKind.BANDS, first, among=chosen)
        assert found == {one for one in expected if one[1] in chosen}


@pytest.mark.parametrize("kind", [SegmentKind.CONTENT, SegmentKind.BANDS])
@pytest.mark.usefixtures("pieces")
def test_pairs_around_hubs_are_the_same_whatever_else_is_there(
    catalogue: Catalogue, kind: SegmentKind
) -> None:
    most = 4
    rng = np.random.default_rng(7)
    places = [catalogue.add(random_documents(rng, 60, spread=3)) for _ in range(3)]
    for mine in places:
        hubs = Hubs(most)
        found = joined(catalogue, kind, mine, hubs=hubs)
        everything = pairs_of(catalogue, kind, mine, within=False)
        assert found < everything
        assert {one[:2] for one in found} == {one[:2] for one in everything}
        assert {one[1:] for one in found} == {one[1:] for one in everything}
        for other in set(places) - {mine}:
            alone = Hubs(most)
            expected, skipped = pairs_around_hubs(catalogue, kind, mine, other, most)
            assert {one for one in found if one[1] == other} == expected
            assert joined(catalogue, kind, mine, among=[other], hubs=alone) == expected
            assert hubs.skipped[other] == alone.skipped[other] == skipped > 0


def pairs_around_hubs(
    catalogue: Catalogue, kind: SegmentKind, mine: int, other: int, most: int
) -> tuple[Pairs, int]:
    """Return the pairs of two locations that have one of the first documents with a key."""
    found: Pairs = set()
    skipped = 0
    here, there = (keyed(catalogue, kind, place) for place in (mine, other))
    for key in here.keys() & there.keys():
        for left, row in enumerate(here[key]):
            for right, theirs in enumerate(there[key]):
                if min(left, right) < most:
                    found.add((row, other, theirs))
                else:
                    skipped += 1
    return found, skipped


def keyed(catalogue: Catalogue, kind: SegmentKind, place: int) -> dict[Any, list[int]]:
    """Return the rows of a location with each key, ascending."""
    documents = catalogue.documents[place]
    keys: list[list[Any]] = (
        [[text] for text in documents.texts]
        if kind is SegmentKind.CONTENT
        else [list(enumerate(one)) for one in documents.bands]
    )
    found: dict[Any, list[int]] = {}
    for row, have in enumerate(keys):
        for key in have:
            found.setdefault(key, []).append(row)
    return found


@pytest.mark.parametrize("share", [0.2, 0.9, 1.0])
@pytest.mark.usefixtures("pieces")
def test_rows_that_are_left_out_make_no_pair(catalogue: Catalogue, share: float) -> None:
    rng = np.random.default_rng(9)
    places = [catalogue.add(random_documents(rng, 40, spread=60)) for _ in range(4)]
    for mine in places:
        rows = rng.random(40) < 0.8
        without = {
            other: np.flatnonzero(rows & (rng.random(40) < share))
            for other in places[:3]
            if other != mine
        }
        found = joined(catalogue, SegmentKind.BANDS, mine, rows=rows, without=without)
        assert found == {
            (row, other, there)
            for row, other, there in pairs_of(catalogue, SegmentKind.BANDS, mine, within=False)
            if rows[row] and row not in without.get(other, [])
        }


def test_few_keys_are_looked_up_in_a_large_segment(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(8)
    few = catalogue.add(random_documents(rng, 2, spread=5000))
    catalogue.add(random_documents(rng, 3000, spread=5000), batch=1000)
    for kind in SegmentKind:
        expected = pairs_of(catalogue, kind, few, within=False)
        assert joined(catalogue, kind, few) == expected
