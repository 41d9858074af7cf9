"""First seen: the earliest date of the same bytes, anywhere, and of nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import documents
from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import DatasetRef, Origin, Visibility
from registry.core.evidence import DateInterval, DateKind, iso_date
from registry.db.models import Segment
from registry.errors import ConflictError, InvalidInputError
from registry.query import catalogue
from registry.query.first_seen import finding
from registry.query.first_seen.finding import NOBODY, FirstSeen, first_seen
from registry.query.first_seen.groups import group_record
from registry.query.first_seen.report import first_seen_record
from registry.query.standing import NEVER
from registry.query.whereis.answer import answer_record
from registry.query.whereis.finder import Finder
from registry.query.whereis.question import Question
from registry.query.whereis.search import search
from tests.query.test_whereis import prose
from tests.world import World


def published(text: str) -> dict[str, Any]:
    return {"dates": (DateInterval.parse(DateKind.PUBLISHED, text),)}


def seen(world: World, name: str, caller: Caller = OPERATOR) -> FirstSeen:
    finder = Finder(world.store)
    with world.database.read() as session, finder.look(session, caller) as looking:
        version = catalogue.version(session, DatasetRef.parse(name), caller)
        found = first_seen(looking, version)
    finder.close()
    return found


def record(world: World, name: str, caller: Caller = OPERATOR, **more: Any) -> dict[str, Any]:
    finder = Finder(world.store)
    with world.database.read() as session, finder.look(session, caller) as looking:
        version = catalogue.version(session, DatasetRef.parse(name), caller)
        made, _ = first_seen_record(looking, version, **more)
    finder.close()
    return made


def told(found: FirstSeen) -> list[tuple[str, str] | None]:
    """Return for each row the last day of its first date and whose that is."""
    return [
        None
        if by == NOBODY
        else (iso_date(end), str(catalogue.ref_of(found.dated[by].version).short))
        for end, by in zip(found.not_after.tolist(), found.by.tolist(), strict=True)
    ]


def test_the_earliest_date_of_the_same_bytes_counts_wherever_it_is(world: World) -> None:
    world.register("late", ["one", "two", "three", "one"], **published("2023"))
    world.register("early", ["one"], **published("2019-05-01"))
    world.register(
        "each",
        [{"text": "two", "at": "2021-03-02"}, {"text": "two", "at": "2022"}, {"text": "one"}],
        date_fields=[(DateKind.PUBLISHED, "at")],
    )
    world.register("undated", ["one", "four"])
    assert told(seen(world, "late")) == [
        ("2019-05-01", "early@1"),
        ("2021-03-02", "each@1"),
        ("2023-12-31", "late@1"),
        ("2019-05-01", "early@1"),
    ]
    assert told(seen(world, "undated")) == [("2019-05-01", "early@1"), None]
    made = record(world, "late", before="2022")
    assert made["first_seen"] == {
        "before": 3,
        "later": 1,
        "undated": 0,
        "earliest": "2019-05-01T23:59:59.999999Z",
        "latest": "2023-12-31T23:59:59.999999Z",
    }
    assert [(it["dataset"], it["documents"], it["before"], it["own"]) for it in made["by"]] == [
        ("local/early", 2, 2, False),
        ("local/each", 1, 1, False),
        ("local/late", 1, 0, True),
    ]
    assert made["by"][0]["claimed_by"] == ["tester"]
    assert made["years"] == [
        {"year": "2019", "documents": 2},
        {"year": "2021", "documents": 1},
        {"year": "2023", "documents": 1},
    ]


def test_labels_of_another_place_of_the_version_date_its_texts(world: World) -> None:
    texts = ["one", "two"]
    world.register("both", texts, folder="files/a")
    world.register("both", [{"text": "two", "at": "2020"}, {"text": "one", "at": "2018"}],
                   folder="files/b", date_fields=[(DateKind.PUBLISHED, "at")])  # fmt: skip
    world.register("other", texts)
    assert told(seen(world, "other")) == [("2018-12-31", "both@1"), ("2020-12-31", "both@1")]


def test_a_version_without_any_date_has_an_answer(world: World) -> None:
    world.register("plain", ["one"])
    assert told(seen(world, "plain")) == [None]
    assert record(world, "plain")["first_seen"]["undated"] == 1
    assert record(world, "plain")["by"] == []
    with pytest.raises(InvalidInputError):
        record(world, "plain", before="some day")


def test_a_near_copy_lends_no_date_and_is_told_as_a_hint(world: World) -> None:
    original = prose(1)
    edited = original.replace(original.split()[60], "edited")
    world.register("original", [original], **published("2001"))
    world.register("edited", [edited, edited + "\n", original + "\n"])
    found = seen(world, "edited")
    assert told(found) == [None, None, None]
    made = record(world, "edited")
    assert made["first_seen"]["undated"] == 3
    assert [(it["dataset"], it["documents"]) for it in made["hints"]] == [("local/original", 3)]
    finder = Finder(world.store)
    with world.database.read() as session, finder.look(session, OPERATOR) as looking:
        (answer,), searched = search(looking, [Question.of_text(edited.encode())])
        answered = answer_record(answer, searched)
    finder.close()
    assert answered["found"]
    assert answered["first_seen"] is None


@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(seed=st.integers(1, 10**6), at=st.integers(0, 119), cut=st.integers(0, 3))
def test_no_near_match_ever_lends_a_date(sqlite_world: World, seed: int, at: int, cut: int) -> None:
    tag = sqlite_world.log_size()
    words = prose(seed).split()
    edited = [*words[:at], f"edited{tag}", *words[at + 1 + cut :]]
    sqlite_world.register(f"a{tag}", [" ".join(words)], **published("1999"))
    sqlite_world.register(f"b{tag}", [" ".join(edited)])
    assert told(seen(sqlite_world, f"b{tag}")) == [None]


YEARS = st.sampled_from(["2019", "2020-05", "2021-03..2022-07", "2023"])
DATED = st.none() | st.sampled_from(["2018", "2022-02"])


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
@pytest.mark.parametrize("block", [2, 1 << 18])
def test_first_seen_is_the_minimum_over_all_versions_with_the_same_bytes(
    sqlite_world: World, monkeypatch: pytest.MonkeyPatch, block: int, data: st.DataObject
) -> None:
    world = sqlite_world
    tag = f"w{world.log_size()}"
    pool = [f"{tag} {at}" for at in range(6)]
    names = [f"{tag}-{number}" for number in range(data.draw(st.integers(1, 4)))]
    for name in names:
        texts = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=8))
        for place in range(data.draw(st.integers(1, 2))):
            more: dict[str, Any] = {}
            rows: list[Any] = list(data.draw(st.permutations(texts)) if place else texts)
            if data.draw(st.booleans()):
                rows = [{"text": text, "at": data.draw(DATED)} for text in rows]
                more["date_fields"] = [(data.draw(st.sampled_from(list(DateKind))), "at")]
            if data.draw(st.booleans()):
                kind = data.draw(st.sampled_from(list(DateKind)))
                more["dates"] = (DateInterval.parse(kind, data.draw(YEARS)),)
            world.register(name, rows, folder=f"files/{name}/{place}", **more)
    stands = world.standings(names)
    with monkeypatch.context() as patch:
        patch.setattr(finding, "BLOCK", block)
        for name, mine in zip(names, stands, strict=True):
            found = seen(world, name)
            assert (found.hashes == mine.hashes).all()
            for row, content_hash in enumerate(mine.hashes):
                expected = min(
                    int(stand.not_after[it])
                    for stand in stands
                    for it in np.flatnonzero(stand.hashes == content_hash)
                )
                assert found.not_after[row] == expected
                owner = None if expected == NEVER else found.dated[found.by[row]].version.id
                holders = {
                    stand.version.id
                    for stand in stands
                    if ((stand.hashes == content_hash) & (stand.not_after == expected)).any()
                }
                assert owner in holders if owner is not None else found.by[row] == NOBODY


def test_what_is_hidden_changes_no_answer(world: World) -> None:
    public: dict[str, Any] = {"visibility": Visibility.PUBLIC}
    world.register("open", ["one", "two", prose(1)], **public, **published("2022-12"))
    before, dates = record(world, "open", PUBLIC), seen(world, "open", PUBLIC)
    for number, visibility in enumerate((Visibility.PRIVATE, Visibility.INTERNAL)):
        near = prose(1).replace(prose(1).split()[5], "edited")
        hidden = {"visibility": visibility} | published("1999")
        world.register(f"hidden{number}", ["one", near], **hidden)
    after, still = record(world, "open", PUBLIC), seen(world, "open", PUBLIC)
    assert before == after
    assert (dates.not_after == still.not_after).all()
    assert (dates.by == still.by).all()
    everything = record(world, "open")
    assert [it["dataset"] for it in everything["by"]] == ["local/open", "local/hidden0"]
    assert len(everything["hints"]) == 2


def test_documents_that_the_index_lacks_are_gone_through(world: World) -> None:
    world.register("early", ["one", "two"], **published("2019"))
    world.register("late", ["two", "one"], **published("2023"))
    expected = told(seen(world, "late"))
    with world.database.write() as session:
        session.execute(sa.delete(Segment))
    assert told(seen(world, "late")) == expected == [("2019-12-31", "early@1")] * 2


def test_questions_to_the_database_do_not_follow_the_number_of_documents(world: World) -> None:
    asked: list[str] = []
    sa.event.listen(
        world.database.engine, "before_cursor_execute", lambda *it: asked.append(str(it[2]))
    )
    counts = []
    for many in (10, 2000):
        name = f"d{many}"
        rows = [{"text": f"{name} {at}", "at": "2020"} for at in range(many)]
        world.register(name, rows, date_fields=[(DateKind.PUBLISHED, "at")])
        asked.clear()
        seen(world, name)
        counts.append(len(asked))
    assert counts[1] - counts[0] < 20


def groups(world: World, name: str, field: str, cutoff: str) -> dict[str, Any]:
    found = seen(world, name)
    with world.database.read() as session:
        place = catalogue.locations(session, found.version)[0]
    end = DateInterval.parse(DateKind.PUBLISHED, cutoff).not_before
    return group_record(world.store, found, field, place=place, cutoff=end)


@pytest.mark.parametrize("keep", [True, False])
def test_values_of_a_field_are_first_seen_with_the_first_of_their_documents(
    world: World, keep: bool
) -> None:
    rows = [
        {"text": "a1", "doc": "a", "at": "2020"},
        {"text": "b1", "doc": "b", "at": "2024"},
        {"text": "a2", "doc": "a", "at": "2024"},
        {"text": "c1", "doc": "c"},
        {"text": "d1", "doc": ""},
    ]
    made = world.register("pages", rows, date_fields=[(DateKind.PUBLISHED, "at")], keep=keep)
    assert made.version.documents == 5
    assert groups(world, "pages", "doc", "2022") == {
        "field": "doc",
        "values": 3,
        "before": 1,
        "later": 1,
        "undated": 1,
        "documents_without": 1,
    }
    with pytest.raises(InvalidInputError, match="no"):
        groups(world, "pages", "page", "2022")


def test_both_documents_of_a_record_belong_to_its_value(world: World) -> None:
    rows = [{"q": "why", "a": "so", "doc": "x"}, {"q": "how", "a": "thus", "doc": "y"}]
    split = (("q", Origin.HUMAN), ("a", Origin.AI))
    world.register("talk", rows, split_fields=split, **published("2020"))
    found = groups(world, "talk", "doc", "2022")
    assert (found["values"], found["before"], found["documents_without"]) == (2, 2, 0)


def test_files_that_changed_give_no_groups(world: World) -> None:
    world.register("pages", [{"text": "a1", "doc": "a"}, {"text": "b1", "doc": "b"}])
    path = world.folder / "files/pages/part-0.jsonl"
    path.write_text(path.read_text("utf-8").replace("a1", "a9"), "utf-8")
    with pytest.raises(ConflictError, match="texts"):
        groups(world, "pages", "doc", "2022")


def test_hashes_are_those_of_the_reading_order(world: World) -> None:
    world.register("pages", ["x", "y", "x"], **published("2020"))
    found = seen(world, "pages")
    texts = documents.hash_texts(pa.array(["x", "y", "x"]))
    assert found.hashes.tobytes() == texts


def test_of_equal_dates_the_version_that_was_registered_first_is_named(world: World) -> None:
    world.register("source", ["one", "two"], **published("2019"))
    world.register("a-copy", ["one"], **published("2019"))
    assert told(seen(world, "a-copy")) == [("2019-12-31", "source@1")]
    assert told(seen(world, "source")) == [("2019-12-31", "source@1")] * 2
    finder = Finder(world.store)
    with world.database.read() as session, finder.look(session, OPERATOR) as looking:
        (answer,), _ = search(looking, [Question.of_text(b"one")])
    finder.close()
    assert answer.matches[0].text.earliest is not None
    assert catalogue.ref_of(answer.matches[0].text.earliest.version).short == "source@1"
