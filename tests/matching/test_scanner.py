"""What a scanner finds is what a look at all pairs of texts finds."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest

from registry.matching import Kind, Target
from tests.matching.scanning import array, first_place, pairs, scanner
from tests.query.test_whereis import prose
from tests.world import World


def words(seed: int, many: int) -> list[str]:
    return prose(seed, many).split()


def pasted(rng: random.Random, page: list[str], piece: list[str]) -> str:
    at = rng.randrange(len(page))
    return " ".join([*page[:at], *piece, *page[at:]])


def edited(text: str, every: int) -> str:
    """Replace one word of each so many."""
    return " ".join(f"q{at}" if at % every == 3 else it for at, it in enumerate(text.split()))


def test_equal_alike_and_contained_documents_are_found_and_others_not(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("models", [prose(seed) for seed in range(50)])
    asked = [
        prose(7),
        edited(prose(8), 60),
        " ".join([*words(900, 300), *words(9, 120)[20:60], *words(901, 300)]),
        prose(1000),
        "",
        "one",
    ]
    with scanner(world, "models") as scan:
        found = scan.scan(array(asked))
    assert pairs(world, found, "models") == [
        (0, "exact", "models", 7),
        (1, "near", "models", 8),
        (2, "passage", "models", 9),
    ]
    assert found.similarity[1] > 0.8
    assert (found.run[2], found.token[2], found.of[2]) == (40, 300, 120)
    assert found.verified.tolist() == [False, False, True]


@pytest.mark.parametrize("window", [6, 18])
def test_every_run_of_the_guaranteed_length_is_found_wherever_it_stands(
    sqlite_world: World, window: int
) -> None:
    world, rng = sqlite_world, random.Random(window)
    least = window + 7
    documents = [prose(seed, rng.choice([least, 60, 300])) for seed in range(200)]
    world.register("items", documents, window=window)
    asked, expected = [], set()
    for number, document in enumerate(documents):
        tokens = document.split()
        begin = rng.randrange(len(tokens) - least + 1)
        asked.append(pasted(rng, words(5000 + number, 200), tokens[begin : begin + least]))
        expected.add((number, number))
    target = {"items": {"run": least, "every": True}}
    with scanner(world, "items", options=target) as scan:
        assert scan.reach[first_place(world, "items")[1].id].tokens == least
        found = scan.scan(array(asked))
    got = set(zip(found.question.tolist(), found.row.tolist(), strict=True))
    assert got == expected
    # A page of 200 tokens may resemble no document: all of them are passages.
    assert set(found.kind.tolist()) == {Kind.PASSAGE}
    assert (found.run >= least).all()


def test_a_short_item_that_stands_in_a_page_is_found_whole(sqlite_world: World) -> None:
    world, rng = sqlite_world, random.Random(3)
    items = [prose(seed, 8 + seed % 5) for seed in range(60)]
    world.register("questions", items, window=6)
    asked = [pasted(rng, words(700 + at, 150), item.split()) for at, item in enumerate(items)]
    with scanner(world, "questions", options={"questions": {"run": 13, "every": True}}) as scan:
        found = scan.scan(array(asked))
    assert pairs(world, found, "questions") == [
        (at, "passage", "questions", at) for at in range(60)
    ]
    assert (found.covered == found.of).all()


def test_a_text_that_was_changed_at_many_places_is_found_by_what_is_left_of_it(
    sqlite_world: World,
) -> None:
    world, rng = sqlite_world, random.Random(5)
    documents = [prose(seed, 60) for seed in range(100)]
    world.register("models", documents)
    # No run of 25 tokens is left, but most of the document is.
    asked = [
        pasted(rng, words(800 + at, 400), edited(text, 20).split())
        for at, text in enumerate(documents)
    ]
    with scanner(world, "models") as scan:
        found = scan.scan(array(asked))
    assert len(found) >= 95
    assert (found.question == found.row).all()
    assert (found.run < 25).all()
    assert (2 * found.covered >= found.of).all()


def test_a_batch_and_its_texts_one_by_one_give_the_same(sqlite_world: World) -> None:
    world, rng = sqlite_world, random.Random(6)
    world.register("a", [prose(seed) for seed in range(40)])
    world.register("b", [prose(seed, 60) for seed in range(20, 60)], window=6)
    texts = [prose(rng.randrange(60), 120) for _ in range(20)]
    texts += [pasted(rng, words(900 + at, 50), words(at, 60)[:30]) for at in range(40)]
    with scanner(world, "a", "b") as scan:
        whole = pairs(world, scan.scan(array(texts)), "a", "b")
        single = [
            (at, *rest)
            for at, text in enumerate(texts)
            for _, *rest in pairs(world, scan.scan(array([text])), "a", "b")
        ]
        looked = scan.look(array(["", *texts]).slice(1))
        later = pairs(world, scan.compare(looked, array(texts)), "a", "b")
    assert whole == single == later
    assert len(whole) > 60


def test_only_the_versions_that_are_searched_answer(sqlite_world: World) -> None:
    world = sqlite_world
    for name in ("one", "two", "three"):
        world.register(name, [prose(1), prose(2), prose(3)])
    with scanner(world, "one", "three") as scan:
        found = scan.scan(array([prose(2)]))
    assert pairs(world, found, "one", "three") == [
        (0, "exact", "one", 1),
        (0, "exact", "three", 1),
    ]


def test_of_very_many_copies_the_closest_few_are_named(sqlite_world: World) -> None:
    world = sqlite_world
    boiler = words(1, 60)
    copies = [" ".join([*boiler, *words(10 + at, 30)]) for at in range(600)]
    world.register("crawl", copies)
    world.register("copies", [prose(2)] * 600)
    page = " ".join([*words(3000, 100), *boiler])
    with scanner(world, "crawl", "copies", listed=3) as scan:
        found = scan.scan(array([page, prose(2)]))
    kinds = [kind for _, kind, *_ in pairs(world, found, "crawl", "copies")]
    assert kinds == ["passage"] * 3 + ["exact"] * 3
    assert (found.run[:3] == 60).all()


def test_without_the_texts_a_passage_is_what_the_index_knows_of_it(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("models", [prose(seed) for seed in range(30)])
    page = " ".join([*words(900, 300), *words(9, 120)[20:90], *words(901, 300)])
    with scanner(world, "models", texts=None) as scan:
        found = scan.scan(array([page]))
    assert pairs(world, found, "models") == [(0, "passage", "models", 9)]
    assert not found.verified[0]
    assert 70 - 2 * 17 <= found.run[0] <= 70
    shutil.rmtree(world.folder / "files" / "models")
    with scanner(world, "models") as scan:
        gone = scan.scan(array([page]))
    assert (gone.run == found.run).all()
    assert not gone.verified.any()


def test_versions_without_sketches_or_passages_are_told_apart(sqlite_world: World) -> None:
    world = sqlite_world
    world.register("plain", [prose(1), prose(2)], window=None)
    world.register("whole", [prose(1), prose(2)])
    with scanner(world, "plain", "whole") as scan:
        reach = {name: scan.reach[first_place(world, name)[1].id] for name in ("plain", "whole")}
        found = scan.scan(array([prose(1), " ".join(words(2, 120)[:50])]))
    assert (reach["plain"].exact, reach["plain"].near, reach["plain"].tokens) == (True, True, None)
    assert not reach["plain"].is_complete(25)
    assert reach["whole"].is_complete(25)
    assert not reach["whole"].is_complete(13)
    assert pairs(world, found, "plain", "whole") == [
        (0, "exact", "plain", 0),
        (0, "exact", "whole", 0),
        (1, "passage", "whole", 1),
    ]


def test_a_scanner_of_nothing_finds_nothing(sqlite_world: World) -> None:
    sqlite_world.register("models", [prose(1)])
    with scanner(sqlite_world) as scan:
        assert len(scan.scan(array([prose(1)]))) == 0
        assert len(scan.scan(array([]))) == 0


def test_targets_are_values() -> None:
    assert Target(1, 2) == Target(1, 2)
    assert np.isclose(Target(1, 2).run, 25)


def test_a_text_that_shares_what_very_many_items_begin_with_is_never_passed_over_in_silence(
    sqlite_world: World,
) -> None:
    # This beginning has the least hashes of many windows, so that items are known by it alone.
    begin = words(7, 12)
    items = [" ".join([*begin, *words(1000 + number, 40)]) for number in range(300)]
    sqlite_world.register("items", items, window=6)
    piece = [" ".join(item.split()[:17]) for item in items[256:]]
    asked = [" ".join([*words(5000, 50), it, *words(6000, 50)]) for it in [*piece, prose(9)]]
    with scanner(sqlite_world, "items", options={"items": {"run": 13, "every": True}}) as scan:
        found = scan.scan(array(asked))
    assert np.unique(found.question).tolist() == list(range(len(piece)))
    assert found.cut.any()
    assert (found.verified | found.cut).all()
    assert (found.run[found.verified] >= 13).all()
