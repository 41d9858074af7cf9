"""What is withdrawn is hidden at once, and what is claimed about it counts on."""

from __future__ import annotations

from typing import Any

import pytest

from registry import documents, lifecycle
from registry.core.caller import OPERATOR
from registry.core.dataset import DatasetRef, Origin, Role
from registry.core.digest import sha256_hex
from registry.db.models import Withdrawal
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.query import selecting
from registry.query.first_seen.report import first_seen_record
from registry.query.impact import by_ref
from registry.query.whereis.answer import answer_record
from registry.query.whereis.finder import Finder
from registry.query.whereis.question import Question
from registry.query.whereis.search import search
from tests.world import World

LONG = (
    "The harbour master wrote down every ship that came in, and the wind, and the weather of the "
    "day, and what the captain had to say about both of them when he came ashore to be paid."
)
OTHER = (
    "Nothing of the kind was ever seen in the mountains, where the snow lies until June and the "
    "only ships are those that the children carve of bark and lose in the becks in April."
)


def withdraw(
    world: World, name: str, texts: list[str] | None = None, reason: str = "a takedown"
) -> list[Withdrawal]:
    """Withdraw a version, or those of its texts that are listed."""
    where = None
    if texts is not None:
        raw = b"".join(bytes.fromhex(sha256_hex(text.encode())) for text in texts)
        where = documents.as_hashes(raw)
    with world.database.write() as session:
        subject = by_ref(session, DatasetRef.parse(name), where=where)
        return lifecycle.withdraw(
            session,
            world.store,
            subject.versions,
            reason=reason,
            withdrawn_by="tester",
            now=world.clock(),
        )


def whereis(world: World, text: str) -> dict[str, Any]:
    finder = Finder(world.store)
    try:
        with world.database.read() as session, finder.look(session, OPERATOR) as looking:
            (answer,), searched = search(looking, [Question.of_text(text.encode())])
            return answer_record(answer, searched)
    finally:
        finder.close()


def found(world: World, text: str) -> list[str]:
    """Return which datasets are found to have a text, or one like it."""
    return sorted(
        {
            f"{match['kind']} {place['dataset']}"
            for match in whereis(world, text)["matches"]
            for place in match["places"]
        }
    )


def test_a_version_is_hidden_from_lookups_words_and_plans_at_once(world: World) -> None:
    world.register("letters", [LONG, OTHER], origin=Origin.HUMAN)
    world.register("copies", [LONG, f"{OTHER} Or nearly so."], origin=Origin.HUMAN)
    assert "exact local/letters" in found(world, LONG)
    (made,) = withdraw(world, "letters")
    assert found(world, LONG) == ["exact local/copies"]
    assert found(world, OTHER) == ["near local/copies"]
    with world.database.read() as session:
        assert [it.dataset.name for it in selecting.select(session, ["all"])] == ["copies"]
        with pytest.raises(NotFoundError, match=f"tombstone {made.id}: a takedown"):
            selecting.select(session, ["letters"])
    plan = world.plan({"sources": ["letters", "copies"]})
    assert [item.documents for item in plan.inputs] == [0, 2]
    (out,) = plan.inputs[0].left_out
    assert (out.documents, out.tombstone) == (2, made.id)
    assert "a takedown" in out.reason
    assert world.problems() == []


def test_texts_are_hidden_row_by_row(world: World) -> None:
    world.register("letters", [LONG, OTHER], origin=Origin.HUMAN)
    withdraw(world, "letters", [LONG])
    assert found(world, LONG) == []
    assert found(world, f"{LONG} And so on.") == []
    assert found(world, OTHER) == ["exact local/letters"]
    assert world.plan({"sources": ["letters"]}).documents == 1
    with pytest.raises(ConflictError, match="already"):
        withdraw(world, "letters", [LONG])
    withdraw(world, "letters")
    assert found(world, OTHER) == []


def test_withdrawing_what_a_model_wrote_makes_no_copy_of_it_human(world: World) -> None:
    world.register("essays", [LONG, OTHER], origin=Origin.HUMAN)
    world.register("chat", [LONG], origin=Origin.AI)
    assert world.origins("essays") == {Origin.HUMAN: 1, Origin.AI: 1}
    withdraw(world, "chat")
    assert world.origins("essays") == {Origin.HUMAN: 1, Origin.AI: 1}
    (match,) = whereis(world, LONG)["matches"]
    assert match["counts_as"] == "ai" if "counts_as" in match else match["places"][0]["origin"]
    assert {place["origin"] for place in match["places"]} == {"ai"}


def test_dates_of_withdrawn_documents_date_nothing(world: World) -> None:
    from registry.core.evidence import DateInterval, DateKind

    old = (DateInterval.parse(DateKind.PUBLISHED, "1911"),)
    world.register("archive", [LONG], dates=old)
    world.register("crawl", [LONG])
    finder = Finder(world.store)
    with world.database.read() as session, finder.look(session, OPERATOR) as looking:
        record, _ = first_seen_record(looking, world.version("crawl"), before="2022-11-30")
        assert record["first_seen"]["before"] == 1
    withdraw(world, "archive")
    with world.database.read() as session, finder.look(session, OPERATOR) as looking:
        record, _ = first_seen_record(looking, world.version("crawl"), before="2022-11-30")
        assert record["first_seen"]["before"] == 0
        with pytest.raises(NotFoundError, match="withdrawn"):
            first_seen_record(looking, world.version("archive"), before="2022-11-30")
    finder.close()


def test_a_withdrawal_during_an_export_stops_it(world: World) -> None:
    world.register("letters", [LONG, OTHER], origin=Origin.HUMAN)
    plan = world.plan({"sources": ["letters"]})
    withdraw(world, "letters", [OTHER])
    with pytest.raises(ConflictError, match="changed while it was exported"):
        world.export(plan)
    assert world.problems() == []


def test_a_withdrawn_version_is_neither_compared_nor_protected(world: World) -> None:
    world.register("letters", [LONG, OTHER], origin=Origin.HUMAN, keep=True)
    withdraw(world, "letters", [OTHER])
    with pytest.raises(NotFoundError, match="some texts of `letters@1` were withdrawn"):
        world.dedup("letters")
    with pytest.raises(NotFoundError, match="withdrawn"):
        world.keep("letters")


def test_registering_withdrawn_texts_again_is_said(world: World) -> None:
    world.register("letters", [LONG, OTHER], origin=Origin.HUMAN)
    (made,) = withdraw(world, "letters", [LONG])
    done = world.register("again", [LONG, "Something else."])
    (one,) = done.returned
    assert (one.withdrawal, one.documents, one.erased) == (made.id, 1, False)
    assert "a takedown" in one.words


def test_a_reason_is_needed(world: World) -> None:
    world.register("letters", [LONG])
    with pytest.raises(InvalidInputError, match="reason"):
        withdraw(world, "letters", reason=" ")


def test_a_withdrawn_evaluation_set_is_in_no_word(world: World) -> None:
    world.register("exam", [LONG])
    world.role("exam", Role.EVALUATION)
    withdraw(world, "exam")
    with world.database.read() as session:
        assert selecting.select(session, ["evals"]) == []
