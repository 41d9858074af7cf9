"""What the index finds is what is there: compared with looking at every document."""

from __future__ import annotations

import numpy as np

from registry.index.reading import Cache, Index
from tests.index.making import (
    Catalogue,
    Documents,
    answer,
    bands_of,
    hashes_of,
    keys_of,
    questions_of,
    random_documents,
)


def test_answers_are_those_of_looking_at_every_document(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(1)
    catalogue.add(random_documents(rng, 40), random_documents(rng, 1), random_documents(rng, 33))
    catalogue.add(random_documents(rng, 5))
    catalogue.add(random_documents(rng, 700), batch=100)
    with catalogue.database.read() as session, Index.open(session, catalogue.store) as index:
        catalogue.compare(index)


def test_only_those_asked_among_answer(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(2)
    first = catalogue.add(random_documents(rng, 40))
    second = catalogue.add(random_documents(rng, 40))
    numbers = list(range(60))
    with catalogue.database.read() as session, Index.open(session, catalogue.store) as index:
        both = answer(index.content(hashes_of(numbers)))
        for one in (first, second):
            alone = answer(index.content(hashes_of(numbers), among=[one]))
            assert alone == {it for it in both if it[1] == one}
        keys = keys_of(np.array(numbers))
        assert answer(index.passages(keys, among=[])) == set()
        bands = bands_of(questions_of(60))
        assert answer(index.bands(bands, among=[second])) == {
            it for it in answer(index.bands(bands)) if it[1] == second
        }


def test_an_empty_index_answers_nothing(catalogue: Catalogue) -> None:
    with catalogue.database.read() as session, Index.open(session, catalogue.store) as index:
        assert len(index.content(hashes_of([1, 2]))) == 0
        assert len(index.bands(np.zeros((3, 4), np.uint64))) == 0
        assert len(index.passages(np.zeros(3, np.uint64))) == 0
        assert index.sketched() == {}


def test_documents_without_tokens_are_found_by_content_only(catalogue: Catalogue) -> None:
    place = catalogue.add(Documents([1, 1, 2], [[], [], []], [[], [], []]))
    with catalogue.database.read() as session, Index.open(session, catalogue.store) as index:
        assert answer(index.content(hashes_of([1]))) == {(0, place, 0), (0, place, 1)}
        assert len(index.bands(np.zeros((1, 4), np.uint64))) == 0
        assert (index.signatures(place, np.array([2])) == 0xFFFFFFFF).all()


def test_a_cache_keeps_segments_open_and_sees_new_ones(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(3)
    catalogue.add(random_documents(rng, 20))
    cache = Cache()
    for _ in range(3):
        with (
            catalogue.database.read() as session,
            Index.open(session, catalogue.store, cache=cache) as index,
        ):
            catalogue.compare(index)
        catalogue.add(random_documents(rng, 20))
    assert len(cache.leases) == 9
    cache.close()
