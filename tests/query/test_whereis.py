from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from registry.core.caller import OPERATOR, PUBLIC, Caller
from registry.core.dataset import Origin, Visibility
from registry.core.evidence import DateInterval, DateKind
from registry.core.lineage import EdgeKind
from registry.db.models import Segment, SketchTable
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.query.whereis.answer import answer_record, searched_record, text_record
from registry.query.whereis.finder import Finder
from registry.query.whereis.places import Searched
from registry.query.whereis.question import MOST_BYTES, Question
from registry.query.whereis.search import Answer, Kind, known_text, search, standard_error
from tests.conftest import FilledWorld
from tests.world import World

SHARED = Path("/work/shared/data")


def prose(seed: int, many: int = 120) -> str:
    """Words that no other seed gives in that order."""
    rng = random.Random(seed)
    return " ".join(
        f"{rng.choice('bdfgklmnprst')}{rng.choice('aeiou')}{rng.randrange(400)}"
        for _ in range(many)
    )


def ask_all(
    world: World, texts: Sequence[str], caller: Caller = OPERATOR, **more: Any
) -> tuple[list[Answer], Searched]:
    finder = Finder(world.store)
    with world.database.read() as session, finder.look(session, caller) as looking:
        answers = search(looking, [Question.of_text(it.encode()) for it in texts], **more)
    finder.close()
    return answers


def ask(world: World, text: str, caller: Caller = OPERATOR, **more: Any) -> Answer:
    (answer,), _ = ask_all(world, [text], caller, **more)
    return answer


def found(answer: Answer) -> list[tuple[str, list[str]]]:
    """How each text matches, and where it is."""
    return [
        (str(match.kind), [f"{it.version.dataset.name}:{it.row}" for it in match.text.places])
        for match in answer.matches
    ]


def fill(world: World) -> None:
    world.register("first", [prose(1), prose(2), prose(3)], origin=Origin.HUMAN, license="MIT",
                   dates=(DateInterval.parse(DateKind.PUBLISHED, "2019"),))  # fmt: skip
    world.register(
        "second",
        [
            {"text": prose(4), "by": "ai", "model": "gpt-4"},
            {"text": prose(2), "by": "ai", "model": "gpt-4"},
        ],
        origin_field="by",
        generator_field="model",
        license="CC0-1.0",
    )


@pytest.fixture
def shelf(filled_world: FilledWorld) -> World:
    return filled_world(fill)


def test_an_equal_text_is_found_wherever_it_is_with_both_sides_of_each_conflict(
    shelf: World,
) -> None:
    answer = ask(shelf, prose(2))
    assert found(answer) == [("exact", ["first:1", "second:1"])]
    text = answer.matches[0].text
    assert text.origin is Origin.AI
    assert [place.origin for place in text.places] == [Origin.AI, Origin.AI]
    assert text.earliest is text.places[0]
    sides = {
        conflict.property: [
            (side.version.dataset.name, side.says, side.generators, side.claimed_by)
            for side in conflict.sides
        ]
        for conflict in text.conflicts
    }
    assert sides == {
        "origin": [
            ("first", ("human",), (), ("tester",)),
            ("second", ("ai",), ("gpt-4",), ("tester",)),
        ],
        "license": [
            ("first", ("MIT",), (), ("tester",)),
            ("second", ("CC0-1.0",), (), ("tester",)),
        ],
    }
    assert ask(shelf, prose(3)).matches[0].text.conflicts == ()


def test_a_newline_at_the_end_is_no_other_text_but_not_called_exact(shelf: World) -> None:
    shelf.register("lines", [prose(5) + "\n"])
    for text, kind, change in (
        (prose(1) + "\n", Kind.NORMALISED, "without the newline at its end"),
        (prose(1) + "\r\n", Kind.NORMALISED, "without the CRLF at its end"),
        (prose(5), Kind.NORMALISED, "with a newline at its end"),
        (prose(5) + "\n", Kind.EXACT, None),
    ):
        (match,) = ask(shelf, text).matches
        assert (match.kind, match.change) == (kind, change)


def test_an_edited_text_is_near_with_its_similarity(shelf: World) -> None:
    edited = prose(1).split()
    edited[60] = "edited"
    answer = ask(shelf, " ".join(edited))
    assert found(answer) == [("near", ["first:0"])]
    # Of 116 shingles on each side 111 are shared: 111 / 121.
    similarity = answer.matches[0].similarity
    assert similarity is not None
    assert abs(similarity - 111 / 121) < 0.12
    assert found(ask(shelf, " ".join(edited), min_similarity=1.0))[:1] != [("near", ["first:0"])]


