from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from registry.batch import Asked, find, sql
from registry.batch.engine import Engine, Limits
from registry.batch.stages import Workspace
from registry.errors import InvalidInputError
from tests.batch import killed
from tests.batch.made import (
    LIMITS,
    brute,
    clustered,
    groups,
    listed,
    run,
    source,
    story,
)
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("threshold", [0.5, 0.8, 1.0])
def test_within_a_version_all_pairs_that_brute_force_knows(
    tmp_path: Path, threshold: float, exact: bool
) -> None:
    texts = story(random.Random(1), 120)
    pairs, clusters, found = run(
        Asked([source(texts)], threshold=threshold, exact=exact, limits=LIMITS), tmp_path / "b"
    )
    expected = brute(texts, threshold=threshold, exact=exact)
    assert set(pairs) == expected
    assert len(pairs) == len(expected), "a pair is listed twice"
    assert pairs == sorted(pairs, key=lambda pair: (pair.left, pair.right))
    assert clusters == groups(expected)
    assert found.clusters.facts["clusters"] == len(clusters)
    near = [pair.accepted for pair in pairs if pair.kind == "near"]
    assert near.count(False) > 10 or threshold == 0.5
    assert near.count(True) > 10 or threshold == 1


@pytest.mark.parametrize("exact", [False, True])
def test_between_two_versions_only_pairs_with_a_document_of_each(
    tmp_path: Path, exact: bool
) -> None:
    rng = random.Random(2)
    whole = story(rng, 200)
    rng.shuffle(whole)
    mine, theirs = whole[:80], whole[80:]
    # The one that is asked about may be the younger one.
    for folder, (first, second) in enumerate([(1, 2), (2, 1)]):
        asked = Asked([source(mine, first)], [source(theirs, second)], exact=exact, limits=LIMITS)
        pairs, clusters, _ = run(asked, tmp_path / str(folder))
        expected = brute(mine, theirs, exact=exact)
        number = {first: 1, second: 2}
        assert {
            (number[it.left[0]], it.left[1], number[it.right[0]], it.right[1], it.kind)
            for it in pairs
        } == {(*it.left, *it.right, it.kind) for it in expected}
        assert len(pairs) == len(expected)
        renamed = {frozenset((number[side], row) for side, row in group) for group in clusters}
        assert renamed == groups(expected)


def test_what_is_counted_is_what_is_listed(tmp_path: Path) -> None:
    texts = story(random.Random(3), 150)
    for between in (False, True):
        theirs = [source(texts[60:], 2)] if between else []
        asked = Asked([source(texts[:60] if between else texts)], theirs, limits=LIMITS)
        with Workspace(tmp_path / str(between)) as space:
            found = find(asked, space)
            pairs = listed(found, space)
            with Engine(space.root, space.root / "spill", LIMITS) as engine:
                found.see(engine)
                counted = engine.all(sql.counted(between=between))
                _, exact = engine.one(sql.exact_counted(between=between))
        for accepted in (False, True):
            near = [it for it in pairs if it.kind == "near" and it.accepted == accepted]
            assert sum(n for is_accepted, _, n in counted if is_accepted == accepted) == len(near)
            for _, step, number in (row for row in counted if row[0] == accepted):
                inside = [it for it in near if step / 20 <= it.similarity < (step + 1) / 20]
                assert len(inside) == number
        assert exact == len([it for it in pairs if it.kind == "exact"]) > 0


def test_components_by_sql_are_those_by_scipy(tmp_path: Path) -> None:
    rng = random.Random(4)
    # A chain, whose ends are far apart: the hard case for stars.
    words = [str(n) for n in range(300)]
    texts = []
    for changed in range(60):
        words[5 * changed] = "changed"
        texts.append(" ".join(words))
    texts += story(rng, 80)
    rng.shuffle(texts)
    one = Asked([source(texts)], limits=LIMITS)
    two = Asked([source(texts)], limits=LIMITS, edges_in_memory=0)
    _, expected, by_scipy = run(one, tmp_path / "scipy")
    _, clusters, by_sql = run(two, tmp_path / "sql")
    assert clusters == expected == groups(brute(texts))
    assert max(map(len, clusters)) >= 60
    assert by_scipy.clusters.facts["rounds"] == 0
    assert by_sql.clusters.facts["rounds"] > 1


