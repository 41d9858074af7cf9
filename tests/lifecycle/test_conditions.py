"""Texts by a condition: one condition over one table, and nothing else whatever it says."""

from __future__ import annotations

from typing import Final

import pytest

from registry.core.dataset import DatasetRef, Origin
from registry.core.digest import sha256_hex
from registry.errors import InvalidInputError, UnavailableError
from registry.lifecycle import by_condition
from registry.query import catalogue
from tests.world import World, hashes_of

RECORDS: Final = [
    {"text": "Một bài thơ.", "lang": "vi", "at": "2021-05"},
    {"text": "A poem; of rain.", "lang": "en", "at": "2023"},
    {"text": "A poem; of rain.", "lang": "vi", "at": "2023"},
    {"text": "No language", "at": ""},
]


@pytest.fixture
def shelf(sqlite_world: World) -> World:
    sqlite_world.register(
        "poems",
        RECORDS,
        origin=Origin.HUMAN,
        language_field="lang",
        date_fields=[("published", "at")],
    )
    return sqlite_world


def chosen(world: World, condition: str, *, seconds: float = 60) -> set[str]:
    with world.database.read() as session:
        version = catalogue.version(session, DatasetRef.parse("poems"))
        found = by_condition(session, world.store, version, condition, seconds=seconds)
    assert found.companion == {"where_sql": condition}
    known = {hashes_of([it["text"]])[0]: it["text"] for it in RECORDS}
    return {known[it] for it in found.hashes}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("language = 'vi'", {"Một bài thơ.", "A poem; of rain."}),
        ("language IS NULL", {"No language"}),
        ("bytes < 12", {"No language"}),
        ("row IN (1, 4)", {"Một bài thơ.", "No language"}),
        ("record = 1 -- the first", {"Một bài thơ."}),
        (f"content_hash = '{sha256_hex(b'No language')}'", {"No language"}),
        ("file LIKE '%.jsonl' AND language = 'en'", {"A poem; of rain."}),
        ("not_after < TIMESTAMPTZ '2022-01-01 00:00:00+00'", {"Một bài thơ."}),
        ("language = ';' OR words = 2 /* ; */", {"No language"}),
    ],
)
def test_columns_of_a_document_choose_its_text(
    shelf: World, condition: str, expected: set[str]
) -> None:
    assert chosen(shelf, condition) == expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("langauge = 'vi'", "there is no column `langauge`"),
        ("language = 'vi'; DROP TABLE documents", "cannot be read"),
        ("true) UNION SELECT 1 WHERE (true", "more than one condition"),
        ("true) GROUP BY row HAVING (true", "more than one condition"),
        ("true) ORDER BY (row", "more than one condition"),
        ("true) LIMIT (1", "more than one condition"),
        (" ", "condition is empty"),
        ("language", "cannot be evaluated"),
        ("row IN (SELECT 1)", "a query inside it"),
        ("EXISTS (FROM read_text('/etc/passwd'))", "a query inside it"),
        ("row > $1", "a parameter"),
        ("row_number() OVER () = 1", "a window"),
        ("random() < 0.5", "`random` does not depend on the document alone"),
        ("not_after < now()", "`now` does not depend"),
        ("current_setting('threads') = '1'", "`current_setting` does not depend"),
        ("getenv('HOME') = 'x'", "`getenv` does not depend"),
        ("count(*) > 1", "cannot be evaluated"),
        ("language = 'fr'", "no document of `poems@1` meets"),
        ("x" * 10_001, "more than 10,000 characters"),
    ],
)
def test_what_is_no_condition_is_refused(shelf: World, condition: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message.replace("*", r"\*")):
        chosen(shelf, condition)


def test_a_wrong_column_is_told_those_there_are(shelf: World) -> None:
    with pytest.raises(InvalidInputError) as caught:
        chosen(shelf, "lang = 'vi'")
    assert "`language`" in str(caught.value.hint)
    assert "`_hash`" not in str(caught.value.hint)


def test_a_condition_that_takes_too_long_is_ended(shelf: World) -> None:
    slow = "len(list_transform(range(100000000), lambda x: x * 2 + len(language))) = 1"
    with pytest.raises(UnavailableError, match="took longer"):
        chosen(shelf, slow, seconds=0.2)


def test_documents_of_a_field_are_named_by_it(sqlite_world: World) -> None:
    sqlite_world.register(
        "poems",
        [{"a": "First", "b": "No language"}],
        split_fields=[("a", Origin.HUMAN), ("b", Origin.HUMAN)],
    )
    assert chosen(sqlite_world, "field = 'b'") == {"No language"}
