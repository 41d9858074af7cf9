"""What other versions have of the documents of one: found by registering, shown on both sides."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import DatasetRef, Origin, Visibility
from registry.core.evidence import DateInterval, DateKind
from registry.db.models import SketchTable
from registry.query import catalogue
from registry.query.overlaps.records import overlap_records
from registry.query.show import version_record
from registry.register import known
from tests.index.truth import sketch_all
from tests.world import Document, World

STORY = [f"word{number}" for number in range(60)]


def story(**changed: str) -> str:
    """Return a text of 60 words, some of which are others."""
    return " ".join(changed.get(word, word) for word in STORY)


def overlaps(world: World, name: str, caller: Caller = OPERATOR) -> list[dict[str, Any]]:
    """Return what is shown of a version, in order."""
    with world.database.read() as session:
        version = catalogue.version(session, DatasetRef.parse(name), caller)
        shown: list[dict[str, Any]] = overlap_records(session, version, caller)["listed"]
    return shown


def told(found: dict[str, Any]) -> tuple[str, str, int, int, int]:
    return (
        f"{found['dataset'].removeprefix('local/')}@{found['version']}",
        found["kind"],
        found["documents"],
        found["texts"],
        found["their_documents"],
    )


def conflicts(found: dict[str, Any]) -> dict[str, list[tuple[str, str, int]]]:
    return {
        one["property"]: [(case["here"], case["there"], case["texts"]) for case in one["cases"]]
        for one in found["conflicts"]
    }


def test_both_sides_say_what_they_share(world: World) -> None:
    world.register("first", ["One.", "Two.", "Three.", "Two."])
    done = world.register("second", ["Two.", "Three.", "Four."])
    assert done.known is not None
    assert [told(it) for it in done.known["overlaps"]["listed"]] == [("first@1", "exact", 2, 2, 3)]
    assert [told(it) for it in overlaps(world, "second")] == [("first@1", "exact", 2, 2, 3)]
    assert [told(it) for it in overlaps(world, "first")] == [("second@1", "exact", 3, 2, 2)]


def test_conflicts_are_told_with_each_side_s_words(world: World) -> None:
    world.register("a", ["Code.", "More."], origin="ai", generators=("gpt-4",), license="MIT")
    world.register(
        "b", ["Code.", "Own."], origin="ai", generators=("davinci",), license="CC-BY-NC-4.0"
    )
    (here,) = overlaps(world, "b")
    assert conflicts(here) == {
        "generator": [("davinci", "gpt-4", 1)],
        "license": [("CC-BY-NC-4.0", "MIT", 1)],
    }
    (there,) = overlaps(world, "a")
    assert conflicts(there) == {
        "generator": [("gpt-4", "davinci", 1)],
        "license": [("MIT", "CC-BY-NC-4.0", 1)],
    }


def test_an_origin_in_conflict_changes_no_claim_and_makes_the_text_not_human(world: World) -> None:
    world.register("people", ["Shared.", "By a person."], origin=Origin.HUMAN)
    world.register("chat", ["Shared."], origin=Origin.AI)
    (found,) = overlaps(world, "people")
    assert conflicts(found) == {"origin": [("human", "ai", 1)]}
    assert world.origins("people") == {Origin.HUMAN: 1, Origin.AI: 1}
    with world.database.read() as session:
        for name, said in (("people", "human"), ("chat", "ai")):
            version = catalogue.version(session, DatasetRef.parse(name))
            assert [it.value for it in catalogue.claims(session, version)] == [{"origin": said}]


def test_labels_of_single_documents_are_compared_text_by_text(world: World) -> None:
    world.register(
        "labelled",
        [{"text": "x", "by": "human"}, {"text": "y", "by": "ai"}, {"text": "z", "by": "ai"}],
        origin_field="by",
    )
    world.register("all", ["x", "y", "z"], origin="ai")
    (found,) = overlaps(world, "all")
    assert conflicts(found) == {"origin": [("ai", "human", 1)]}


def test_silence_and_unknown_contradict_nothing(world: World) -> None:
    world.register("silent", ["x", "y"])
    world.register("unknown", ["x", "y"], origin="unknown")
    world.register("said", ["x", "y"], origin="human", license="MIT")
    assert [it["conflicts"] for it in overlaps(world, "said")] == [[], []]


def test_dates_conflict_only_when_they_exclude_each_other(world: World) -> None:
    def dated(kind: DateKind, text: str) -> Any:
        return (DateInterval.parse(kind, text),)

    world.register("old", ["x"], dates=dated(DateKind.PUBLISHED, "2001..2005"))
    world.register("within", ["x"], dates=dated(DateKind.PUBLISHED, "2003..2010"))
    world.register("late", ["x"], dates=dated(DateKind.PUBLISHED, "2011..2012"))
    assert {it["dataset"]: conflicts(it) for it in overlaps(world, "late")} == {
        "local/old": {"date": [("2011-01-01..2012-12-31", "2001-01-01..2005-12-31", 1)]},
        "local/within": {"date": [("2011-01-01..2012-12-31", "2003-01-01..2010-12-31", 1)]},
    }


def test_conflicts_come_first_the_gravest_before_all(world: World) -> None:
    texts = [f"Text {number}." for number in range(9)]
    world.register("large", texts, origin="human", license="MIT")
    world.register("licensed", texts[:5], origin="human", license="CC0-1.0")
    world.register("made", texts[:2], origin="ai", license="MIT")
    world.register("new", texts, origin="human", license="MIT")
    assert [it["dataset"] for it in overlaps(world, "new")] == [
        "local/made", "local/licensed", "local/large",
    ]  # fmt: skip


def test_near_documents_are_told_apart_from_equal_ones(world: World) -> None:
    world.register("first", [story(), "Something else altogether, which nobody repeats."])
    world.register("second", [story(word59="end"), story(), "Nothing alike at all in here."])
    found = {told(it) for it in overlaps(world, "second")}
    assert found == {("first@1", "exact", 1, 1, 1), ("first@1", "near", 1, 1, 1)}


def test_near_matches_are_no_evidence_and_change_nothing(world: World) -> None:
    world.register("people", [story()], origin="human")
    world.register("models", [story(word59="end")], origin="ai")
    (found,) = overlaps(world, "people")
    assert (found["kind"], found["conflicts"]) == ("near", [])
    assert world.origins("people") == {Origin.HUMAN: 1}


def test_texts_without_tokens_are_equal_or_nothing(world: World) -> None:
    world.register("first", ["", "!!!", "…"])
    world.register("second", ["", "???"])
    assert [told(it) for it in overlaps(world, "second")] == [("first@1", "exact", 1, 1, 1)]


def test_boilerplate_is_found_without_comparing_every_pair(world: World) -> None:
    lines = [f"{story()} number{number}" for number in range(150)]
    world.register("first", lines[:75])
    world.register("second", lines[75:])
    (found,) = overlaps(world, "second")
    assert told(found) == ("first@1", "near", 75, 75, 75)


def test_what_repeats_within_and_what_is_labelled_both_ways_is_told(world: World) -> None:
    records: list[Document] = [
        {"text": "None.", "by": "ai"}, {"text": "None.", "by": "ai"}, {"text": "None.", "by": "ai"},
        {"text": "Both.", "by": "human"}, {"text": "Both.", "by": "ai"},
    ]  # fmt: skip
    done = world.register("answers", records, origin_field="by")
    assert done.known is not None
    assert done.known["most_repeated"]["documents"] == 3
    assert done.known["most_repeated"]["row"] == 0
    assert done.known["most_repeated"]["file"] == "part-0.jsonl"
    assert done.known["contested"] == {"documents": 2, "texts": 1}


def test_a_dry_run_says_it_and_records_nothing(world: World) -> None:
    world.register("first", ["One.", story()], license="MIT")
    done = world.register("second", ["One.", story(word59="x")], license="CC0-1.0", dry_run=True)
    assert done.known is not None
    assert [told(it) for it in done.known["overlaps"]["listed"]] == [
        ("first@1", "exact", 1, 1, 1),
        ("first@1", "near", 1, 1, 1),
    ]
    assert overlaps(world, "first") == []
    assert world.problems() == []


def test_registering_again_tells_it_again(world: World) -> None:
    world.register("first", ["One."])
    world.register("second", ["One."])
    again = world.register("second", ["One."])
    assert again.known is not None
    assert again.known["overlaps"]["count"] == 1


def test_a_comparison_that_was_cut_short_is_made_up_for(world: World) -> None:
    world.register("first", ["One."])
    world.register("second", ["One."])
    with world.database.write() as session:
        session.execute(sa.text("DELETE FROM version_overlaps"))
        session.execute(sa.update(SketchTable).values(compared_at=None))
    with world.database.read() as session:
        version = catalogue.version(session, DatasetRef.parse("second"))
        assert not overlap_records(session, version)["compared"]
    world.register("third", ["Another."])
    assert [told(it) for it in overlaps(world, "second")] == [("first@1", "exact", 1, 1, 1)]
    assert [told(it) for it in overlaps(world, "first")] == [("second@1", "exact", 1, 1, 1)]
    assert known.compare(world.database, world.store, clock=world.clock) == 0


def test_further_places_of_a_version_lend_their_labels(world: World) -> None:
    world.register("texts", ["x", "y"])
    world.register(
        "texts",
        [{"text": "y", "by": "ai"}, {"text": "x", "by": "human"}],
        folder="files/labelled",
        origin_field="by",
    )
    world.register("people", ["x", "y"], origin="human")
    (found,) = overlaps(world, "people")
    assert told(found) == ("texts@1", "exact", 2, 2, 2)
    assert conflicts(found) == {"origin": [("human", "ai", 1)]}


def test_a_hidden_dataset_is_neither_named_nor_counted(world: World) -> None:
    world.register("open", ["x"], visibility=Visibility.PUBLIC)
    before = overlaps(world, "open", PUBLIC)
    world.register("secret", ["x"], visibility=Visibility.PRIVATE, origin="ai")
    assert overlaps(world, "open", PUBLIC) == before == []
    assert len(overlaps(world, "open")) == 1
    with world.database.read() as session:
        shown = version_record(session, world.store, DatasetRef.parse("open"), PUBLIC)
    assert shown["overlaps"]["count"] == 0


Texts = st.lists(st.sampled_from(["", "a", "b", "c", "d d", "e", "f."]), min_size=1, max_size=9)


@pytest.mark.filterwarnings("default")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(Texts, min_size=2, max_size=4))
def test_equal_texts_are_counted_as_plain_python_counts_them(
    sqlite_world: World, chosen: list[list[str]]
) -> None:
    world = sqlite_world
    stem = f"t{world.log_size()}"
    made: list[tuple[str, Counter[str]]] = []
    for number, texts in enumerate(chosen):
        name = f"{stem}-{number}"
        world.register(name, texts)
        made.append((f"local/{name}", Counter(texts)))
    for name, mine in made:
        expected = {
            other: (
                sum(mine[text] for text in mine.keys() & theirs.keys()),
                len(mine.keys() & theirs.keys()),
                sum(theirs[text] for text in mine.keys() & theirs.keys()),
            )
            for other, theirs in made
            if other != name and mine.keys() & theirs.keys()
        }
        found = {
            it["dataset"]: (it["documents"], it["texts"], it["their_documents"])
            for it in overlaps(world, name)
            if it["kind"] == "exact" and it["dataset"] in dict(made)
        }
        assert found == expected


def variant(stem: int, edits: int) -> str:
    """Return one of the texts that hardly differ from others of the same stem."""
    words = [f"s{stem}w{number}" for number in range(120)]
    for edit in range(edits):
        words[5 + 29 * edit] = "edited"
    return " ".join(words)


Variants = st.lists(
    st.builds(variant, st.integers(0, 2), st.integers(0, 4)), min_size=1, max_size=8
)


@pytest.mark.filterwarnings("default")
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(Variants, min_size=2, max_size=5))
def test_near_texts_are_those_that_a_look_at_every_pair_finds(
    sqlite_world: World, chosen: list[list[str]]
) -> None:
    world = sqlite_world
    stem = f"n{world.log_size()}"
    before: dict[str, list[str]] = {}
    for number, texts in enumerate(chosen):
        name = f"{stem}-{number}"
        done = world.register(name, texts)
        assert done.known is not None
        expected = {
            other: counts
            for other, theirs in before.items()
            if any(counts := every_pair(texts, theirs))
        }
        assert {
            it["dataset"].removeprefix("local/"): (
                it["documents"], it["texts"], it["their_documents"]
            )
            for it in done.known["overlaps"]["listed"]
            if it["kind"] == "near" and it["dataset"].removeprefix("local/") in before
        } == expected  # fmt: skip
        before[name] = texts


def every_pair(mine: list[str], theirs: list[str]) -> tuple[int, int, int]:
    """Return what is near of two lists: of texts that are not equal to any of the other list."""
    sketches = {text: sketch_all([text]) for text in {*mine, *theirs}}

    def near(one: str, other: str) -> bool:
        here, there = sketches[one], sketches[other]
        shared = set(here.bands[0].tolist()) & set(there.bands[0].tolist())
        return bool(shared) and float((here.signatures == there.signatures).mean()) >= 0.8

    alone = [text for text in mine if text not in theirs]
    found = [text for text in alone if any(near(text, other) for other in theirs)]
    there = sum(any(near(text, other) for text in alone) for other in theirs)
    return len(found), len(set(found)), there


def test_a_dataset_that_has_all_is_compared_beside_one_that_has_none_of_the_texts(
    world: World,
) -> None:
    texts = [variant(stem, 0) for stem in range(20)]
    edited = [variant(stem, 2) for stem in range(15)]
    world.register("edits", edited)
    world.register("copies", texts)
    done = world.register("new", [*texts, variant(0, 1)])
    assert done.known is not None
    assert {told(it) for it in done.known["overlaps"]["listed"]} == {
        ("copies@1", "exact", 20, 20, 20),
        ("copies@1", "near", 1, 1, 1),
        ("edits@1", "near", 16, 16, 15),
    }


def test_time_of_finding_is_the_registry_s(world: World) -> None:
    world.register("first", ["One."])
    world.register("second", ["One."])
    (found,) = overlaps(world, "first")
    when = dt.datetime.fromisoformat(found["found_at"])
    assert world.version("second").registered_at <= when <= world.clock.now