@pytest.mark.parametrize("keep", [True, False])
def test_a_passage_is_found_and_the_shared_words_are_shown(world: World, keep: bool) -> None:
    world.register("books", [prose(7, 3000), prose(8, 3000)], keep=keep)
    words = prose(7, 3000).split()
    pasted = " ".join([*prose(90).split(), *words[1500:1530], *prose(91).split()])
    answer = ask(world, pasted)
    assert found(answer) == [("passage", ["books:0"])]
    passage = answer.matches[0].passage
    assert passage is not None
    assert (passage.tokens, passage.words) == (30, " ".join(words[1500:1530]))
    assert 1 <= passage.pieces <= passage.of == 263


def test_where_the_text_is_not_at_hand_a_passage_is_probable(world: World) -> None:
    world.register("books", [prose(7, 3000), prose(8, 3000)])
    words = prose(7, 3000).split()
    pasted = " ".join([*prose(90).split(), *words[1500:1560], *prose(91).split()])
    source = next((world.folder / "files" / "books").iterdir())
    source.write_text(source.read_text().replace(words[1510], "other"))
    (match,) = ask(world, pasted).matches
    assert match.passage is not None
    assert match.passage.words is None
    assert 8 <= match.passage.tokens <= 60
    source.unlink()
    assert found(ask(world, pasted)) == [("passage", ["books:0"])]


def test_closer_kinds_come_first_and_each_text_once(world: World) -> None:
    text = prose(1)
    edited, other = text.replace(text.split()[50], "edited"), prose(2)
    world.register(
        "all",
        [prose(3) + " " + text[:300] + " " + other, edited, text, text],
    )
    answer = ask(world, text)
    assert [kind for kind, _ in found(answer)] == ["exact", "near", "passage"]
    assert answer.matches[0].text.documents == 2
    assert answer.more == {}


def test_nothing_is_capped_silently(world: World) -> None:
    texts = [f"{prose(1)} {number}" for number in range(30)]
    world.register("many", [*texts, *texts[:5]])
    answer = ask(world, texts[0], limit=4)
    assert len(answer.matches) == 4
    shown = sum(match.text.documents for match in answer.matches)
    assert shown + sum(answer.more.values()) == 35
    everything = ask(world, texts[0], limit=100)
    assert len(everything.matches) == 30
    assert everything.more == {}


def test_near_texts_that_are_alike_come_by_their_earliest_date(world: World) -> None:
    for name, year in (("late", "2022"), ("early", "2001"), ("middle", "2010")):
        dates = (DateInterval.parse(DateKind.AUTHORED, year),)
        world.register(name, [f"{prose(1)} {name}"], dates=dates)
    matches = ask(world, prose(1) + " same").matches
    by_score = sorted(
        matches, key=lambda it: (-(it.similarity or 0), it.text.places[0].not_after or 0)
    )
    assert list(matches) == by_score
    assert len(matches) == 3


@pytest.mark.parametrize("text", ["hello world", "...", "one two three four five six seven"])
def test_short_texts_are_found_as_a_whole(world: World, text: str) -> None:
    world.register("short", [text, prose(1)], origin=Origin.HUMAN)
    assert found(ask(world, text))[0] == ("exact", ["short:0"])
    assert ask(world, text + " and this").matches == ()


def test_a_text_that_is_nowhere_is_not_found_and_it_is_said_what_was_searched(
    shelf: World,
) -> None:
    (answer,), searched = ask_all(shelf, [prose(1234)])
    assert (answer.matches, answer.more) == ((), {})
    assert (searched.documents, searched.near, searched.passages) == (5, 5, 5)
    assert (searched.not_indexed, searched.guaranteed) == (0, 25)
    assert round(searched.recall, 3) == 0.998


def test_no_estimate_is_certain() -> None:
    assert standard_error(0.8, 128) == pytest.approx((0.8 * 0.2 / 128) ** 0.5, rel=0.02)
    assert 0.005 < standard_error(1.0, 128) < 0.01


