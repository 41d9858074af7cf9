"""What a version touched: which snapshots, what they promised, and what they are today."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from registry import documents
from registry.core.dataset import DatasetRef, Origin, Role
from registry.core.digest import sha256_hex
from registry.core.lineage import EdgeKind
from registry.db.models import DrawnRows
from registry.errors import NotFoundError
from registry.query.impact import by_hash, by_ref, impact
from registry.query.impact.report import to_json
from registry.query.whereis.finder import Finder
from tests.world import World

PROMPTS = [f"Prompt number {at}, by a person." for at in range(4)]
ANSWERS = [f"Answer number {at}, who knows by whom?" for at in range(4)]


def impact_of(world: World, name: str, texts: list[str] | None = None) -> dict[str, Any]:
    """Return what a version touched, or those of its texts that are listed."""
    where = None
    if texts is not None:
        raw = b"".join(bytes.fromhex(sha256_hex(text.encode())) for text in texts)
        where = documents.as_hashes(raw)
    with world.database.read() as session:
        subject = by_ref(session, DatasetRef.parse(name), where=where)
        return to_json(impact(session, world.store, subject))


def promises(item: dict[str, Any]) -> dict[str, bool | None]:
    return {it["promise"]: it["holds"] for it in item["promises"]}


def recipe(*sources: str, share: str | None = "0.9", **more: Any) -> dict[str, Any]:
    human = {} if share is None else {"human": {"at_least": share, "of": "documents"}}
    return {"sources": list(sources), **human, **more}


def test_a_correction_shows_in_the_shares_of_every_snapshot(world: World) -> None:
    world.register("prompts", PROMPTS, origin=Origin.HUMAN)
    world.register("answers", ANSWERS, origin=Origin.HUMAN)
    world.export(recipe("prompts", "answers"), "both")
    world.export(recipe("prompts"), "prompts-only")
    world.export(recipe("answers", share=None), "answers-only")
    world.claim("answers", Origin.AI, reason="a model wrote them")
    found = impact_of(world, "answers")
    answers, both = found["snapshots"]
    assert both["path"].endswith("both")
    assert answers["path"].endswith("answers-only")
    human = both["human_fraction"]
    assert human["declared"]["then"] == {"numerator": 8, "denominator": 8}
    assert human["declared"]["today"] == {"numerator": 4, "denominator": 8}
    assert human["evidenced"] == {"then": "not_assessed", "today": "not_assessed"}
    assert promises(both) == {"share": False, "evaluations": True}
    assert "50.00 %" in both["promises"][0]["because"]
    assert answers["human_fraction"]["declared"]["today"]["numerator"] == 0
    assert promises(answers) == {"evaluations": True}
    assert found["totals"]["broken"] == 1
    assert impact_of(world, "prompts")["totals"]["snapshots"] == 2


def test_only_snapshots_that_hold_a_listed_text_are_touched(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN)
    small = {"sources": ["essays"], "size": {"at_most": 2, "unit": "documents"}}
    chosen = [world.export({**small, "seed": seed}, f"s{seed}") for seed in range(4)]
    with world.database.read() as session:
        for text in PROMPTS:
            subject = by_ref(
                session,
                DatasetRef("local", "essays"),
                where=documents.as_hashes(bytes.fromhex(sha256_hex(text.encode()))),
            )
            found = to_json(impact(session, world.store, subject))
            held = {it["path"] for it in found["snapshots"]}
            assert held == {str(it.path) for it in chosen if text in texts_of(it.path)}
            assert all(it["touched"] == {"at_least": 1, "at_most": 1} for it in found["snapshots"])


def texts_of(path: Any) -> list[str]:
    import pyarrow.parquet as pq

    texts: list[str] = pq.read_table(path / "data").column("text").to_pylist()
    return texts


def test_an_older_snapshot_is_bounded_and_says_so(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN)
    small = {"sources": ["essays"], "size": {"at_most": 3, "unit": "documents"}}
    world.export({**small, "human": {"at_least": "1", "of": "documents"}})
    with world.database.write() as session:
        session.execute(sa.delete(DrawnRows))
    world.claim("essays", Origin.AI, where=PROMPTS[:2])
    (item,) = impact_of(world, "essays", PROMPTS[:1])["snapshots"]
    assert item["touched"] == {"at_least": 0, "at_most": 1}
    declared = item["human_fraction"]["declared"]
    assert item["rows_known"] is False
    assert declared["then"] is None
    assert declared["today"] is None
    assert [it["numerator"] for it in declared["today_between"]] == [1, 2]
    assert promises(item)["share"] is False  # at least one of three is not human
    world.claim("essays", Origin.AI, where=PROMPTS[2:])
    (item,) = impact_of(world, "essays")["snapshots"]
    assert item["human_fraction"]["declared"]["today"]["numerator"] == 0


def test_derived_versions_and_their_snapshots_are_touched_too(world: World) -> None:
    world.register("crawl", PROMPTS, origin=Origin.HUMAN)
    world.register("clean", PROMPTS[:3], origin=Origin.HUMAN)
    world.register("summaries", ANSWERS, origin=Origin.AI)
    world.derive("clean", "crawl", EdgeKind.FILTERED)
    world.derive("summaries", "clean", EdgeKind.GENERATED)
    world.export(recipe("summaries", share=None))
    found = impact_of(world, "crawl")
    assert [(it["dataset"], it["steps"]) for it in found["derived"]] == [
        ("local/clean", 1),
        ("local/summaries", 2),
    ]
    assert found["totals"]["snapshots"] == 1


def test_filters_that_documents_pass_no_more_are_broken(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN, license="MIT")
    world.export({"sources": ["essays"], "where": {"origin": ["human"], "license": ["MIT"]}})
    assert promises(impact_of(world, "essays")["snapshots"][0])["filter"] is True
    world.claim("essays", Origin.ASSISTED, where=PROMPTS[:1])
    (item,) = impact_of(world, "essays")["snapshots"]
    broken = [it for it in item["promises"] if it["promise"] == "filter"]
    assert [it["because"] for it in broken] == ["1 document: origin is not human"]


def test_evaluation_sets_that_came_later_are_named(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN)
    world.export(recipe("essays"))
    world.register("exam", ["What else?"], origin=Origin.HUMAN)
    world.role("exam", Role.EVALUATION)
    (item,) = impact_of(world, "essays")["snapshots"]
    (promise,) = [it for it in item["promises"] if it["promise"] == "evaluations"]
    assert promise["holds"] is None
    assert "`exam@1`" in promise["because"]
    world.register("quiz", PROMPTS[:1], origin=Origin.HUMAN)
    world.role("quiz", Role.EVALUATION)
    (item,) = impact_of(world, "essays")["snapshots"]
    (promise,) = [it for it in item["promises"] if it["promise"] == "evaluations"]
    assert promise["holds"] is False
    assert "1 document equal to an item" in promise["because"]


def test_what_was_left_out_for_an_evaluation_set_is_listed(world: World) -> None:
    world.register("exam", PROMPTS[:1], origin=Origin.HUMAN)
    world.role("exam", Role.EVALUATION)
    world.register("essays", [*PROMPTS[:1], "Something else entirely, in other words."])
    world.export(recipe("essays", share=None))
    found = impact_of(world, "exam")
    assert [(it["exact"], it["near"]) for it in found["excluded"]] == [(1, 0)]
    assert found["snapshots"] == []


def test_a_text_is_found_in_every_version_that_has_it(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN)
    world.register("copy", [*PROMPTS[:1], "Other."], origin=Origin.HUMAN)
    world.export(recipe("essays"), "one")
    world.export(recipe("copy"), "two")
    finder = Finder(world.store)
    with world.database.read() as session:
        from registry.core.caller import OPERATOR

        with finder.look(session, OPERATOR) as looking:
            subject = by_hash(looking, sha256_hex(PROMPTS[0].encode()))
            with pytest.raises(NotFoundError, match="no document"):
                by_hash(looking, "0" * 64)
        found = to_json(impact(session, world.store, subject))
    finder.close()
    assert len(found["versions"]) == len(found["snapshots"]) == 2


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Count what is asked of the database."""
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = world.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_number_of_statements_does_not_grow_with_what_is_found(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN)
    world.export(recipe("essays"), "s0")
    with statements(world) as few:
        impact_of(world, "essays")
    for number in range(4):
        world.register(f"more{number}", [f"A text of its own, {number}."], origin=Origin.HUMAN)
        world.derive(f"more{number}", "essays" if not number else f"more{number - 1}")
        world.export(recipe("essays", f"more{number}", seed=number), f"t{number}")
    with statements(world) as many:
        assert impact_of(world, "essays")["totals"]["snapshots"] == 5
    assert len(many) == len(few) <= 24


def test_snapshots_are_counted_in_pages_the_newest_first(world: World) -> None:
    world.register("essays", PROMPTS, origin=Origin.HUMAN)
    made = [world.export(recipe("essays", seed=at), f"s{at}").certificate for at in range(3)]
    with world.database.read() as session:
        subject = by_ref(session, DatasetRef("local", "essays"))
        first = to_json(impact(session, world.store, subject, limit=2))
        second = to_json(impact(session, world.store, subject, limit=2, after=first["after"]))
        with pytest.raises(NotFoundError, match="after"):
            impact(session, world.store, subject, after="0" * 64)
    assert [it["certificate"] for it in first["snapshots"]] == made[:0:-1]
    assert [it["certificate"] for it in second["snapshots"]] == made[:1]
    assert (first["totals"]["snapshots"], second["after"]) == (3, None)
