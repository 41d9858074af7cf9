"""Anchored: a protected version has the same text, but for one newline at the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import DatasetRef, Origin, Role, Visibility
from registry.core.evidence import DateInterval, DateKind
from registry.errors import ConflictError
from registry.query import anchors, texts
from registry.query.show import version_record
from tests.query.test_whereis import prose
from tests.world import World


def protect(world: World, name: str, texts_: list[str], **more: Any) -> None:
    world.register(name, texts_, keep=True, origin=Origin.HUMAN, **more)
    world.role(name, Role.PROTECTED)


def anchored(world: World, name: str, caller: Caller = OPERATOR, *, read: bool = True) -> Any:
    again = texts.reading(world.database, world.store, world.folder / "scratch") if read else None
    with world.database.read() as session:
        shown = version_record(session, world.store, DatasetRef.parse(name), caller, again=again)
    return shown["anchored"]


def summed(found: Any) -> tuple[int, int, int]:
    return found["documents"], found["exact"], found["normalised"]


def test_documents_with_the_bytes_of_a_protected_version_are_counted(world: World) -> None:
    world.register("crawl", ["one", "two", "two", prose(1), ""])
    assert summed(anchored(world, "crawl")) == (0, 0, 0)
    assert anchored(world, "crawl")["protected_versions"] == 0
    edited = prose(1).replace(prose(1).split()[9], "edited")
    protect(world, "old", ["two", "three", edited, ""])
    found = anchored(world, "crawl")
    assert summed(found) == (2, 2, 0)
    assert found["by"] == [{"dataset": "local/old", "version": 1, "documents": 2}]
    assert summed(anchored(world, "old")) == (3, 3, 0)
    world.role("old", Role.PROTECTED, given=False)
    assert summed(anchored(world, "crawl")) == (0, 0, 0)


def differ_in_a_newline(one: str, two: str) -> bool:
    """Say it as the page does."""
    return any(
        longer == shorter + ending and shorter
        for longer, shorter in ((one, two), (two, one))
        for ending in ("\n", "\r\n")
    )


ENDINGS = st.sampled_from(["", "\n", "\r\n", "\r", "\n\n", "\n\r\n", " ", " \n"])
STEMS = st.sampled_from(["", "a", "b", "a b"])


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
@pytest.mark.parametrize("block", [2, 1 << 18])
def test_one_newline_more_or_less_is_the_same_text_and_nothing_else_is(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch, block: int, data: st.DataObject
) -> None:
    world = sqlite_world
    drawn = st.lists(st.tuples(STEMS, ENDINGS).map("".join), min_size=1, max_size=6)
    tag = f"w{world.log_size()}"
    held, asked = data.draw(drawn), data.draw(drawn)
    protect(world, f"{tag}-held", held)
    world.register(f"{tag}-asked", asked)
    with monkeypatch.context() as patch:
        patch.setattr(anchors, "BLOCK", block)
        patch.setattr(anchors, "_PART", block)
        found = anchored(world, f"{tag}-asked")
    world.role(f"{tag}-held", Role.PROTECTED, given=False)
    exact = [bool(text) and text in held for text in asked]
    other = [any(differ_in_a_newline(text, it) for it in held) for text in asked]
    both = sum(not same and alike for same, alike in zip(exact, other, strict=True))
    assert (found["exact"], found["normalised"]) == (sum(exact), both)


def test_where_texts_were_not_read_yet_it_is_said(world: World) -> None:
    protect(world, "old", ["one\n", "two"])
    world.register("crawl", ["one", "two"])
    found = anchored(world, "crawl", read=False)
    assert summed(found) == (1, 1, 0)
    assert found["not_compared"] == [{"dataset": "local/old", "version": 1}]
    assert summed(anchored(world, "crawl")) == (2, 1, 1)
    assert summed(anchored(world, "crawl", read=False)) == (2, 1, 1)


def test_a_hidden_protected_version_anchors_nothing_for_others(world: World) -> None:
    world.register("open", ["one", "two"], visibility=Visibility.PUBLIC)
    before = anchored(world, "open", PUBLIC)
    protect(world, "secret", ["one", "two\n"], visibility=Visibility.PRIVATE)
    assert anchored(world, "open", PUBLIC) == before
    assert summed(anchored(world, "open")) == (2, 1, 1)


def rows(world: World, **where: Any) -> list[list[int]]:
    made = world.plan({"sources": ["crawl"], "where": where})
    return [part.rows.tolist() for part in made.inputs]


def test_recipes_filter_by_anchors_and_by_first_dates(world: World) -> None:
    published = (DateInterval.parse(DateKind.PUBLISHED, "2019"),)
    protect(world, "old", ["one", "two"], dates=published)
    late = (DateInterval.parse(DateKind.CAPTURED, "2024"),)
    edited = prose(1).replace(prose(1).split()[9], "edited")
    world.register("near", [edited], dates=published)
    world.register("crawl", ["one", "two\n", "three", prose(1)], dates=late)
    assert rows(world, anchored=True) == [[0, 1]]
    assert rows(world, anchored=False) == [[2, 3]]
    assert rows(world, first_seen_before="2022-11-30") == [[0]]
    assert rows(world, date_before="2022-11-30") == [[]]
    assert rows(world, first_seen_before="2025") == [[0, 1, 2, 3]]
    made = world.plan(
        {"sources": ["crawl"], "where": {"anchored": True, "first_seen_before": "2022-11-30"}}
    )
    assert [(out.reason, out.documents) for out in made.inputs[0].left_out] == [
        ("not first seen before 2022-11-30", 3)
    ]
    done = world.export(made)
    assert done.documents == 1


def test_protection_that_is_taken_while_exporting_stops_the_export(world: World) -> None:
    protect(world, "old", ["one"])
    world.register("crawl", ["one", "two"])
    made = world.plan({"sources": ["crawl"], "where": {"anchored": True}})
    world.role("old", Role.PROTECTED, given=False)
    with pytest.raises(ConflictError, match="protected"):
        world.export(made)
    assert not np.any([part.documents for part in world.plan(made.recipe.to_json()).inputs])