def test_many_questions_get_the_answers_that_each_gets_alone(shelf: World) -> None:
    texts = [prose(1), prose(77), prose(2) + "\n", "x", prose(4)[:250] + prose(5), prose(1)]
    answers, searched = ask_all(shelf, texts)
    for text, answer in zip(texts, answers, strict=True):
        assert answer_record(answer, searched) == answer_record(ask(shelf, text), searched)


def test_an_empty_registry_finds_nothing(world: World) -> None:
    (answer,), searched = ask_all(world, [prose(1)])
    assert answer.matches == ()
    assert searched_record(searched)["passages"] == {"documents": 0, "guaranteed_tokens": None}


def test_without_an_index_equal_texts_are_found_all_the_same_and_stand_alike(
    shelf: World,
) -> None:
    """A text that one dataset calls AI is not human because a file of the index is missing."""
    before = ask(shelf, prose(2))
    with shelf.database.write() as session:
        session.execute(sa.delete(Segment))
    (answer,), searched = ask_all(shelf, [prose(2)])
    assert answer_record(answer, searched) == answer_record(before, searched)
    assert (searched.not_indexed, searched.near, searched.passages) == (5, 0, 0)
    with shelf.database.write() as session:
        session.execute(sa.delete(SketchTable))
    assert found(ask(shelf, prose(2))) == found(before)


def test_half_an_index_is_not_taken_for_a_whole_one(world: World) -> None:
    world.register("people", [prose(1), prose(2)], origin=Origin.HUMAN)
    with world.database.read() as session:
        kept = set(session.scalars(sa.select(Segment.id)))
    world.register("models", [prose(2), prose(3)], origin=Origin.AI, generators=("gpt-4",))
    with world.database.write() as session:
        session.execute(sa.delete(Segment).where(Segment.id.not_in(kept)))
    (answer,), searched = ask_all(world, [prose(2)])
    assert answer.matches[0].text.origin is Origin.AI
    assert (searched.documents, searched.not_indexed, searched.near) == (4, 2, 2)


def test_a_damaged_index_is_an_error_and_no_answer(shelf: World) -> None:
    for file in (shelf.store.root / "segments").rglob("*.segment"):
        data = bytearray(file.read_bytes())
        data[10] ^= 1
        file.write_bytes(data)
    with pytest.raises(ConflictError) as caught:
        ask(shelf, prose(2))
    assert caught.value.hint is not None
    assert "index rebuild" in caught.value.hint


def test_what_a_server_keeps_follows_what_is_recorded(shelf: World) -> None:
    finder = Finder(shelf.store)

    def now(text: str) -> Any:
        with shelf.database.read() as session, finder.look(session, OPERATOR) as looking:
            (answer,), searched = search(looking, [Question.of_text(text.encode())])
            return [(it["kind"], it["origin"]) for it in answer_record(answer, searched)["matches"]]

    assert now(prose(1)) == [("exact", "human")]
    assert now(prose(9)) == []
    shelf.claim("first", Origin.PROGRAMMATIC, where=[prose(1)])
    assert now(prose(1)) == [("exact", "programmatic")]
    shelf.register("third", [prose(9), prose(1)], origin=Origin.AI)
    assert now(prose(9)) == [("exact", "ai")]
    assert now(prose(1)) == [("exact", "ai")]
    shelf.register("fourth", [prose(10)])
    shelf.derive("fourth", "third", EdgeKind.GENERATED)
    assert now(prose(10)) == [("exact", "ai")]
    finder.close()


def test_what_is_hidden_changes_no_answer(world: World) -> None:
    public: dict[str, Any] = {"visibility": Visibility.PUBLIC}
    world.register("open", [prose(1), prose(2)], origin=Origin.HUMAN, **public)
    asked = [prose(1), prose(1) + " more", prose(3)[:200] + prose(4), prose(3), prose(2)]
    before, searched = ask_all(world, asked, PUBLIC)
    world.register("secret", [prose(1), prose(3)], origin=Origin.AI, visibility=Visibility.PRIVATE)
    world.derive("open", "secret", EdgeKind.GENERATED)
    after, still = ask_all(world, asked, PUBLIC)
    assert [answer_record(it, searched) for it in after] == [
        answer_record(it, searched) for it in before
    ]
    assert searched_record(still) == searched_record(searched)
    mine, all_of_it = ask_all(world, asked)
    assert mine[0].matches[0].text.origin is Origin.AI
    assert found(mine[3]) == [("exact", ["secret:1"])]
    assert all_of_it.documents == 4


