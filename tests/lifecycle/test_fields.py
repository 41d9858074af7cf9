"""Claims about one field of the records: of documents of their own, and of joined ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import intents
from registry.core.dataset import DatasetRef, Origin
from registry.errors import InvalidInputError
from registry.lifecycle import Assertion, Chosen, OfField, of_field
from registry.query import catalogue
from tests.world import World, hashes_of

PAIRS = [
    {"prompt": "Why?", "response": "Because of that."},
    {"prompt": "How?", "response": ""},
    {"prompt": "", "response": "Nobody asked."},
    {"prompt": "Why?", "response": "Because of that."},
]
HUMAN, MIXED, UNKNOWN, AI = Origin.HUMAN, Origin.MIXED, Origin.UNKNOWN, Origin.AI


def found(world: World, field: str, origin: Origin, within: Chosen | None = None) -> OfField:
    with world.database.read() as session:
        version = catalogue.version(session, DatasetRef.parse("pairs"))
        said = Assertion.of_origin(origin)
        return of_field(session, world.store, version, field, said, within=within)


def test_documents_that_a_field_gave_are_of_the_field(world: World) -> None:
    world.register("pairs", PAIRS[:1], split_fields=[("prompt", HUMAN), ("response", HUMAN)])
    world.dispute("pairs", AI, field="response")
    assert world.origins("pairs") == {HUMAN: 1, AI: 1}
    assert world.problems() == []


def test_of_joined_fields_the_bytes_of_the_other_ones_stay_human(world: World) -> None:
    world.register("pairs", PAIRS, text_fields=["prompt", "response"], origin=HUMAN)
    before = world.standing("pairs")
    assert before.view.human_bytes.sum() == before.bytes.sum()
    made = world.dispute("pairs", AI, field="response")
    assert made.field == "response"
    stand = world.standing("pairs")
    assert world.origins("pairs") == {HUMAN: 1, MIXED: 2, AI: 1}
    # "Why?", all of "How?\n", nothing, "Why?".
    assert stand.view.human_bytes.tolist() == [4, 5, 0, 4]
    world.resolve(made, "rejected")
    assert world.origins("pairs") == {HUMAN: 4}
    assert world.problems() == []


def test_the_shares_are_those_of_a_registration_by_field(world: World) -> None:
    world.register("pairs", PAIRS, text_fields=["prompt", "response"], origin=HUMAN)
    by_field = [("prompt", HUMAN), ("response", AI)]
    world.register("exact", PAIRS, origin_by_field=by_field)
    exact = world.standing("exact", across=False).view.human_bytes.tolist()
    world.dispute("pairs", AI, field="response")
    mine = world.standing("pairs", across=False).view.human_bytes.tolist()
    # A registration by field counts the newline of a document of one field for nobody.
    assert [min(pair) for pair in zip(mine, exact, strict=True)] == exact
    assert (mine[0], mine[2]) == (exact[0], exact[2])


def test_a_claim_about_one_field_makes_nothing_human(world: World) -> None:
    """Nobody spoke of the other field, or said that it is unknown."""
    world.register("pairs", PAIRS, text_fields=["prompt", "response"])
    world.dispute("pairs", AI, field="response")
    assert world.standing("pairs").view.human_bytes.sum() == 0
    world.dispute("pairs", Origin.UNKNOWN)
    assert world.standing("pairs").view.human_bytes.sum() == 0


def test_it_counts_for_the_same_text_elsewhere(world: World) -> None:
    world.register("pairs", PAIRS[:1], text_fields=["prompt", "response"], origin=HUMAN)
    world.register("lines", ["Why?\nBecause of that."], origin=HUMAN)
    world.dispute("pairs", AI, field="response")
    assert world.origins("lines") == {MIXED: 1}
    assert world.standing("lines").view.human_bytes.tolist() == [4]


def test_without_the_files_all_of_a_document_is_taken_and_that_is_said(world: World) -> None:
    world.register("pairs", PAIRS, text_fields=["prompt", "response"], origin=HUMAN, keep=True)
    for path in (world.folder / "files").rglob("*.jsonl"):
        path.unlink()
    about = found(world, "response", AI)
    assert about.whole is not None
    assert about.chosen.companion == {"field": "response", "whole": True}
    world.dispute("pairs", AI, field="response")
    assert world.origins("pairs") == {AI: 4}


def test_files_that_changed_are_not_believed(world: World) -> None:
    world.register("pairs", PAIRS[:2], text_fields=["prompt", "response"], origin=HUMAN)
    (path,) = (world.folder / "files").rglob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"How?", b"Who?"))
    about = found(world, "response", AI)
    assert about.whole is not None
    assert "does not hold the texts" in about.whole


def test_a_list_narrows_a_field(world: World) -> None:
    world.register("pairs", PAIRS, text_fields=["prompt", "response"], origin=HUMAN)
    some = Chosen(hashes_of(["Why?\nBecause of that.", "How?\n"]))
    assert len(found(world, "response", AI, some).chosen.hashes) == 1
    with pytest.raises(InvalidInputError, match="none of the texts is of the field"):
        found(world, "response", AI, Chosen(hashes_of(["How?\n"])))


def test_what_makes_no_sense_is_refused(world: World) -> None:
    world.register("pairs", PAIRS, text_fields=["prompt", "response"], origin=HUMAN)
    with pytest.raises(InvalidInputError, match="not registered with a field `answer`") as caught:
        found(world, "answer", AI)
    assert caught.value.hint == "its fields are `prompt`, `response`"
    for origin in (HUMAN, MIXED):
        with pytest.raises(InvalidInputError, match="says nothing about the rest"):
            found(world, "response", origin)


def test_the_shares_of_a_claim_survive_tidying_up_and_damage_is_noticed(
    world: World, tmp_path: Path
) -> None:
    world.register("pairs", PAIRS, text_fields=["prompt", "response"], origin=HUMAN)
    world.store.put_selection("0" * 64, b"nobody needs this")
    made = world.dispute("pairs", AI, field="response")
    intents.recover(world.database, world.store, now=world.clock())
    digest = made.claim.value["shares"]["bytes"]
    assert digest in world.store.selections()
    assert "0" * 64 not in world.store.selections()
    assert world.origins("pairs") == {HUMAN: 1, MIXED: 2, AI: 1}
    path = world.store.root / "selections" / digest
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Exception, match="was changed"):
        world.origins("pairs")


def test_a_deduplicated_version_has_the_same_shares(world: World) -> None:
    world.register("pairs", PAIRS[:3], text_fields=["prompt", "response"], origin=HUMAN)
    world.dispute("pairs", AI, field="response")
    world.dedup("pairs", name="once")
    stand = world.standing("once", across=False)
    assert sorted(stand.view.human_bytes.tolist()) == [0, 4, 5]
