"""Conflicts: between versions that hold the same texts, and within one; found, never decided."""

from __future__ import annotations

from typing import Any

import pytest

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import DatasetRef, Origin, Visibility
from registry.errors import NotFoundError
from registry.query.conflicts import listing
from tests.world import World, hashes_of

TEXTS = [f"Text {number} of a kind, slowly written." for number in range(6)]


def found(world: World, name: str | None = None, caller: Caller = OPERATOR) -> list[dict[str, Any]]:
    with world.database.read() as session:
        ref = None if name is None else DatasetRef.parse(name)
        return listing.numbered(session, world.store, ref, caller)


def brief(item: dict[str, Any]) -> tuple[Any, ...]:
    case = item["cases"][0]
    return (item["property"], item["there"]["dataset"], case["here"], case["there"], item["texts"])


def test_both_sides_have_it_and_nobody_s_claim_changes(world: World) -> None:
    world.register("prompts", TEXTS[:4], origin=Origin.HUMAN, license="MIT")
    world.register("chat", TEXTS[2:], origin=Origin.AI, license="CC0-1.0")
    assert [brief(it) for it in found(world, "prompts")] == [
        ("origin", "local/chat", "human", "ai", 2),
        ("license", "local/chat", "MIT", "CC0-1.0", 2),
    ]
    assert [brief(it) for it in found(world, "chat")] == [
        ("origin", "local/prompts", "ai", "human", 2),
        ("license", "local/prompts", "CC0-1.0", "MIT", 2),
    ]
    assert [it["number"] for it in found(world, "chat")] == [1, 2]
    # Once in the list of all, seen from the first by name.
    assert found(world) == found(world, "chat")


def test_what_was_claimed_since_counts_and_what_was_ended_does_not(world: World) -> None:
    world.register("prompts", TEXTS[:4], origin=Origin.HUMAN)
    world.register("crawl", TEXTS[2:])
    assert found(world) == []
    world.claim("crawl", Origin.AI, where=TEXTS[2:3])
    assert [brief(it) for it in found(world, "prompts")] == [
        ("origin", "local/crawl", "human", "ai", 1)
    ]
    world.resolve(world.dispute("prompts", Origin.AI, challenged=1), "upheld")
    assert found(world) == []


def test_claims_about_one_version_contradict_each_other(world: World) -> None:
    world.register("essays", TEXTS, origin=Origin.HUMAN)
    world.claim("essays", Origin.AI, where=TEXTS[:2])
    made = world.dispute("essays", Origin.ASSISTED, where=TEXTS[1:4])
    items = found(world)
    assert [(it["claims"], it["texts"]) for it in items] == [([1, 3], 3), ([1, 2], 2), ([2, 3], 1)]
    assert [brief(it)[2:4] for it in items] == [
        ("human", "assisted"), ("human", "ai"), ("ai", "assisted"),
    ]  # fmt: skip
    world.resolve(made, "rejected")
    assert [it["claims"] for it in found(world)] == [[1, 2]]


def test_not_knowing_contradicts_nobody_but_a_correction_to_unknown_does(world: World) -> None:
    world.register("essays", TEXTS, origin=Origin.UNKNOWN)
    world.register("essays", TEXTS, origin=Origin.HUMAN)
    assert found(world) == []
    world.claim("essays", Origin.UNKNOWN, where=TEXTS[:1])
    assert [it["claims"] for it in found(world)] == [[2, 3]]


def test_the_texts_of_a_conflict_are_those_it_counts(world: World) -> None:
    world.register("prompts", TEXTS[:4], origin=Origin.HUMAN)
    world.register("chat", TEXTS[2:], origin=Origin.AI)
    world.claim("prompts", Origin.ASSISTED, where=TEXTS[:3])
    with world.database.read() as session:
        for item in listing.numbered(session, world.store, DatasetRef.parse("prompts")):
            one, hashes = listing.texts_of(
                session, world.store, DatasetRef.parse("prompts"), item["number"]
            )
            assert (one.property, len(hashes)) == (item["property"], item["texts"])
        _, hashes = listing.texts_of(session, world.store, DatasetRef.parse("prompts"), 1)
        assert sorted(hashes) == sorted(hashes_of(TEXTS[2:4]))
        with pytest.raises(NotFoundError, match="no conflict 3"):
            listing.texts_of(session, world.store, DatasetRef.parse("prompts"), 3)


def test_what_is_hidden_contradicts_nobody(world: World) -> None:
    world.register("prompts", TEXTS[:4], origin=Origin.HUMAN, visibility=Visibility.PUBLIC)
    world.register("chat", TEXTS[2:], origin=Origin.AI)
    assert len(found(world)) == 1
    assert found(world, caller=PUBLIC) == []
    assert found(world, "prompts", PUBLIC) == []
    with pytest.raises(NotFoundError):
        found(world, "chat", PUBLIC)
