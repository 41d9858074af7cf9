from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.core.dataset import Origin
from registry.core.words import count_text
from registry.errors import InvalidInputError
from tests.readers.making import jsonl, parquet, rows, written

HUMAN, AI, UNKNOWN = Origin.HUMAN, Origin.AI, Origin.UNKNOWN


def test_each_split_field_is_a_document_with_its_origin(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "a.jsonl",
        {"question": "q1", "answers": {"ai": "a1"}, "by": "m", "day": "2020"},
        {"question": "q2", "answers": None, "by": None, "day": "2021"},
    )
    found = rows(
        file,
        split_fields=(("answers.ai", AI), ("question", HUMAN)),
        generator_field="by",
        language_field="day",
    )
    picked = [
        tuple(row[name] for name in ("record", "part", "text", "origin", "generator", "language"))
        for row in found
    ]
    assert picked == [
        (0, 0, "a1", "ai", "m", "2020"),
        (0, 1, "q1", "human", "m", "2020"),
        (1, 0, "", "ai", None, "2021"),
        (1, 1, "q2", "human", None, "2021"),
    ]


def by_field(file: Path, **origins: Origin) -> list[dict[str, Any]]:
    return rows(file, origin_by_field=tuple(origins.items()))


def test_origin_by_field_counts_bytes_and_words_exactly(tmp_path: Path) -> None:
    prompt, more, reply = "Größe, bitte!", "two words", "Here it is: 中文"
    file = jsonl(tmp_path / "a.jsonl", {"p": prompt, "m": more, "r": reply})
    (row,) = by_field(file, p=HUMAN, r=AI, m=HUMAN)
    assert row["text"] == f"{prompt}\n{reply}\n{more}"
    assert row["origin"] == "mixed"
    assert row["human_bytes"] == len(prompt.encode()) + len(more)
    assert row["ai_bytes"] == len(reply.encode())
    assert row["human_words"] == count_text(prompt) + count_text(more) == 4
    assert row["ai_words"] == count_text(reply) == 5
    for origin in ("assisted", "programmatic"):
        assert row[f"{origin}_bytes"] == row[f"{origin}_words"] == 0


@pytest.mark.parametrize(
    ("record", "origin", "human", "ai"),
    [
        ({"p": "ab", "r": "c", "u": ""}, "mixed", 2, 1),
        ({"p": "ab", "r": "", "u": None}, "human", 2, 0),
        ({"p": "", "r": "c"}, "ai", 0, 1),
        ({"p": "ab", "r": "", "u": "x"}, "mixed", 2, 0),
        ({"p": "", "r": "", "u": "x"}, "unknown", 0, 0),
        ({"p": "", "r": None, "u": ""}, "unknown", 0, 0),
    ],
)
def test_a_document_is_mixed_unless_its_parts_agree(
    tmp_path: Path, record: dict[str, Any], origin: str, human: int, ai: int
) -> None:
    full = {"p": "x", "r": "x", "u": "x"}
    file = jsonl(tmp_path / "a.jsonl", full, record)
    row = by_field(file, p=HUMAN, r=AI, u=UNKNOWN)[1]
    assert (row["origin"], row["human_bytes"], row["ai_bytes"]) == (origin, human, ai)


def test_two_fields_of_one_origin_have_that_origin(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", {"a": ["xy"], "b": ["z"]})
    (row,) = by_field(file, a=AI, b=AI)
    assert (row["origin"], row["ai_bytes"], row["ai_words"]) == ("ai", 3, 2)


def labelled(tmp_path: Path, *labels: Any) -> Path:
    return jsonl(tmp_path / "labels.jsonl", *({"text": "x", "is": label} for label in labels))


def test_labels_are_mapped_and_blanks_are_unknown(tmp_path: Path) -> None:
    file = labelled(tmp_path, "people", "gpt", None, "", " \t", "gpt")
    mapping = (("people", HUMAN), ("gpt", AI))
    found = rows(file, text_fields=("text",), origin_field="is", origin_map=mapping)
    origins = [row["origin"] for row in found]
    assert origins == ["human", "ai", "unknown", "unknown", "unknown", "ai"]


def test_without_a_map_labels_are_names_of_origins(tmp_path: Path) -> None:
    names = [origin.value for origin in Origin]
    found = rows(labelled(tmp_path, *names, None), text_fields=("text",), origin_field="is")
    assert [row["origin"] for row in found] == [*names, "unknown"]


def test_a_blank_label_may_be_mapped_but_never_to_human(tmp_path: Path) -> None:
    file = labelled(tmp_path, "", None, "people")
    options: dict[str, Any] = {"text_fields": ("text",), "origin_field": "is"}
    found = rows(file, **options, origin_map=(("", AI), ("people", HUMAN)))
    assert [row["origin"] for row in found] == ["ai", "ai", "human"]
    with pytest.raises(InvalidInputError, match="calls an empty value human"):
        rows(file, **options, origin_map=(("", HUMAN),))


def test_a_map_that_contradicts_itself_is_an_error(tmp_path: Path) -> None:
    file = labelled(tmp_path, "bot")
    mapping = (("bot", AI), ("bot", HUMAN))
    with pytest.raises(InvalidInputError, match="two things about `bot`: ai and human"):
        rows(file, text_fields=("text",), origin_field="is", origin_map=mapping)


@pytest.mark.parametrize(
    ("label", "mapping", "fragments"),
    [
        ("bot", (("people", HUMAN),), ["labels.jsonl:3", "`is` is `bot`", "only `people`"]),
        ("Human", (), ["labels.jsonl:3", "`Human`", "no origin"]),
        (" human", (("human", HUMAN),), ["labels.jsonl:3", "` human`"]),
        ("x" * 500, (), ["labels.jsonl:3", "`" + "x" * 60 + "…`"]),
        (1, (("true", AI),), ["labels.jsonl:3", "`1`"]),
    ],
)
def test_a_label_that_nobody_explained_is_an_error(
    tmp_path: Path, label: object, mapping: Any, fragments: list[str]
) -> None:
    file = labelled(tmp_path, None, "", label, label)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, text_fields=("text",), origin_field="is", origin_map=mapping)
    for fragment in fragments:
        assert fragment in caught.value.message
    assert "--origin-map" in str(caught.value.hint)


def test_a_blank_name_names_nothing(tmp_path: Path) -> None:
    values = ["m", None, "", "  ", "\u3000", " m "]
    file = jsonl(tmp_path / "a.jsonl", *({"text": "x", "by": value} for value in values))
    found = rows(file, text_fields=("text",), generator_field="by", language_field="by")
    for name in ("generator", "language"):
        assert [row[name] for row in found] == ["m", None, None, None, None, " m "]


def test_nothing_says_human_when_nothing_is_asked(tmp_path: Path) -> None:
    file = written(tmp_path / "a.txt", "hello")
    assert set(rows(file)[0]) == {"text", "file", "record", "part"}
