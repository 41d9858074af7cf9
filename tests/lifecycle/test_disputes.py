"""Disputes: both sides count until somebody decides; only a decision ends a claim."""

from __future__ import annotations

import pytest

from registry import lifecycle
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import Origin
from registry.core.lineage import EdgeKind
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.lifecycle import Assertion
from registry.query import catalogue, disputes
from registry.query.show import version_record
from tests.world import World

TEXTS = [f"Text {number}." for number in range(6)]
HUMAN, ASSISTED, MIXED, UNKNOWN, AI = (
    Origin.HUMAN, Origin.ASSISTED, Origin.MIXED, Origin.UNKNOWN, Origin.AI,
)  # fmt: skip


def live(world: World, name: str) -> list[int]:
    """Return the numbers of the claims about the origin of a version that are live."""
    with world.database.read() as session:
        version = world.version(name)
        alive = {it.id for it in catalogue.claims(session, version, Property.ORIGIN)}
        return [it.number for it in disputes.numbered(session, version) if it.claim.id in alive]


def test_an_open_dispute_counts_at_once_and_everywhere(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.register("copies", TEXTS[:2], origin=HUMAN)
    made = world.dispute("essays", AI, where=TEXTS[:3], evidence="1" * 64)
    assert made.claim.kind is ClaimKind.DISPUTE
    assert made.claim.value == {"origin": "ai", "evidence": "1" * 64}
    assert world.origins("essays") == {HUMAN: 3, AI: 3}
    assert world.origins("copies") == {AI: 2}
    assert world.problems() == []


def test_a_dispute_that_names_nothing_says_unknown_and_that_counts_elsewhere(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.register("copies", TEXTS[:2], origin=HUMAN)
    world.dispute("essays")
    assert world.origins("essays") == {UNKNOWN: 6}
    assert world.origins("copies") == {UNKNOWN: 2}


def test_rejected_ends_what_the_dispute_claimed_and_nothing_else(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    made = world.dispute("essays", AI)
    done = world.resolve(made, "rejected")
    assert [it.id for it in done.ended] == [made.claim_id]
    assert live(world, "essays") == [1]
    assert world.origins("essays") == {HUMAN: 6}
    assert world.problems() == []


def test_upheld_ends_the_challenged_claim_and_the_dispute_stays(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    done = world.resolve(world.dispute("essays", AI, challenged=1), "upheld")
    assert (len(done.ended), done.wider) == (1, ())
    assert live(world, "essays") == [2]
    assert world.origins("essays") == {AI: 6}


def test_upheld_of_some_texts_leaves_a_claim_about_all(world: World) -> None:
    """Ending it would take the word of the owner from texts that nobody disputed."""
    world.register("essays", TEXTS, origin=HUMAN)
    done = world.resolve(world.dispute("essays", AI, where=TEXTS[:2], challenged=1), "upheld")
    assert done.ended == ()
    assert len(done.wider) == 1
    assert live(world, "essays") == [1, 2]
    assert world.origins("essays") == {HUMAN: 4, AI: 2}


def test_a_claim_that_was_wrong_can_be_undone_and_only_by_a_decision(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.claim("essays", AI, where=TEXTS[:2])
    made = world.dispute("essays", HUMAN, challenged=2, where=TEXTS[:3])
    assert world.origins("essays") == {HUMAN: 4, AI: 2}
    world.resolve(made, "upheld")
    assert world.origins("essays") == {HUMAN: 6}
    assert live(world, "essays") == [1, 3]


def test_without_a_claim_named_all_that_was_said_before_is_challenged(world: World) -> None:
    world.register("essays", [{"text": text, "by": "human"} for text in TEXTS], origin_field="by")
    world.claim("essays", ASSISTED, where=TEXTS[:2])
    first = world.dispute("essays", MIXED)
    second = world.dispute("essays", AI)
    world.claim("essays", ASSISTED)
    world.resolve(second, "upheld")
    # The other dispute is open, and what came after it nobody challenged.
    assert live(world, "essays") == [3, 4, 5]
    world.resolve(first, "rejected")
    assert live(world, "essays") == [4, 5]


def test_other_properties_are_not_ended(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN, license="MIT", language="en")
    world.resolve(world.dispute("essays", AI), "upheld")
    with world.database.read() as session:
        left = catalogue.claims(session, world.version("essays"))
    assert sorted(str(it.property) for it in left) == ["language", "license", "origin"]


def test_a_license_is_disputed_and_ends(world: World) -> None:
    world.register("essays", TEXTS, license="MIT")
    with world.database.write() as session:
        made = lifecycle.open_dispute(
            session, world.store, world.ref("essays"), Assertion.of_license("CC-BY-NC-4.0"),
            reason="its page says so", opened_by="me", now=world.clock(), challenged=1,
        )  # fmt: skip
    assert world.standing("essays").licenses.used() == ["CC-BY-NC-4.0", "MIT"]
    world.resolve(made, "upheld")
    assert world.standing("essays").licenses.used() == ["CC-BY-NC-4.0"]


def test_numbers_stay_and_an_ended_claim_says_by_what(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.resolve(world.dispute("essays", AI, challenged=1), "upheld")
    world.claim("essays", ASSISTED)
    with world.database.read() as session:
        record = version_record(session, world.store, world.ref("essays"))
    assert [it["number"] for it in record["claims"]] == [1, 2, 3]
    ended = [it["ended"] for it in record["claims"]]
    assert ended[1:] == [None, None]
    assert (ended[0]["dispute"], ended[0]["outcome"], ended[0]["role"]) == (
        1, "upheld", "data owner",
    )  # fmt: skip
    (dispute,) = record["disputes"]
    assert (dispute["state"], dispute["challenged"], dispute["claim"]) == ("upheld", 1, 2)
    assert dispute["resolution"]["ended"] == [1]


def test_a_dispute_is_decided_once(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    made = world.dispute("essays", AI)
    world.resolve(made, "rejected")
    for outcome in ("rejected", "upheld"):
        with pytest.raises(ConflictError, match="was rejected by decider"):
            world.resolve(made, outcome)
    with pytest.raises(NotFoundError, match="no dispute 7"):
        world.resolve(7, "upheld")
    assert world.origins("essays") == {HUMAN: 6}


def test_what_another_dispute_ended_is_not_ended_twice(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    first = world.dispute("essays", ASSISTED)
    second = world.dispute("essays", AI, challenged=2)
    world.resolve(second, "upheld")
    assert world.resolve(first, "rejected").ended == ()
    assert live(world, "essays") == [1, 3]
    assert world.problems() == []


def test_wrong_disputes_are_refused_and_leave_nothing(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN, license="MIT")
    world.resolve(world.dispute("essays", AI, challenged=1), "upheld")
    size = world.log_size()
    with pytest.raises(NotFoundError, match="no claim 9"):
        world.dispute("essays", MIXED, challenged=9)
    with pytest.raises(ConflictError, match="claim 1 has ended, by dispute 1"):
        world.dispute("essays", MIXED, challenged=1)
    with pytest.raises(InvalidInputError, match="claim 2 is about the license"):
        world.dispute("essays", MIXED, challenged=2)
    with pytest.raises(InvalidInputError, match="needs a reason"):
        world.dispute("essays", MIXED, reason=" ")
    with pytest.raises(InvalidInputError, match="not in"):
        world.dispute("essays", MIXED, where=["Never seen."])
    assert world.log_size() == size


def test_saying_it_again_after_it_ended_is_a_new_claim(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.resolve(world.dispute("essays", AI, challenged=1), "upheld")
    world.register("essays", TEXTS, origin=HUMAN)
    assert live(world, "essays") == [2, 3]
    assert world.origins("essays") == {AI: 6}


def test_a_deduplicated_version_keeps_what_was_disputed(world: World) -> None:
    """The dispute is about the copy: rejecting it there does not speak for the survivor."""
    world.register("essays", TEXTS, origin=HUMAN)
    made = world.dispute("essays", AI, where=TEXTS[:2])
    world.dedup("essays", name="once")
    world.resolve(made, "rejected")
    assert world.origins("once") == {HUMAN: 4, AI: 2}
    with world.database.read() as session:
        kinds = {it.kind for it in catalogue.claims(session, world.version("once"))}
    assert ClaimKind.DISPUTE not in kinds


def test_no_decision_undoes_lineage(world: World) -> None:
    world.register("prompts", ["Write a poem."], origin=HUMAN)
    world.register("chat", TEXTS, origin=AI)
    world.derive("chat", "prompts", EdgeKind.GENERATED)
    world.resolve(world.dispute("chat", HUMAN), "upheld")
    assert world.origins("chat") == {AI: 6}
