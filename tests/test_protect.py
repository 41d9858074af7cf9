"""Tests of `registry.protect`: what may belong to the vault, and who says otherwise."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from registry import protect as verb
from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import DatasetRef, Origin, Role, Visibility
from registry.core.evidence import DateInterval, DateKind
from registry.core.lineage import EdgeKind
from registry.core.policy import Terms
from registry.errors import InvalidInputError, NotFoundError
from registry.protect import Outcome, Progress, Protected
from registry.query import policy
from registry.query.protection import changes, protected_ids
from registry.query.show import history, version_record
from tests.world import Document, World

TEXTS = ["By a person.", "By another.", "By a third.", "By a fourth."]


def dated(text: str, kind: DateKind = DateKind.AUTHORED) -> DateInterval:
    return DateInterval.parse(kind, text)


def register(
    world: World, name: str = "essays", texts: Sequence[Document] = TEXTS, **more: Any
) -> None:
    """Register human texts of 2019 and keep them, unless something else is said."""
    said: dict[str, Any] = {"origin": Origin.HUMAN, "dates": (dated("2019"),), "keep": True}
    said |= more
    world.register(name, texts, **{key: value for key, value in said.items() if value is not None})


def protect(world: World, name: str = "essays", **terms: str) -> Protected:
    return verb.version(
        world.database,
        world.store,
        DatasetRef.parse(name),
        Terms.parse(**terms),
        protected_by="curator",
        clock=world.clock,
    )


def codes(done: Protected) -> list[tuple[str, int]]:
    return [(reason.code, reason.documents) for reason in done.reasons]


def protected(world: World) -> set[int]:
    with world.database.read() as session:
        return protected_ids(session)


def broken(world: World, name: str = "essays", caller: Caller = OPERATOR) -> list[str]:
    """Return the codes of what `show` says breaks the terms of a protected version."""
    with world.database.read() as session:
        record = version_record(session, world.store, DatasetRef.parse(name), caller)
    (role,) = record["roles"]
    return [reason["code"] for reason in role["breaks"]]


def test_a_version_that_meets_the_policy_is_protected_once(world: World) -> None:
    register(world)
    assert protect(world).outcome is Outcome.PROTECTED
    assert protected(world) == {world.version("essays").id}
    before = world.log_size()
    again = protect(world)
    assert (again.outcome, again.held) == (Outcome.UNCHANGED, Terms.parse())
    assert world.log_size() == before
    assert broken(world) == []
    assert world.problems() == []


def test_other_terms_are_another_entry(sqlite_world: World) -> None:
    register(sqlite_world)
    protect(sqlite_world)
    done = protect(sqlite_world, cutoff="2020")
    assert (done.outcome, done.held) == (Outcome.PROTECTED, Terms.parse(cutoff="2020"))
    # What was met stays, where more is asked for in vain.
    refused = protect(sqlite_world, cutoff="2015")
    assert (refused.outcome, refused.held) == (Outcome.REFUSED, Terms.parse(cutoff="2020"))
    with sqlite_world.database.read() as session:
        rows = changes(session, sqlite_world.version("essays"))
        assert [Terms.from_json(row.value).before for row in rows] == ["2022-11-30", "2020-01-01"]


def test_every_reason_is_told_at_once(world: World) -> None:
    texts = [
        {"text": "One.", "by": "human", "at": "2021"},
        {"text": "Two.", "by": "ai", "at": "2021"},
        {"text": "Three.", "by": "", "at": "2023-05"},
        {"text": "Four.", "by": "human", "at": ""},
        {"text": "Five.", "by": "assisted", "at": "2021"},
    ]
    register(
        world,
        texts=texts,
        origin=None,
        dates=None,
        keep=None,
        origin_field="by",
        date_fields=((DateKind.PUBLISHED, "at"),),
    )
    done = protect(world, min_grade="E3")
    assert done.outcome is Outcome.REFUSED
    assert codes(done) == [
        ("not_human", 1),
        ("origin_unknown", 1),
        ("not_human", 1),
        ("undated", 1),
        ("too_late", 1),
        ("grade", 4),
        ("not_kept", 5),
    ]
    by_code = {reason.code: reason for reason in done.reasons}
    (example,) = by_code["undated"].examples
    assert (example.row, example.where) == (4, "part-0.jsonl record 4")
    assert "2023-05-31" in by_code["too_late"].message
    assert all(reason.remedy for reason in done.reasons)
    assert protected(world) == set()
    assert world.problems() == []


def test_what_the_remedies_say_repairs(world: World) -> None:
    """Each refusal names a command; with all of them done, the version is protected."""
    world.register("essays", TEXTS)
    assert codes(protect(world)) == [("origin_unknown", 4), ("undated", 4), ("not_kept", 4)]
    world.claim("essays", Origin.HUMAN, reason="I was there")
    assert codes(protect(world)) == [("undated", 4), ("not_kept", 4)]
    world.register("essays", TEXTS, dates=(dated("2019"),))
    assert codes(protect(world)) == [("not_kept", 4)]
    world.keep("essays")
    assert protect(world).outcome is Outcome.PROTECTED
    assert world.problems() == []


@pytest.mark.parametrize(
    ("date", "met"),
    [
        ("2022-11-29", True),
        ("2022-11-29T23:59:59.999999Z", True),
        ("2022-11-30T00:00:00Z", False),
        ("2022-11-30", False),
        ("2022-11", False),
        ("2022", False),
        ("2022-11-29T12:00:00", False),  # some time zone's 30th
        ("2022-11-29T23:30:00-05:00", False),
        ("0618..0907", True),
    ],
)
def test_every_instant_of_a_date_lies_before_the_cutoff(
    sqlite_world: World, date: str, met: bool
) -> None:
    register(sqlite_world, dates=(dated(date),))
    done = protect(sqlite_world)
    assert codes(done) == ([] if met else [("too_late", 4)])


def test_text_by_models_is_refused_however_old_it_is(world: World) -> None:
    register(world, "gpt2", origin=Origin.AI, generators=("gpt-2",), dates=(dated("2019-11"),))
    done = protect(world, "gpt2")
    assert codes(done) == [("not_human", 4)]
    assert "older than the cutoff does not make it human" in done.reasons[0].message
    # Nor does another claim: the most cautious counts.
    world.claim("gpt2", Origin.HUMAN, reason="it reads well")
    assert codes(protect(world, "gpt2")) == [("not_human", 4)]
    # Nor does registering the same texts under another name.
    register(world, "wash", TEXTS)
    assert codes(protect(world, "wash")) == [("contrary_claim", 4)]
    register(world, "part", [*TEXTS[:1], "Fresh."])
    done = protect(world, "part")
    assert codes(done) == [("contrary_claim", 1)]
    assert "`gpt2@1` (ai) of 1 text" in done.reasons[0].message
    assert protected(world) == set()


@pytest.mark.parametrize("origin", [it for it in Origin if it is not Origin.HUMAN])
def test_nothing_but_human_is_human(sqlite_world: World, origin: Origin) -> None:
    register(sqlite_world, origin=origin)
    ((code, documents),) = codes(protect(sqlite_world))
    assert (code, documents) == (
        "origin_unknown" if origin is Origin.UNKNOWN else "not_human",
        4,
    )


def test_a_record_that_names_a_generator_is_refused(sqlite_world: World) -> None:
    texts: list[Document] = [{"text": "One.", "model": None}, {"text": "Two.", "model": "gpt-4"}]
    register(sqlite_world, texts=texts, generator_field="model")
    assert codes(protect(sqlite_world)) == [("origin_unknown", 1)]


def test_a_document_that_is_human_in_part_is_refused(sqlite_world: World) -> None:
    register(
        sqlite_world,
        texts=[{"q": "By a person?", "a": "By a model."}],
        origin=None,
        origin_by_field={"q": Origin.HUMAN, "a": Origin.AI},
    )
    assert codes(protect(sqlite_world)) == [("not_human", 1)]


def test_a_text_that_somebody_says_was_written_later_is_refused(world: World) -> None:
    register(world)
    # Copies may come at any time; a date of writing may not.
    register(world, "copy", TEXTS[:2], dates=(dated("2023", DateKind.CAPTURED),))
    assert protect(world).outcome is Outcome.PROTECTED
    register(world, "late", TEXTS[:2], dates=(dated("2023-02..2023-03"),))
    done = protect(world, cutoff="2022")
    assert codes(done) == [("contrary_date", 2)]
    assert "`late@1` of 2 texts" in done.reasons[0].message
    assert broken(world) == ["contrary_date"]
    # So is one of which the owner says both.
    register(world, "both", ["One.", "Two."], dates=(dated("2019", DateKind.CAPTURED),))
    register(world, "both", ["One.", "Two."], dates=(dated("2024"),))
    assert codes(protect(world, "both")) == [("contrary_date", 2)]


def test_a_date_of_writing_per_record_contradicts_its_own_records_only(
    sqlite_world: World,
) -> None:
    register(sqlite_world)
    late = [{"text": TEXTS[0], "at": "2023-01"}, {"text": TEXTS[1], "at": "2019-01"}]
    register(
        sqlite_world,
        "late",
        late,
        origin=None,
        dates=None,
        date_fields=((DateKind.AUTHORED, "at"),),
    )
    assert codes(protect(sqlite_world)) == [("contrary_date", 1)]


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (EdgeKind.GENERATED, "not_human"),
        (EdgeKind.TRANSLATED, "source_not_human"),
        (EdgeKind.REFORMATTED, "source_not_human"),
        (EdgeKind.FILTERED, None),
    ],
)
def test_what_was_made_from_other_text_is_as_human_as_that(
    sqlite_world: World, kind: EdgeKind, refused: str | None
) -> None:
    register(sqlite_world, "chat", ["By a model."], origin=Origin.AI)
    register(sqlite_world)
    sqlite_world.derive("essays", "chat", kind)
    assert [code for code, _ in codes(protect(sqlite_world))] == ([refused] if refused else [])


def test_kept_texts_are_read_and_compared(world: World) -> None:
    register(world)
    (file,) = (world.store.root / "vault").rglob("*.parquet")
    raw = file.read_bytes()
    file.write_bytes(raw[:-8])
    done = protect(world)
    assert codes(done) == [("damaged", 4)]
    assert "`firsthand keep essays@1`" in done.reasons[0].remedy
    world.keep("essays")
    assert protect(world).outcome is Outcome.PROTECTED
    file.unlink()
    assert broken(world) == []  # what was kept once more is there


def test_a_vault_that_was_emptied_is_told_of(sqlite_world: World) -> None:
    register(sqlite_world)
    protect(sqlite_world)
    for file in (sqlite_world.store.root / "vault").rglob("*.parquet"):
        file.unlink()
    assert broken(sqlite_world) == ["not_kept"]


def test_a_later_claim_takes_no_protection_away_and_is_told_of(world: World) -> None:
    register(world)
    protect(world)
    register(world, "chat", TEXTS[1:3], origin=Origin.AI, dates=None)
    assert broken(world) == ["contrary_claim"]
    world.claim("essays", Origin.ASSISTED, where=TEXTS[:1])
    assert broken(world) == ["not_human", "contrary_claim"]
    assert protected(world) == {world.version("essays").id}
    assert codes(protect(world)) == [("not_human", 1), ("contrary_claim", 2)]


def test_what_nobody_may_see_breaks_nothing_for_them(world: World) -> None:
    """A hidden dataset changes no answer for a caller who may not see it; its owner is told."""
    register(world, visibility=Visibility.PUBLIC)
    protect(world)

    def seen() -> dict[str, Any]:
        with world.database.read() as session:
            record = version_record(session, world.store, DatasetRef.parse("essays"), PUBLIC)
        return {key: value for key, value in record.items() if key != "log_size"}

    before = seen()
    register(world, "secret", TEXTS, origin=Origin.AI, dates=(dated("2023"),))
    assert broken(world) == ["contrary_claim", "contrary_date"]
    assert seen() == before


def test_a_claim_that_comes_between_looking_and_recording_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(world)
    looked = policy.reasons
    came: list[int] = []

    def slow(*args: Any, **more: Any) -> Any:
        found = looked(*args, **more)
        if not came:
            came.append(1)
            thread = threading.Thread(target=world.claim, args=("essays", Origin.AI))
            thread.start()
            thread.join()
        return found

    monkeypatch.setattr(policy, "reasons", slow)
    done = protect(world)
    assert came
    assert codes(done) == [("not_human", 4)]
    assert protected(world) == set()


def test_a_catalogue_that_is_never_still_is_looked_at_where_nobody_else_writes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(world)
    world.register("busy", ["Some text."])
    looked = policy.reasons
    counts: list[int] = []

    def busy(*args: Any, **more: Any) -> Any:
        found = looked(*args, **more)
        counts.append(1)
        if len(counts) <= verb.TRIES:
            thread = threading.Thread(
                target=world.claim,
                args=("busy", Origin.AI),
                kwargs={"generators": [f"model-{len(counts)}"]},
            )
            thread.start()
            thread.join()
        return found

    monkeypatch.setattr(policy, "reasons", busy)
    assert protect(world).outcome is Outcome.PROTECTED
    assert len(counts) == verb.TRIES + 1
    assert world.problems() == []


def test_two_at_once_protect_it_once(world: World) -> None:
    register(world)
    meet = threading.Barrier(2)
    outcomes: list[Outcome] = []

    def both(now: Progress) -> None:
        if now.done == now.of:
            meet.wait(60)

    def work() -> None:
        done = verb.version(
            world.database,
            world.store,
            DatasetRef.parse("essays"),
            Terms.parse(),
            protected_by="curator",
            clock=world.clock,
            on_progress=both,
        )
        outcomes.append(done.outcome)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [Outcome.PROTECTED, Outcome.UNCHANGED]
    with world.database.read() as session:
        assert len(changes(session, world.version("essays"))) == 1
    assert world.problems() == []


def test_a_version_is_protected_and_not_its_dataset(sqlite_world: World) -> None:
    register(sqlite_world)
    protect(sqlite_world)
    register(sqlite_world, texts=[*TEXTS, "More."], origin=None)
    assert protected(sqlite_world) == {sqlite_world.version("essays@1").id}


def test_a_cutoff_after_the_day_is_said_to_be_late(sqlite_world: World) -> None:
    register(sqlite_world, dates=(dated("2023"),))
    done = protect(sqlite_world, cutoff="2024-06")
    assert done.outcome is Outcome.PROTECTED
    assert ["later than 2022-11-30" in note for note in done.notes] == [True]
    assert protect(sqlite_world, cutoff="2022").notes == ()


def test_near_text_with_another_origin_is_told_of_and_decides_nothing(
    sqlite_world: World,
) -> None:
    words = [f"word{number}" for number in range(200)]
    register(sqlite_world, texts=[" ".join(words)])
    register(sqlite_world, "chat", [" ".join([*words[:-1], "other"])], origin=Origin.AI)
    done = protect(sqlite_world)
    assert done.outcome is Outcome.PROTECTED
    assert ["1 document like documents of `chat@1` (ai)" in note for note in done.notes] == [True]


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"policy": "old"}, "there is no policy `old`"),
        ({"cutoff": "soon"}, "`soon` is not a date"),
        ({"min_grade": "E9"}, "there is no grade `E9`"),
    ],
)
def test_terms_that_are_none_are_refused(terms: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Terms.parse(**terms)


def test_nothing_is_protected_that_does_not_exist(sqlite_world: World) -> None:
    with pytest.raises(NotFoundError, match="there is no dataset `essays`"):
        protect(sqlite_world)


def test_history_tells_of_keeping_protecting_and_releasing(sqlite_world: World) -> None:
    register(sqlite_world, keep=None)
    sqlite_world.keep("essays")
    protect(sqlite_world)
    sqlite_world.role("essays", Role.PROTECTED, given=False, reason="sold")
    with sqlite_world.database.read() as session:
        events = history(session, DatasetRef.parse("essays"))
    told = [
        (it["event"], it.get("given"), it.get("reason"), it.get("kept_by") or it.get("changed_by"))
        for it in events
        if it["event"] in ("kept", "role")
    ]
    assert told == [
        ("kept", None, None, "keeper"),
        ("role", True, None, "curator"),
        ("role", False, "sold", "tester"),
    ]


# Real corpora.


def test_real_corpora_get_what_they_deserve(sqlite_world: World, shared_data: Path) -> None:
    """PEPs of 2022 may be protected; text by models of 2020 never, whatever is claimed of it."""
    world = sqlite_world
    world.register(
        "peps",
        paths=[shared_data / "peps_2022"],
        origin=Origin.HUMAN,
        dates=(dated("2000-06..2022-11-29"),),
    )
    assert codes(protect(world, "peps")) == [("not_kept", 527)]
    world.keep("peps")
    assert protect(world, "peps").outcome is Outcome.PROTECTED
    old: dict[str, Any] = {
        "paths": [shared_data / "uchendu2020_a"],
        "text_fields": ["Generation"],
        "keep": True,
    }
    world.register("uchendu", origin=Origin.AI, dates=(dated("2020"),), **old)
    assert [code for code, _ in codes(protect(world, "uchendu"))] == ["not_human"]
    world.register("laundered", origin=Origin.HUMAN, dates=(dated("2020"),), **old)
    assert [code for code, _ in codes(protect(world, "laundered"))] == ["contrary_claim"]
    assert world.clock.now > dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def test_no_other_documents_are_spoken_of_where_there_are_none(sqlite_world: World) -> None:
    sqlite_world.register("models", ["one text", "another"], origin=Origin.AI, keep=True)
    (reason, *_) = protect(sqlite_world, "models").reasons
    assert reason.code == "not_human"
    assert reason.remedy == "no other document is left: this version is not for the vault"
