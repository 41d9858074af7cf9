"""What recipes leave out for evaluation sets: all of it, counted, and said how it was looked for."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import verify
from registry.core.caller import OPERATOR, PUBLIC
from registry.core.dataset import DatasetRef, Role, Visibility
from registry.core.recipe import parse
from registry.db.models import Segment
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.query import pages
from registry.query.plan import Plan, to_json
from registry.query.show import version_record
from tests.query.test_whereis import prose
from tests.test_schemas import complaints
from tests.world import World


def item(seed: int, many: int = 120) -> str:
    return prose(10_000 + seed, many)


def page(seed: int, inside: str = "") -> str:
    """A page of its own words, with something pasted into its middle."""
    words = prose(seed, 400).split()
    return " ".join([*words[:200], inside, *words[200:]])


def edited(text: str) -> str:
    words = text.split()
    words[len(words) // 2] = "edited"
    return " ".join(words)


def counts(plan: Plan) -> dict[str, tuple[int, int, int]]:
    """Return for each set how many documents were left out: equal, near, by a passage."""
    assert plan.evaluations is not None
    return {it.dataset: (it.exact, it.near, it.passage) for it in plan.evaluations.stated().sets}


def drawn(plan: Plan) -> list[list[int]]:
    return [part.rows.tolist() for part in plan.inputs]


@pytest.fixture
def crawl(world: World) -> World:
    """A crawl with an equal, a near and a pasted item, and pages of its own."""
    world.register("evals", [item(at) for at in range(20)], window=6)
    world.role("evals", Role.EVALUATION)
    world.register(
        "crawl", [page(1), item(3), edited(item(4)), page(2, item(5)), page(3)], license="MIT"
    )
    return world


def test_equal_near_and_contained_items_are_left_out_and_counted(crawl: World) -> None:
    made = crawl.plan({"sources": ["crawl"]})
    assert counts(made) == {"local/evals": (1, 1, 1)}
    assert drawn(made) == [[0, 4]]
    assert {out.reason: out.documents for out in made.inputs[0].left_out} == {
        "equal to an item of the evaluation set `evals@1`": 1,
        "nearly equal to an item of the evaluation set `evals@1`": 1,
        "shares a passage with an item of the evaluation set `evals@1`": 1,
    }
    assert complaints("plan", to_json(made)) == []
    said = to_json(made)["evaluations"]
    assert (said["documents"], said["min_similarity"], said["run"]) == (3, "0.8", 13)
    assert said["sets"][0]["guaranteed_tokens"] == 13
    assert said["not_read"] == []


def test_a_shared_run_of_13_words_is_enough_and_one_of_12_is_not(world: World) -> None:
    long = item(1, 60)
    words = long.split()
    world.register("evals", [long], window=6)
    world.role("evals", Role.EVALUATION)
    pages_ = [page(1, " ".join(words[20:33])), page(2, " ".join(words[20:32]))]
    world.register("crawl", pages_)
    assert drawn(world.plan({"sources": ["crawl"]})) == [[1]]


def test_a_short_item_is_found_in_a_long_page_from_eight_words_on(world: World) -> None:
    items = [item(1, 8), item(2, 10), item(3, 7)]
    world.register("evals", items, window=6)
    world.role("evals", Role.EVALUATION)
    world.register("crawl", [page(1, items[0]), page(2, items[1]), page(3, items[2]), items[2]])
    made = world.plan({"sources": ["crawl"]})
    assert counts(made) == {"local/evals": (1, 0, 2)}
    assert drawn(made) == [[2]]
    assert to_json(made)["evaluations"]["sets"][0]["short_items"] == 1


def test_a_document_of_several_sets_counts_for_each_and_is_left_out_once(crawl: World) -> None:
    crawl.register("more", [item(3), item(90)], window=6)
    crawl.role("more", Role.EVALUATION)
    made = crawl.plan({"sources": ["crawl"]})
    assert counts(made) == {"local/evals": (1, 1, 1), "local/more": (1, 0, 0)}
    assert made.evaluations is not None
    assert made.evaluations.documents == 3
    size = sum(out.bytes for out in made.inputs[0].left_out)
    assert made.evaluations.bytes == size


def test_sets_can_be_named_and_the_exclusion_turned_off(crawl: World) -> None:
    crawl.register("other", [page(3)])
    named = crawl.plan({"sources": ["crawl"], "exclude_evaluations": ["other"]})
    assert counts(named) == {"local/other": (1, 0, 0)}
    assert drawn(named) == [[0, 1, 2, 3]]
    off = crawl.plan({"sources": ["crawl"], "exclude_evaluations": False})
    assert off.evaluations is None
    assert drawn(off) == [[0, 1, 2, 3, 4]]
    with pytest.raises(NotFoundError, match="nothing"):
        crawl.plan({"sources": ["crawl"], "exclude_evaluations": ["nothing"]})
    with pytest.raises(InvalidInputError, match="twice"):
        parse({"sources": ["crawl"], "exclude_evaluations": ["a", "a"]}, name="r")


def test_a_role_that_was_taken_excludes_nothing(crawl: World) -> None:
    crawl.role("evals", Role.EVALUATION, given=False)
    made = crawl.plan({"sources": ["crawl"]})
    assert counts(made) == {}
    assert drawn(made) == [[0, 1, 2, 3, 4]]


def test_a_source_that_is_an_evaluation_set_gives_nothing(crawl: World) -> None:
    made = crawl.plan({"sources": ["evals", "crawl"]})
    assert drawn(made) == [[], [0, 4]]
    assert counts(made) == {"local/evals": (21, 1, 1)}


def test_without_the_texts_the_plan_says_what_was_not_searched_for(crawl: World) -> None:
    words = item(6).split()
    crawl.register("more", [page(8, " ".join(words[:15])), page(9, item(7)), item(8)])
    shutil.rmtree(crawl.folder / "files" / "more")
    made = crawl.plan({"sources": ["more"]})
    said = to_json(made)["evaluations"]
    assert said["not_read"] == [{"dataset": "local/more", "version": 1, "guaranteed_tokens": 25}]
    assert 2 not in drawn(made)[0]
    assert 1 not in drawn(made)[0]


def test_without_an_index_equal_items_are_still_left_out(crawl: World) -> None:
    with crawl.database.write() as session:
        session.execute(sa.delete(Segment))
    made = crawl.plan({"sources": ["crawl"]})
    assert counts(made) == {"local/evals": (1, 0, 0)}
    said = to_json(made)["evaluations"]["sets"][0]
    assert (said["near_searched"], said["guaranteed_tokens"]) == (False, None)


def test_a_set_with_wider_passages_says_so(world: World) -> None:
    world.register("evals", [item(1)])
    world.role("evals", Role.EVALUATION)
    world.register("crawl", [page(1, item(1))])
    made = world.plan({"sources": ["crawl"]})
    assert drawn(made) == [[]]
    assert to_json(made)["evaluations"]["sets"][0]["guaranteed_tokens"] == 25


def test_what_was_found_is_kept_and_belongs_to_what_it_was_found_in(
    crawl: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = crawl.plan({"sources": ["crawl"]})
    kept = list((crawl.store.root / "derived" / "evaluations").iterdir())
    assert len(kept) == 1

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("texts are read again")

    with monkeypatch.context() as patch:
        patch.setattr("registry.query.evaluations.meeting._Job", refuse)
        assert drawn(crawl.plan({"sources": ["crawl"]})) == drawn(first)
    crawl.register("evals", [item(at) for at in range(20)] + [page(3)], window=6)
    crawl.role("evals@2", Role.EVALUATION)
    crawl.role("evals@1", Role.EVALUATION, given=False)
    assert drawn(crawl.plan({"sources": ["crawl"]})) == [[0]]
    kept[0].write_bytes(b"damaged")
    crawl.role("evals@1", Role.EVALUATION)
    assert drawn(crawl.plan({"sources": ["crawl"]})) == [[0]]


def test_what_was_kept_of_another_set_or_was_changed_is_not_believed(crawl: World) -> None:
    first = drawn(crawl.plan({"sources": ["crawl"]}))
    folder = crawl.store.root / "derived" / "evaluations"
    (mine,) = folder.iterdir()
    good = mine.read_bytes()
    crawl.role("evals", Role.EVALUATION, given=False)
    crawl.register("others", [prose(3000)], window=6)
    crawl.role("others", Role.EVALUATION)
    crawl.plan({"sources": ["crawl"]})
    (other,) = set(folder.iterdir()) - {mine}
    crawl.role("others", Role.EVALUATION, given=False)
    crawl.role("evals", Role.EVALUATION)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"row": [0]}), sink)
    foreign = sink.getvalue().to_pybytes()
    middle = bytes([good[len(good) // 2] ^ 1])
    flipped = good[: len(good) // 2] + middle + good[len(good) // 2 + 1 :]
    for bad in (other.read_bytes(), foreign, flipped, good[:-40], b""):
        mine.write_bytes(bad)
        assert drawn(crawl.plan({"sources": ["crawl"]})) == first
    assert mine.read_bytes() == good


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data())
def test_no_document_with_a_whole_item_is_ever_drawn(
    sqlite_world: World, data: st.DataObject
) -> None:
    world = sqlite_world
    tag = world.log_size() * 1000
    items = [item(tag + at, data.draw(st.integers(8, 60))) for at in range(4)]
    world.register(f"e{tag}", items, window=data.draw(st.sampled_from([6, 18])))
    texts, dirty = [], []
    for at in range(data.draw(st.integers(1, 8))):
        inside = data.draw(st.none() | st.sampled_from(items))
        text = page(tag + at) if inside is None else page(tag + at, inside)
        texts.append(text)
        dirty.append(inside is not None)
    world.register(f"s{tag}", texts)
    made = world.plan({"sources": [f"s{tag}"], "exclude_evaluations": [f"e{tag}"]})
    assert drawn(made) == [np.flatnonzero(~np.array(dirty)).tolist()]


def test_a_certificate_says_what_was_left_out_and_still_verifies(crawl: World) -> None:
    done = crawl.export({"sources": ["crawl"]})
    report = verify.snapshot(done.path, key=crawl.signer.public, level=verify.Level.CONTENT)
    assert report.certificate is not None
    said = report.certificate.evaluations
    assert said is not None
    assert [(it.dataset, it.exact, it.near, it.passage) for it in said.sets] == [
        ("local/evals", 1, 1, 1)
    ]
    assert said.sets[0].content_root == crawl.version("evals").content_root
    assert crawl.problems() == []
    with crawl.database.read() as session:
        shown = version_record(session, crawl.store, DatasetRef.parse("crawl"))
        about = version_record(session, crawl.store, DatasetRef.parse("evals"))
        listed = pages.snapshots(session, OPERATOR, limit=5).items
    expected = {"dataset": "local/evals", "version": 1, "exact": 1, "near": 1, "passage": 1}
    assert shown["snapshots"][0]["evaluations"] == [expected]
    assert listed[0]["evaluations"] == [expected]
    assert [(it["exact"], it["near"], it["passage"]) for it in about["left_out_of"]] == [(1, 1, 1)]
    assert "| local/evals@1 | 1 | 1 | 1 |" in (done.path / "README.md").read_text("utf-8")


def test_without_an_evaluation_set_a_certificate_says_that_nobody_looked(world: World) -> None:
    world.register("plain", ["one", "two"])
    done = world.export({"sources": ["plain"]})
    report = verify.snapshot(done.path, key=world.signer.public)
    assert report.certificate is not None
    assert report.certificate.evaluations is None
    assert report.certificate.to_statement().predicate["evaluations"] == "not_assessed"


def test_an_evaluation_set_that_comes_while_it_is_exported_stops_the_export(
    crawl: World,
) -> None:
    made = crawl.plan({"sources": ["crawl"]})
    crawl.register("late", [page(1)], window=6)
    crawl.role("late", Role.EVALUATION)
    with pytest.raises(ConflictError, match="evaluation sets"):
        crawl.export(made)
    assert not (crawl.folder / "snap").exists()
    assert drawn(crawl.plan({"sources": ["crawl"]})) == [[4]]


def test_a_snapshot_that_names_a_hidden_set_is_hidden_too(world: World) -> None:
    world.register("open", [page(1), item(1)], visibility=Visibility.PUBLIC)
    world.export({"sources": ["open"]}, "before")
    world.register("secret", [item(1)], visibility=Visibility.PRIVATE, window=6)
    world.role("secret", Role.EVALUATION)
    world.export({"sources": ["open"]}, "after")
    with world.database.read() as session:
        assert len(pages.snapshots(session, OPERATOR, limit=5).items) == 2
        assert len(pages.snapshots(session, PUBLIC, limit=5).items) == 1
        shown = version_record(session, world.store, DatasetRef.parse("open"), PUBLIC)
    assert len(shown["snapshots"]) == 1
    assert "secret" not in str(shown)


def test_recipes_without_the_key_keep_their_digest() -> None:
    plain = parse({"sources": ["x"]}, name="r")
    assert plain.digest == "e6c506f636c25c36e18c68eb77097d8b5075338ee2a4399b35883ddbb31307bb"
    spelled = parse({"sources": ["x"], "exclude_evaluations": True}, name="r")
    assert spelled.digest == plain.digest
    off = parse({"sources": ["x"], "exclude_evaluations": False}, name="r")
    assert off.digest != plain.digest
    assert parse(off.to_json(), name="r") == off
