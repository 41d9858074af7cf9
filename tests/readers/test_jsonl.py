from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from registry.core.dataset import Origin
from registry.core.evidence import DateKind
from registry.core.source import OnBadInput
from registry.errors import InvalidInputError
from registry.readers import jsonl as module
from tests.readers.making import batches, jsonl, rows, skips, texts, written


def test_positions_count_records_and_not_lines(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", '\n{"text": "a"}\r\n \t\n{"text": "b"}\n\n{"text": "c"}')
    assert [(row["record"], row["text"]) for row in rows(file)] == [(0, "a"), (1, "b"), (2, "c")]


@pytest.mark.parametrize("content", ["", "\n", "\r\n \n", "\ufeff"])
def test_a_file_without_records_has_no_documents(tmp_path: Path, content: str) -> None:
    assert batches(written(tmp_path / "a.jsonl", content)) == []
    assert batches(written(tmp_path / "a.jsonl", content), text_fields=("absent",)) == []


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "a.jsonl", '\ufeff{"text": "\ufeffa"}')) == ["\ufeffa"]


def test_a_line_of_three_megabytes(tmp_path: Path) -> None:
    long = "größe " * 500_000
    assert texts(jsonl(tmp_path / "a.jsonl.zst", {"text": long}, {"text": "b"})) == [long, "b"]


def test_characters_that_need_care_survive(tmp_path: Path) -> None:
    odd = ["\0", "\u2028\x85\x1c", '"\\', "\N{GRINNING FACE}", "e\u0301", "", "\r\n"]
    assert texts(jsonl(tmp_path / "a.jsonl", *({"text": text} for text in odd))) == odd
    assert texts(written(tmp_path / "b.jsonl", r'{"text": "\ud83d\ude00\u0000"}')) == [
        "\U0001f600\0"
    ]


def test_the_field_text_is_the_default_and_else_the_only_strings(tmp_path: Path) -> None:
    assert texts(jsonl(tmp_path / "a.jsonl", {"title": "t", "text": "x"})) == ["x"]
    assert texts(jsonl(tmp_path / "b.jsonl", {"id": 1, "body": "x", "tags": []})) == ["x"]
    labelled = jsonl(tmp_path / "c.jsonl", {"body": "x", "label": "ai", "day": "2020"})
    found = rows(labelled, origin_field="label", date_fields=((DateKind.AUTHORED, "day"),))
    assert [(row["text"], row["origin"]) for row in found] == [("x", "ai")]


