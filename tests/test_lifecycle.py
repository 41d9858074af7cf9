"""After the registration: corrections are new claims, lineage has no circles."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry import lifecycle
from registry.core.claim import ClaimKind, Property
from registry.core.dataset import Assessment, Origin
from registry.core.lineage import EdgeKind
from registry.db.models import Claim, LineageEdge
from registry.errors import ConflictError, InvalidInputError, NotFoundError, RegistryError
from registry.query import catalogue
from tests.world import World

TEXTS = [f"Text {number}." for number in range(6)]
HUMAN, ASSISTED, AI = Origin.HUMAN, Origin.ASSISTED, Origin.AI


def claims(world: World, name: str) -> list[Claim]:
    with world.database.read() as session:
        return list(catalogue.claims(session, world.version(name), Property.ORIGIN))


def edges(world: World, name: str) -> list[LineageEdge]:
    with world.database.read() as session:
        return list(catalogue.sources_of(session, world.version(name)))


# Corrections.


def test_a_correction_is_a_new_claim_and_the_old_one_stays(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    made = world.claim("essays", AI, reason="the author said so", generators=["b", "a", "b"])
    old, new = claims(world, "essays")
    assert (old.value, old.kind) == ({"origin": "human"}, ClaimKind.REGISTRATION)
    assert new.id == made.id
    assert new.value == {"origin": "ai", "generators": ["a", "b"]}
    assert (new.kind, new.assessment) == (ClaimKind.CORRECTION, Assessment.DECLARED)
    assert (new.reason, new.claimed_by) == ("the author said so", "reviewer")
    assert world.origins("essays") == {AI: 6}
    assert world.problems() == []


def test_a_correction_of_some_texts_changes_those_and_their_copies(world: World) -> None:
    world.register("essays", [*TEXTS, TEXTS[1]], origin=HUMAN)
    world.register("other", [TEXTS[1], "Something else."], origin=HUMAN)
    world.claim("essays", AI, where=TEXTS[:2])
    assert world.origins("essays") == {HUMAN: 4, AI: 3}
    # The same text in another dataset: it is called not human there as well.
    assert world.origins("other") == {HUMAN: 1, AI: 1}
    assert world.problems() == []


def test_a_claim_that_is_less_cautious_changes_nothing_that_counts(world: World) -> None:
    world.register("chat", TEXTS, origin=AI)
    world.claim("chat", HUMAN, reason="I like to think so")
    assert world.origins("chat") == {AI: 6}
    assert world.standing("chat").view.contested.all()


def test_what_was_exported_before_stays_as_it_was(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    first = world.export({"sources": ["essays"]}, "first")
    before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    world.claim("essays", AI, where=TEXTS[:3])
    second = world.export({"sources": ["essays"]}, "second")
    assert second.snapshot_root != first.snapshot_root
    assert {path: path.read_bytes() for path in before} == before
    plan = world.plan({"sources": ["essays"], "human": {"at_least": 0.9}})
    assert sum(item.documents for item in plan.inputs) <= 3
    assert world.problems() == []


def test_the_same_correction_twice_is_refused(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.claim("essays", AI, where=TEXTS[:1])
    world.claim("essays", AI, where=TEXTS[:2])
    world.claim("essays", AI)
    for where in (TEXTS[:1], TEXTS[1::-1], None):
        with pytest.raises(ConflictError, match="was claimed before, by reviewer"):
            world.claim("essays", AI, where=where)
    assert len(claims(world, "essays")) == 4
    assert world.problems() == []


def test_equal_lists_are_one_selection_whatever_their_order(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    world.claim("essays", AI, where=[TEXTS[2], TEXTS[0], TEXTS[2]])
    world.claim("essays", ASSISTED, where=[TEXTS[0], TEXTS[2]])
    selections = {claim.selection_id for claim in claims(world, "essays")} - {None}
    assert len(selections) == 1
    assert len(world.store.selections()) == 1
    assert world.problems() == []


def test_a_claim_is_about_the_version_named_or_the_latest(world: World) -> None:
    world.register("essays", TEXTS[:2], origin=HUMAN)
    world.register("essays", TEXTS[:4], origin=HUMAN)
    world.claim("essays@1", ASSISTED)
    world.claim("essays", AI, where=[TEXTS[3]])
    assert [claim.value["origin"] for claim in claims(world, "essays@1")] == ["human", "assisted"]
    assert world.origins("essays") == {HUMAN: 1, ASSISTED: 2, AI: 1}


@pytest.mark.parametrize("reason", ["", "  ", "\n", "because\x1b[31m"])
def test_a_correction_needs_a_reason_that_people_can_read(world: World, reason: str) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    with pytest.raises(InvalidInputError, match="needs a reason"):
        world.claim("essays", AI, reason=reason)
    assert len(claims(world, "essays")) == 1


@pytest.mark.parametrize(
    ("origin", "generators"),
    [(HUMAN, ["gpt-2"]), (Origin.UNKNOWN, ["gpt-2"]), (AI, [""]), (AI, ["gpt\x00"])],
)
def test_generators_must_make_sense(world: World, origin: Origin, generators: list[str]) -> None:
    world.register("essays", TEXTS)
    with pytest.raises(InvalidInputError):
        world.claim("essays", origin, generators=generators)


def test_texts_that_the_version_does_not_hold_are_refused(world: World) -> None:
    world.register("essays", TEXTS, origin=HUMAN)
    with pytest.raises(InvalidInputError, match="1 of 3 listed texts are not in") as caught:
        world.claim("essays", AI, where=[*TEXTS[:2], "Never seen."])
    assert hashlib.sha256(b"Never seen.").hexdigest() in caught.value.message
    with pytest.raises(InvalidInputError, match="names no document"):
        world.claim("essays", AI, where=[])
    assert world.log_size() == 2
    assert world.store.selections() == set()


def test_an_unknown_dataset_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.claim("nothing", AI)
    world.register("essays", TEXTS)
    with pytest.raises(NotFoundError, match="no version 2"):
        world.claim("essays@2", AI)


def test_a_selection_changed_on_disk_stops_everything_that_needs_it(world: World) -> None:
    """Read as it is, it would turn texts back into human ones."""
    world.register("essays", TEXTS, origin=HUMAN)
    world.claim("essays", AI, where=TEXTS[:3])
    (path,) = (world.store.root / "selections").iterdir()
    path.write_bytes(path.read_bytes()[:32])
    with pytest.raises(ConflictError, match="was changed"):
        world.plan({"sources": ["essays"]})
    path.unlink()
    with pytest.raises(ConflictError, match="is missing"):
        world.plan({"sources": ["essays"]})


# Lists of hashes.


def test_a_list_is_read_as_sha256sum_or_we_print_it(tmp_path: Path) -> None:
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in "abcd"]
    path = tmp_path / "hashes.txt"
    path.write_text(
        f"\ufeff{digests[0]}\n"
        f"{digests[1].upper()}  file name.txt\n\n"
        "# a comment\n"
        f"sha256:{digests[2]} # why\r\n"
        f"  {digests[3]}",
        "utf-8",
    )
    found = lifecycle.read_hash_list(path)
    assert [bytes(item).ljust(32, b"\0").hex() for item in found] == digests


@pytest.mark.parametrize("line", ["abc", "g" * 64, "0" * 63, "0" * 65, "md5:" + "0" * 64])
def test_a_line_that_is_something_else_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "hashes.txt"
    path.write_text(f"{'0' * 64}\n{line}\n", "utf-8")
    with pytest.raises(InvalidInputError, match="line 2 does not begin with a SHA-256"):
        lifecycle.read_hash_list(path)


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nothing", tmp_path, tmp_path / "binary"):
        with pytest.raises(InvalidInputError, match="cannot be read"):
            lifecycle.read_hash_list(path)


# Lineage.


def test_an_edge_says_what_came_from_what(world: World) -> None:
    world.register("raw", TEXTS, origin=HUMAN)
    world.register("raw", TEXTS[:5], origin=HUMAN)
    world.register("clean", TEXTS[:3])
    made = world.derive("clean", "raw@1", EdgeKind.FILTERED, note="longer than 5 words")
    (edge,) = edges(world, "clean")
    assert (edge.id, edge.kind, edge.note) == (made.id, EdgeKind.FILTERED, "longer than 5 words")
    assert (edge.source.number, edge.added_by) == (1, "tester")
    world.derive("clean", "raw@2", EdgeKind.FILTERED)
    world.derive("clean", "raw@2", EdgeKind.TRANSLATED)
    assert len(edges(world, "clean")) == 3
    assert world.problems() == []


def test_the_same_edge_twice_is_refused(world: World) -> None:
    world.register("raw", TEXTS)
    world.register("clean", TEXTS[:3])
    world.derive("clean", "raw")
    with pytest.raises(ConflictError, match="recorded already"):
        world.derive("clean", "raw@1", note="other words")
    assert len(edges(world, "clean")) == 1


def test_nothing_is_its_own_ancestor(world: World) -> None:
    for number, name in enumerate("abcd"):
        world.register(name, TEXTS[: number + 1])
    for name, source in (("b", "a"), ("c", "b"), ("d", "c"), ("d", "a")):
        world.derive(name, source)
    for name, source in (("a", "a"), ("a", "d"), ("b", "d"), ("a", "c")):
        with pytest.raises(ConflictError):
            world.derive(name, source)
    assert world.log_size() == 9
    assert world.problems() == []


def test_lineage_needs_both_ends(world: World) -> None:
    world.register("raw", TEXTS)
    for name, source in (("raw", "nothing"), ("nothing", "raw"), ("raw@2", "raw")):
        with pytest.raises(RegistryError):
            world.derive(name, source)
    assert world.log_size() == 2


def test_a_note_is_plain_text(world: World) -> None:
    world.register("raw", TEXTS)
    world.register("clean", TEXTS[:3])
    with pytest.raises(InvalidInputError, match="control characters"):
        world.derive("clean", "raw", note="\x1b[31mred")
    world.derive("clean", "raw", note="in two\n\tlines")
    assert len(edges(world, "clean")) == 1