def test_boilerplate_is_complete_unless_it_is_too_much_and_then_that_is_said(
    tmp_path: Path,
) -> None:
    rng = random.Random(5)
    template = " ".join(f"t{n}" for n in range(300))
    texts = [f"{template} {n}" for n in range(40)] + story(rng, 30)
    pairs, clusters, found = run(Asked([source(texts)], limits=LIMITS), tmp_path / "all")
    assert set(pairs) == brute(texts)
    assert not found.capped["buckets"]
    few, same, found = run(Asked([source(texts)], limits=LIMITS, pair_limit=100), tmp_path / "few")
    assert found.capped["buckets"] > 0
    assert found.capped["pairs"] >= 40 * 39 // 2
    assert set(few) < set(pairs)
    assert same == clusters, "a star hangs together as the whole does"


def test_copies_beyond_the_limit_are_listed_with_the_first_one(tmp_path: Path) -> None:
    text = " ".join(f"t{n}" for n in range(200))
    texts = [text] * 30 + [f"{text} more"] * 20
    asked = Asked([source(texts)], limits=LIMITS, pair_limit=100)
    with Workspace(tmp_path / "b") as space:
        found = find(asked, space)
        pairs = listed(found, space)
        with Engine(space.root, space.root / "spill", LIMITS) as engine:
            found.see(engine)
            assert engine.one(sql.exact_counted(between=False)) == (2, 435 + 190)
            unlisted = engine.one(sql.unlisted(100, between=False, everything=False))
        assert unlisted == (3, 435 + 190 + 600)
        assert clustered(found, space) == {frozenset((1, row) for row in range(50))}
    assert sorted(pair.kind for pair in pairs) == ["exact"] * (29 + 19) + ["near"]


def test_nothing_to_find(tmp_path: Path) -> None:
    for number, texts in enumerate([["alone"], [""], ["a b c", "d e f"]]):
        pairs, clusters, found = run(
            Asked([source(texts)], limits=LIMITS, exact=True), tmp_path / str(number)
        )
        assert (pairs, clusters) == ([], set())
        assert found.texts.facts["mine"] == len(texts)


def test_texts_without_a_word_are_found_only_where_they_are_equal(tmp_path: Path) -> None:
    texts = ["", "!", "", "?", "!"]
    pairs, _, found = run(Asked([source(texts)], limits=LIMITS), tmp_path / "b")
    assert [(it.left[1], it.right[1], it.kind) for it in pairs] == [
        (0, 2, "exact"),
        (1, 4, "exact"),
    ]
    assert found.texts.facts["unsketched"] == 5


def test_another_threshold_compares_nothing_again(tmp_path: Path) -> None:
    texts = story(random.Random(6), 60)
    run(Asked([source(texts)], limits=LIMITS), tmp_path / "b")
    pairs, _, found = run(Asked([source(texts)], threshold=0.6, limits=LIMITS), tmp_path / "b")
    assert found.reused == ("texts", "compared")
    assert set(pairs) == brute(texts, threshold=0.6)
    more, _, found = run(Asked([source([*texts, texts[0]])], limits=LIMITS), tmp_path / "b")
    assert found.reused == ()
    assert set(more) == brute([*texts, texts[0]])


def test_a_run_that_is_killed_anywhere_is_continued(tmp_path: Path) -> None:
    texts = killed.texts()
    expected, clusters, _ = run(killed.asked(texts), tmp_path / "whole")
    work = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-m", "tests.batch.killed", work, "2"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert said["points"] > 30
    assert said["killed"] >= 10
    assert said["left"] > 5, "nothing was ever half-made"
    pairs, same, found = run(killed.asked(texts), work)
    assert (pairs, same) == (expected, clusters)
    assert "texts" in found.reused
    assert not [path for path in work.iterdir() if path.name.startswith(".")]


def test_options_out_of_range(tmp_path: Path) -> None:
    for wrong in (0.0, -1.0, 1.5, float("nan")):
        with pytest.raises(InvalidInputError, match="smallest similarity"):
            Asked([source(["x"])], threshold=wrong)
    with pytest.raises(InvalidInputError, match="memory"):
        Asked([source(["x"])], limits=Limits(memory=1000))
    with pytest.raises(InvalidInputError, match="more than any machine has"):
        Asked([source(["x"])], limits=Limits(memory=10**30))
    for pairs in (0, 10**26):
        with pytest.raises(InvalidInputError, match="is not from 1 to"):
            Asked([source(["x"])], pair_limit=pairs)
    with pytest.raises(InvalidInputError, match="too large"):
        source(["x"], number=1 << 31)


def test_the_rule_names_all_that_near_depends_on() -> None:
    assert Asked([source(["x"])]).rule == "near/v1 sketch/v1 128 20x6 ≥0.8"
    assert Asked([source(["x"])], threshold=0.75, exact=True).rule == (
        "near/v1 sketch/v1 128 20x6 jaccard ≥0.75"
    )
