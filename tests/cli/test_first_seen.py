from __future__ import annotations

from pathlib import Path

import pytest

from registry.core.dataset import Origin, Role
from registry.core.evidence import DateInterval, DateKind
from tests.cli.running import Cli
from tests.query.test_whereis import prose
from tests.world import World


@pytest.fixture
def shelf(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))
    published = (DateInterval.parse(DateKind.PUBLISHED, "2019"),)
    sqlite_world.register("old", ["one", "two", prose(1)], keep=True, dates=published)
    rows = [
        {"text": "one", "doc": "a", "at": "2024-02-01"},
        {"text": "two\n", "doc": "a", "at": "2024-02-01"},
        {"text": "three", "doc": "b"},
        {"text": prose(1).replace(prose(1).split()[9], "edited"), "doc": "c"},
    ]
    sqlite_world.register("crawl", rows, date_fields=[(DateKind.CAPTURED, "at")])
    return sqlite_world


def test_dates_are_told_with_whose_they_are_and_hints_apart(shelf: World, cli: Cli) -> None:
    ran = cli("first-seen", "crawl", "--by", "doc")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "crawl@1   1 of 4 documents (25.0 %) first seen before 2022-11-30"
    assert "1 document, 1 before: old@1, E1, the word of tester" in ran.out
    assert "doc: 1 of 3 values first seen before 2022-11-30" in ran.out
    assert "2 documents only similar to some of old@1: that lends no date" in ran.out
    assert lines[-1] == 'a date says "not by later models", never "human"'
    said = cli("first-seen", "crawl", "--before", "2025", "--json").json
    assert (said["first_seen"]["before"], said["first_seen"]["undated"]) == (2, 2)
    assert said["groups"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "there is no dataset `nothing`"),
        (["crawl", "--before", "soon"], "`soon` is not a date"),
        (["crawl", "--by", "page"], "has the field `page`"),
    ],
)
def test_what_cannot_be_answered_is_one_error(
    shelf: World, cli: Cli, arguments: list[str], message: str
) -> None:
    ran = cli("first-seen", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert message in ran.err


def test_a_hash_and_a_text_are_first_seen_by_the_same_bytes_only(shelf: World, cli: Cli) -> None:
    same = cli("whereis", "one", "--json").json
    assert (same["first_seen"]["dataset"], same["first_seen"]["claimed_by"]) == (
        "local/old",
        ["tester"],
    )
    newline = cli("whereis", "one\n", "--json").json
    assert newline["found"]
    assert newline["first_seen"] is None
    ran = cli("whereis", "one")
    assert "First seen  between 2019-01-01 and 2019-12-31 (E1), says tester of old@1" in ran.out


def test_show_counts_anchored_documents(shelf: World, cli: Cli) -> None:
    assert "Anchored" not in cli("show", "crawl").out
    shelf.role("old", Role.PROTECTED)
    ran = cli("show", "crawl")
    assert "2 of 4 documents with a text that a protected version has, old@1" in ran.out
    assert "1 document of them but for one newline at the end" in ran.out


def test_a_plan_says_what_was_left_out_and_what_was_not_searched_for(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    shelf.register("test", [prose(1), "one"], origin=Origin.HUMAN)
    shelf.role("test", Role.EVALUATION)
    recipe = tmp_path / "mix.yaml"
    recipe.write_text("sources: [crawl]\n", "utf-8")
    ran = cli("plan", str(recipe), "--explain")
    assert "left out for evaluation sets: 2 documents" in ran.out
    assert "test@1: 1 equal · 1 nearly equal · 0 with a shared passage" in ran.out
    assert "shared runs of 13 to 24 words were found by luck only" in ran.out
    assert "1 item of fewer than 8 words" in ran.out
    assert "crawl@1: 1 document" in ran.out
    recipe.write_text("sources: [crawl]\nexclude_evaluations: false\n", "utf-8")
    assert "evaluation sets are not excluded: the recipe says so" in cli("plan", str(recipe)).out
    recipe.write_text("sources: [crawl]\nwhere: {anchored: perhaps}\n", "utf-8")
    ran = cli("plan", str(recipe))
    assert ran.code == 1
    assert "expected true or false" in ran.err