def test_a_missing_or_null_field_is_an_empty_text(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", {"a": None}, {}, {"a": "x", "b": "y"}, {"b": "z"})
    assert texts(file, text_fields=("a", "b")) == ["\n", "\n", "x\ny", "\nz"]


def test_paths_lead_into_objects_and_literal_names_win(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "a.jsonl",
        {"6b.x": {"solution": "dotted step"}},
        {"6b": {"x": {"solution": "nested"}}},
        {"6b": {"x.solution": "dotted leaf"}},
        {"6b.x.solution": "literal", "6b": {"x": {"solution": "nested"}}},
        {"6b": None},
        {"6b": {"x": {}}},
    )
    assert texts(file, text_fields=("6b.x.solution",)) == [
        "dotted step",
        "nested",
        "dotted leaf",
        "literal",
        "",
        "",
    ]


def test_labels_may_be_numbers_and_truth_values(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "a.jsonl", *({"text": "x", "is": value} for value in (0, 1, True, "no"))
    )
    mapping = (("0", Origin.HUMAN), ("1", Origin.AI), ("true", Origin.AI), ("no", Origin.HUMAN))
    found = rows(file, origin_field="is", origin_map=mapping)
    assert [row["origin"] for row in found] == ["human", "ai", "ai", "human"]


def test_one_field_in_several_roles(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", {"text": "x", "by": "gpt2"})
    found = rows(file, origin_field="by", generator_field="by", origin_map=(("gpt2", Origin.AI),))
    assert [(row["origin"], row["generator"]) for row in found] == [("ai", "gpt2")]


def test_records_continue_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    late = [{"text": str(number)} for number in range(5)] + [{"text": "5", "by": "m"}]
    found = rows(jsonl(tmp_path / "a.jsonl", *late), generator_field="by")
    assert [(row["record"], row["text"]) for row in found] == [(i, str(i)) for i in range(6)]
    assert [row["generator"] for row in found] == [None] * 5 + ["m"]
    bad = written(tmp_path / "b.jsonl", '{"text": "a"}\n' * 4 + '\n{"text": 3}\n')
    with pytest.raises(InvalidInputError, match=r"b\.jsonl:6`"):
        texts(bad)


GOOD = b'{"text": "fine"}\n'
FIELD = {"text_fields": ("text",)}


@pytest.mark.parametrize(
    ("content", "options", "fragments"),
    [
        (GOOD + b'{"text": ', {}, ["bad.jsonl:2", "not valid JSON"]),
        (GOOD + b'{"text": "a"} x', {}, ["bad.jsonl:2", "unexpected content"]),
        (GOOD + b'{"text": NaN}', {}, ["bad.jsonl:2", "not valid JSON"]),
        (GOOD + b'{"text": "\x00"}', {}, ["bad.jsonl:2", "control character"]),
        (GOOD + rb'{"text": "\ud800"}', {}, ["bad.jsonl:2", "surrogate"]),
        (GOOD + b'{"text": "\xff"}', {}, ["bad.jsonl:2", "not valid UTF-8", "byte 27"]),
        (GOOD + b"[" * 3000, {}, ["bad.jsonl:2", "depth"]),
        (b"[\n" + GOOD, {}, ["bad.jsonl:1", "JSON list"]),
        (GOOD + b"[1]", {}, ["bad.jsonl:2", "a list, not an object"]),
        (b'"text"', {}, ["bad.jsonl:1", "text, not an object"]),
        (b"null", {}, ["bad.jsonl:1", "null, not an object"]),
        ("{}\n".encode("utf-16"), {}, ["bad.jsonl:1", "not valid UTF-8", "byte 0"]),
        (GOOD + b'{"text": 3}', {}, ["bad.jsonl:2", "`text`", "a number, not text"]),
        (
            GOOD + b'\n{"text": ["a", 1]}',
            {},
            ["bad.jsonl:3", "`text`", "a list that holds a number"],
        ),
        (b'{"text": [null]}', {}, ["bad.jsonl:1", "`text`", "a list that holds null"]),
        (b'{"a": {"b": 1}}', {"text_fields": ("a[0].b",)}, ["bad.jsonl:1", "`a`", "not a list"]),
        (
            b'{"a": [[], ["x"]]}',
            {"text_fields": ("a[1].b",)},
            ["bad.jsonl:1", "`a[1]`", "is a list"],
        ),
        (b'{"a": []}', {"text_fields": ("a[0]",)}, ["no record", "`a[0]`", "`a`"]),
        (b'{"text": true}', {}, ["bad.jsonl:1", "a truth value"]),
        (b'{"text": {"a": "b"}}', {}, ["bad.jsonl:1", "an object", "`text.inner`"]),
        (b'{"a": "x", "b": "y"}', {}, ["several fields", "`a`, `b`", "--text-field a"]),
        (b'{"a": 1}', {}, ["bad.jsonl", "no field of strings", "`a`"]),
        (b"{}", {}, ["bad.jsonl", "no fields"]),
        (
            b'{"question": "x"}',
            {"text_fields": ("questoin",)},
            ["no record", "`questoin`", "did you mean `question`"],
        ),
        (
            b'{"a": {"solution": "x"}}',
            {"text_fields": ("a.solutoin",)},
            ["`a.solutoin`", "did you mean `a.solution`"],
        ),
        (b'{"a": "x"}', {"text_fields": ("a.b",)}, ["bad.jsonl:1", "`a`", "is text"]),
        (GOOD, {"generator_field": "model"}, ["no record", "`model`", "`text`"]),
        (GOOD, {"origin_field": "model"}, ["no record", "`model`"]),
        (b'{"text": "", "m": 1}', {"generator_field": "m"}, ["bad.jsonl:1", "`m`", "a number"]),
        (b'{"text": "", "m": []}', {"language_field": "m"}, ["bad.jsonl:1", "`m`", "a list"]),
        (b'{"text": "", "m": 1.0}', {"origin_field": "m"}, ["bad.jsonl:1", "`m`", "a number"]),
        (
            b'{"text": "", "d": 1.5}',
            {"date_fields": ((DateKind.AUTHORED, "d"),)},
            ["bad.jsonl:1", "`d`", "a number, not a date"],
        ),
        (GOOD, {"lines": True}, ["--lines", "bad.jsonl", "jsonl"]),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path, content: bytes, options: dict[str, object], fragments: list[str]
) -> None:
    file = written(tmp_path / "bad.jsonl", content)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, **options)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


def test_a_sparse_field_in_a_large_file_is_no_error(tmp_path: Path) -> None:
    many = b'{"text": "x"}\n' * 20_000 + orjson.dumps({"text": "y", "model": "m"})
    found = rows(written(tmp_path / "a.jsonl", many), generator_field="model")
    assert len(found) == 20_001
    assert found[-1]["generator"] == "m"


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("label", '{"text": "x", "label": "ai", "label": "human"}'),
        ("label", '{"label": "ai", "text": "x", "l\\u0061bel": "human"}'),
        ("label", '{"\\u006C\\u0061bel": "ai", "text": "x", "l\\u0061bel": "human"}'),
        ("a/b", '{"a/b": "ai", "text": "x", "a\\/b": "human"}'),
        ("étiquette", '{"étiquette": "ai", "text": "x", "\\u00e9tiquette": "human"}'),
        ("标签", '{"标签": "ai", "text": "x", "\\u6807\\u7b7e": "human"}'),
        ("meta.label", '{"text": "x", "meta": {"label": "ai", "label": "human"}}'),
        ("meta.label", '{"text": "x", "meta": {"label": "ai"}, "meta": {"label": "human"}}'),
        ("meta.label", '{"text": "x", "meta.label": "ai", "meta.label": "human"}'),
        ("a.b.c", '{"text": "x", "a.b": {"c": "ai"}, "a.b": {"c": "human"}}'),
        ("a.b.c", '{"text": "x", "a": {"b.c": "ai", "b.c": "human"}}'),
    ],
)
def test_two_labels_under_one_key_are_refused(tmp_path: Path, path: str, record: str) -> None:
    """Parsers keep the last of them and say nothing: an `ai` would be a `human`."""
    good = orjson.dumps({"text": "y"} | orjson.loads(record)).decode()
    file = written(tmp_path / "a.jsonl", f"{good}\n\n{record}\n")
    with pytest.raises(InvalidInputError) as caught:
        rows(file, origin_field=path)
    assert f"`{file}:3` has the key `" in caught.value.message
    assert "twice in one object" in caught.value.message