def test_snapshots_are_those_of_the_version_and_have_the_text_if_they_have_all_of_it(
    world: World,
) -> None:
    world.register("whole", [prose(1), prose(2)], origin=Origin.HUMAN)
    world.register("part", [prose(3), prose(4)], origin=Origin.HUMAN)
    world.export({"sources": ["whole"]}, "one")
    world.export({"sources": ["part"], "size": {"at_most": 1, "unit": "documents"}}, "two")
    for text, has in ((prose(1), True), (prose(3), None)):
        record = text_record(ask(world, text).matches[0].text)
        (place,) = record["places"]
        assert [item["has_text"] for item in place["snapshots"]] == [has]


def test_a_text_is_known_by_its_hash(shelf: World) -> None:
    digest = Question.of_text(prose(2).encode()).content_hash
    finder = Finder(shelf.store)
    with shelf.database.read() as session, finder.look(session, OPERATOR) as looking:
        assert known_text(looking, f"sha256:{digest}").documents == 2
        (answer,), _ = search(looking, [Question.of_hash(digest)])
        assert found(answer) == [("exact", ["first:1", "second:1"])]
        assert answer.tokens is None
        with pytest.raises(NotFoundError):
            known_text(looking, "0" * 64)
    finder.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [(b"", "is empty"), (b"a\xffb", "byte 2"), (b"x" * (MOST_BYTES + 1), "more than")],
)
def test_what_is_no_text_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        Question.of_text(text)


@pytest.mark.parametrize("written", ["", "abc", "sha256:", "md5:" + "0" * 64, "g" * 64, "0" * 65])
def test_what_is_no_hash_is_refused(written: str) -> None:
    with pytest.raises(InvalidInputError, match="not a content hash"):
        Question.of_hash(written)


@pytest.mark.parametrize("more", [{"min_similarity": 0.0}, {"min_similarity": 1.1}, {"limit": 0}])
def test_bounds_that_make_no_sense_are_refused(sqlite_world: World, more: Any) -> None:
    with pytest.raises(InvalidInputError):
        ask(sqlite_world, "text", **more)


def pasted(rng: np.random.Generator, words: list[str]) -> str:
    """Return 25 to 60 of the words inside other ones."""
    size = min(int(rng.integers(25, 61)), len(words))
    begin = int(rng.integers(len(words) - size + 1))
    before, after = (prose(int(rng.integers(10**6, 10**9)), int(rng.integers(5, 80))) for _ in "ab")
    return " ".join([before, *words[begin : begin + size], after])


def test_passages_of_25_tokens_and_more_are_all_found(sqlite_world: World) -> None:
    every_passage(sqlite_world, documents=60, passages=120)


@pytest.mark.slow
def test_a_thousand_passages_are_all_found(sqlite_world: World) -> None:
    every_passage(sqlite_world, documents=2000, passages=1000)


def every_passage(world: World, documents: int, passages: int) -> None:
    rng = np.random.default_rng(5)
    texts = [prose(number, int(rng.integers(25, 900))) for number in range(documents)]
    world.register("texts", texts)
    chosen = rng.integers(documents, size=passages).tolist()
    questions = [pasted(rng, texts[number].split()) for number in chosen]
    answers, _ = ask_all(world, questions)
    missing = [
        number
        for number, answer in zip(chosen, answers, strict=True)
        if number not in {place.row for match in answer.matches for place in match.text.places}
    ]
    assert missing == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpora are not here")
def test_a_sentence_of_a_novel_finds_the_novel(sqlite_world: World) -> None:
    world = sqlite_world
    novels = sorted((SHARED / "novels_en").glob("*.txt"))[:6]
    world.register("novels", paths=list(novels), origin=Origin.HUMAN)
    rng = random.Random(3)
    for row, novel in enumerate(novels):
        text = novel.read_bytes().decode()
        begin = rng.randrange(len(text) // 4, len(text) // 2)
        sentence = " ".join(text[begin : begin + 260].split()[1:-1])
        answer = ask(world, f"Somebody wrote to me: “{sentence}” What is that from?")
        assert answer.matches[0].text.places[0].row == row
        assert answer.matches[0].text.places[0].file == novel.name
        assert answer.matches[0].passage is not None
        assert answer.matches[0].passage.tokens >= len(sentence.split())
