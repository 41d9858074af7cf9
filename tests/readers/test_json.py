from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.dataset import Origin
from registry.core.source import Format, OnBadInput, Orient
from registry.errors import InvalidInputError
from registry.readers import json as module
from tests.readers.making import batches, rows, skips, texts, written

COLUMNS = {"orient": Orient.COLUMNS}
TEXTS = st.text(
    st.sampled_from('a,[]{}"\\ \n:ö\N{GRINNING FACE}') | st.characters(exclude_categories=["Cs"]),
    max_size=20,
)
VALUES = st.recursive(
    TEXTS | st.integers(-5, 5) | st.none(), lambda inner: st.lists(inner, max_size=3)
)


@given(
    records=st.lists(st.fixed_dictionaries({"text": TEXTS, "more": VALUES}), max_size=6),
    chunk=st.integers(1, 40),
    pretty=st.booleans(),
    bom=st.booleans(),
)
def test_any_list_cut_anywhere(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, Any]],
    chunk: int,
    pretty: bool,
    bom: bool,
) -> None:
    content = orjson.dumps(records, option=orjson.OPT_INDENT_2 if pretty else None)
    if bom:
        content = b"\xef\xbb\xbf \n" + content + b"\r\n "
    file = written(tmp_path_factory.mktemp("json") / "a.json", content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", chunk)
        assert texts(file) == [record["text"] for record in records]


@given(data=st.lists(st.sampled_from(list('[]{},:" \\1a"')), max_size=14).map("".join))
def test_nothing_else_is_taken_for_a_list(
    tmp_path_factory: pytest.TempPathFactory, data: str
) -> None:
    """What is read is what the whole file means to a parser; where that refuses it, so do we."""
    content = ('[{"text": "x"}' + data).encode()
    file = written(tmp_path_factory.mktemp("json") / "a.json", content)
    try:
        meant = [record["text"] for record in orjson.loads(content)]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        meant = None
    try:
        found = texts(file)
    except InvalidInputError:
        found = None
    assert found == meant


def test_a_list_longer_than_a_chunk_and_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    monkeypatch.setattr(module, "_CHUNK", 7)
    content = orjson.dumps([{"text": f'{number} \\" ]'} for number in range(10)])
    found = rows(written(tmp_path / "a.json.xz", content))
    assert [(row["record"], row["text"]) for row in found] == [
        (number, f'{number} \\" ]') for number in range(10)
    ]


def test_an_element_of_five_megabytes_and_one_nested_deeply(tmp_path: Path) -> None:
    long = 'a"\\[' * 1_250_000
    deep = b"[" * 900 + b"]" * 900
    content = b'[{"text": ' + orjson.dumps(long) + b'}, {"text": "b", "deep": ' + deep + b"}]"
    assert texts(written(tmp_path / "a.json", content)) == [long, "b"]


@pytest.mark.parametrize("content", ["[]", " [ ]\n", "\ufeff[\n]"])
def test_an_empty_list_has_no_documents(tmp_path: Path, content: str) -> None:
    assert batches(written(tmp_path / "a.json", content)) == []


def test_lists_of_texts_and_items_of_lists(tmp_path: Path) -> None:
    poem = {
        "lines": ["a", "b"],
        "messages": [{"content": {"answer": "x"}}, {"content": {"answer": "y"}}],
    }
    file = written(
        tmp_path / "a.json", orjson.dumps([poem, {"lines": []}, {"lines": "c", "messages": []}])
    )
    assert texts(file, text_fields=("lines",)) == ["a\nb", "", "c"]
    assert texts(file, text_fields=("messages[-1].content.answer",)) == ["y", "", ""]
    assert texts(file, text_fields=("messages[0].content.answer",)) == ["x", "", ""]
    assert texts(file, text_fields=("messages[-2].content.answer", "lines")) == [
        "x\na\nb",
        "\n",
        "\nc",
    ]


def test_brackets_in_a_name_are_found_first(tmp_path: Path) -> None:
    records = [{"a[0]": "literal", "a": ["item"]}, {"a": ["item"]}, {"a": [["x", "y"]]}]
    file = written(tmp_path / "a.json", orjson.dumps(records))
    assert texts(file, text_fields=("a[0]",)) == ["literal", "item", "x\ny"]
    nested = written(tmp_path / "b.json", orjson.dumps([{"a": [["x", "y"]]}]))
    assert texts(nested, text_fields=("a[0][-1]",)) == ["y"]


def test_columns_are_read_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    columns = {"original": ["a", "b", "c"], "sampled": ["x", "y", "z"]}
    file = written(tmp_path / "a.json.gz", orjson.dumps(columns))
    split = (("original", Origin.HUMAN), ("sampled", Origin.AI))
    found = rows(file, split_fields=split, **COLUMNS)
    assert [(row["record"], row["part"], row["text"], row["origin"]) for row in found] == [
        (0, 0, "a", "human"), (0, 1, "x", "ai"), (1, 0, "b", "human"), (1, 1, "y", "ai"),
        (2, 0, "c", "human"), (2, 1, "z", "ai"),
    ]  # fmt: skip


BAD: list[tuple[bytes, dict[str, Any], list[str]]] = [
    (b"", {}, ["bad.json", "is empty"]),
    (b" \n", {}, ["bad.json", "is empty"]),
    (b"3", {}, ["neither a list nor an object"]),
    (b'[{"text": "a"}', {}, ["at byte 14", "ends inside the list"]),
    (b'[{"text": "a"}, {"text": "b', {}, ["ends inside the list", "truncated"]),
    (b'[{"text": "a"},]', {}, ["at byte 15", "no value between two commas"]),
    (b'[,{"text": "a"}]', {}, ["no value between two commas"]),
    (b'[{"text": "a"}] x', {}, ["at byte 15", "something follows after the list"]),
    (b'[{"text": "a"}}', {}, ["`}` closes the list"]),
    (b'[{"text": "a"}, 1]', {}, ["record 2 of", "is a number, not an object"]),
    (b'[{"text": "a"}, {"text": NaN}]', {}, ["record 2 of", "not valid JSON"]),
    (b'[{"text": "a"} {"text": "b"}]', {}, ["record 1 of", "not valid JSON"]),
    (b'[{"text": "a"}, {"text": "\xff"}]', {}, ["not valid UTF-8 at byte 26", "--encoding", "--on-bad-input skip"]),
    (b'[{"a": ' + b"[" * 3000 + b"]" * 3000 + b"}]", {}, ["record 1 of", "depth"]),
    (b'[{"text": "a"}, {"text": 3}]', {}, ["record 2 of", "`text`", "a number, not text"]),
    (b'[{"text": ["a", {}]}]', {}, ["record 1 of", "`text`", "a list that holds an object"]),
    (b'[{"a": "x", "b": "y"}]', {}, ["several fields", "--text-field a"]),
    (b'[{"m": [{"c": "x"}]}]', {"text_fields": ("m[0].d",)}, ["no record", "`m[0].d`"]),
    (b'[{"m": [{"c": "x"}]}]', {"text_fields": ("m.c",)}, ["record 1 of", "`m` is a list"]),
    (b'{"a": ["x"], "b": ["y"]}', {}, ["parallel lists, `a`, `b`, with 1 items each", "--orient columns"]),
    (b'{"data": [{"text": "x"}], "n": 1}', {}, ["one object with the fields `data` (a list of 1), `n` (a number)"]),
    (b'{"text": "x"}\n{"text": "y"}\n', {}, ["not valid JSON", "--format jsonl"]),
    (b"{}", {}, ["an empty object"]),
    (b'{"a": ["x"], "b": []}', COLUMNS, ["2 lists: `a` of 1, `b` of 0", "lists of one length"]),
    (b'{"a": ["x"], "b": "y"}', COLUMNS, ["`b` (text)", "lists of one length"]),
    (b'[{"text": "x"}]', COLUMNS, ["is a list, not an object of parallel lists", "leave out"]),
    (b'{"a": [1]}', {"text_fields": ("a",)} | COLUMNS, ["record 1 of", "`a`", "a number"]),
    (b'[{"text": "x"}]', {"lines": True}, ["--lines", "bad.json"]),
    ('[{"text": "x"}]'.encode("utf-16"), {}, ["not valid UTF-8 at byte 0", "--encoding utf-16"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "options", "fragments"), BAD)
def test_bad_input_is_named(
    tmp_path: Path, content: bytes, options: dict[str, Any], fragments: list[str]
) -> None:
    file = written(tmp_path / "bad.json", content)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, **options)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


def test_an_object_that_is_too_large_is_refused_unparsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_OBJECT", 10)
    file = written(tmp_path / "a.json", b'{"a": ["xxxxxxxxxx"]}')
    with pytest.raises(InvalidInputError, match="one large object") as caught:
        texts(file)
    assert "--format jsonl" in str(caught.value.hint)
    with pytest.raises(InvalidInputError, match="parsed as a whole"):
        texts(file, **COLUMNS)


@pytest.mark.parametrize(
    ("options", "content"),
    [
        (
            {},
            b'[{"text": "y", "label": "ai"}, {"text": "x", "label": "ai", "l\\u0061bel": "human"}]',
        ),
        (COLUMNS, b'{"text": ["x"], "label": ["ai"], "label": ["human"]}'),
    ],
)
def test_two_labels_under_one_key_are_refused(
    tmp_path: Path, options: dict[str, Any], content: bytes
) -> None:
    with pytest.raises(InvalidInputError, match=r"has the key `label` twice in one object"):
        rows(written(tmp_path / "a.json", content), origin_field="label", **options)


@pytest.mark.parametrize("path", ["notes[0].by", "notes[-1].by"])
def test_two_labels_inside_of_a_list_are_refused(tmp_path: Path, path: str) -> None:
    for content in (
        b'[{"text": "x", "notes": [{"by": "ai", "by": "human"}]}]',
        b'[{"text": "x", "notes": [{"by": "ai"}], "notes": [{"by": "human"}]}]',
    ):
        with pytest.raises(InvalidInputError, match="twice in one object"):
            rows(written(tmp_path / "a.json", content), origin_field=path)


def test_what_is_not_valid_is_left_out_and_told(tmp_path: Path) -> None:
    content = b'[{"text": "a"}, {"text": "\xff"}, 3, {"text": nul}, {"text": "b"}, {"text": 5}]'
    file = written(tmp_path / "a.json", content)
    with pytest.raises(InvalidInputError, match="record 6 of") as caught:
        skips(file, on_bad_input=OnBadInput.SKIP)
    assert "`text` is a number" in caught.value.message
    file = written(tmp_path / "a.json", content.replace(b"5", b'"c"'))
    found, passed = skips(file, on_bad_input=OnBadInput.SKIP)
    assert found == ["a", "b", "c"]
    assert [skip.why and skip.why.partition(" is ")[0] for skip in passed] == [
        f"`record 2 of {file}`", f"record 3 of `{file}`", f"record 4 of `{file}`",
    ]  # fmt: skip


def test_json_in_another_encoding(tmp_path: Path) -> None:
    records = [{"text": "größe, 大"}, {"text": "b"}]
    text = orjson.dumps(records).decode()
    for encoding in ("utf-16", "utf-32-be", "gb18030"):
        assert texts(written(tmp_path / "a.json", text.encode(encoding)), encoding=encoding) == [
            record["text"] for record in records
        ]


def test_a_format_makes_json_of_any_name(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "a.jsonl", '[{"text": "x"}]'), format=Format.JSON) == ["x"]