def test_a_label_key_that_stands_in_several_places_is_not_doubled(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.jsonl",
        '{"text": "the \\"label\\" and \\"label\\"", "label": "ai", "meta": {"label": "human"}}\n'
        '{"text": "label", "label": "ai", "name": "label", "n": 1' + "0" * 300 + "}\n"
        '{"text": "caf\\u00e9 \\u0041\\/", "label": "human", "a": 1, "a": 2}\n',
    )
    assert [row["origin"] for row in rows(file, origin_field="label")] == ["ai", "ai", "human"]


@pytest.mark.parametrize("label", [" human", "Human", "HUMAN", "humanoid", "human\u200b", "0", "1"])
def test_only_the_word_itself_is_human(tmp_path: Path, label: str) -> None:
    file = jsonl(tmp_path / "a.jsonl", {"text": "x", "label": label})
    with pytest.raises(InvalidInputError) as caught:
        rows(file, origin_field="label")
    assert "that is no origin" in caught.value.message


@pytest.mark.parametrize("label", [None, "", " ", "\t\n"])
def test_a_label_that_says_nothing_is_unknown(tmp_path: Path, label: str | None) -> None:
    records = {"text": "x", "label": label}, {"text": "y"}, {"text": "z", "label": "human"}
    file = jsonl(tmp_path / "a.jsonl", *records)
    found = [row["origin"] for row in rows(file, origin_field="label")]
    assert found == ["unknown", "unknown", "human"]


def test_lines_that_are_not_valid_are_left_out_and_told(tmp_path: Path) -> None:
    content = GOOD + b'{"text": "\xff"}\n{"text"\n[]\n' + GOOD
    file = written(tmp_path / "a.jsonl", content)
    found, passed = skips(file, on_bad_input=OnBadInput.SKIP)
    assert found == ["fine", "fine"]
    assert [str(skip.why).split("`")[1] for skip in passed] == [f"{file}:{n}" for n in (2, 3, 4)]
    # A value of another type is no broken record: the options may name the wrong field.
    written(file, content + b'{"text": 1}')
    with pytest.raises(InvalidInputError, match=r"a\.jsonl:6.*`text` is a number"):
        skips(file, on_bad_input=OnBadInput.SKIP)


def test_two_labels_under_one_key_are_refused_even_when_skipping(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", '{"text": "x", "label": "ai", "label": "human"}')
    with pytest.raises(InvalidInputError, match="twice in one object"):
        skips(file, on_bad_input=OnBadInput.SKIP, origin_field="label")


def test_lines_in_another_encoding(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl.gz", '{"text": "größe"}\n{"text": "b"}'.encode("latin-1"))
    assert texts(file, encoding="latin-1") == ["größe", "b"]
    with pytest.raises(InvalidInputError, match=r"not valid UTF-8 at byte 12"):
        texts(file)
