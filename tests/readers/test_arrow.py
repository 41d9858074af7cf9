from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather

from registry.core.source import Format
from registry.errors import InvalidInputError
from registry.readers import arrow as module
from tests.readers.making import arrow, parquet, rows, texts, written

STREAM = [False, True]


@pytest.mark.parametrize("stream", STREAM)
def test_batches_of_a_file_are_one_run_of_records(tmp_path: Path, stream: bool) -> None:
    columns = {"n": list(range(50)), "text": [f"t{number}" for number in range(50)]}
    found = rows(arrow(tmp_path / "a.arrow", columns, stream=stream, rows=7))
    assert [(row["record"], row["text"]) for row in found] == [(i, f"t{i}") for i in range(50)]


def test_feather_is_a_file(tmp_path: Path) -> None:
    for compression in ("lz4", "zstd", "uncompressed"):
        feather.write_feather(pa.table({"text": ["a", None]}), tmp_path / "a.feather", compression)
        assert texts(tmp_path / "a.feather") == ["a", ""]


@pytest.mark.parametrize("stream", STREAM)
@pytest.mark.parametrize(
    "type_",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_every_type_of_text(tmp_path: Path, stream: bool, type_: pa.DataType) -> None:
    columns = {"text": pa.array(["größe", None, "b" * 30], type_)}
    assert texts(arrow(tmp_path / "a.arrow", columns, stream=stream)) == ["größe", "", "b" * 30]


def test_large_batches_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    originals = [f"{number}" * 20 for number in range(40)]
    assert texts(arrow(tmp_path / "a.arrow", {"text": originals}, rows=40)) == originals


MESSAGE = pa.struct([("content", pa.struct([("answer", pa.string())]))])


def message(text: str | None) -> dict[str, Any]:
    return {"content": {"answer": text}}


@pytest.mark.parametrize("make", [arrow, parquet])
@pytest.mark.parametrize("type_", [pa.list_(MESSAGE), pa.large_list(MESSAGE)])
def test_items_of_lists_of_objects(tmp_path: Path, make: Any, type_: pa.DataType) -> None:
    talks = [
        [message("a"), message("b")],
        None,
        [],
        [message(None)],
        [{"content": None}],
        [None, message("c")],
    ]
    file = make(tmp_path / f"a.{make.__name__}", {"m": pa.array(talks, type_), "n": [1] * 6})
    assert texts(file, text_fields=("m[-1].content.answer",)) == ["b", "", "", "", "", "c"]
    assert texts(file, text_fields=("m[0].content.answer",)) == ["a", "", "", "", "", ""]
    assert texts(file, text_fields=("m[1].content.answer",)) == ["b", "", "", "", "", "c"]


@given(
    lists=st.lists(st.none() | st.lists(st.text(max_size=5), max_size=4), min_size=1, max_size=12),
    cut=st.integers(0, 5),
    index=st.integers(-4, 4),
)
def test_lists_of_texts_as_plain_python_would(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[str] | None], cut: int, index: int
) -> None:
    folder = tmp_path_factory.mktemp("lists")
    for type_ in (pa.list_(pa.string()), pa.large_list(pa.large_string())):
        column = pa.array(lists, type_)[cut:]
        joined = ["\n".join(items or []) for items in lists[cut:]]
        one = [
            items[index] if items and -len(items) <= index < len(items) else ""
            for items in lists[cut:]
        ]
        for file in (
            arrow(folder / "a.arrow", {"t": column}),
            arrow(folder / "b.arrow", {"t": column}, stream=True, rows=2),
            parquet(folder / "a.parquet", {"t": column}),
        ):
            assert texts(file, text_fields=("t",)) == joined
            assert texts(file, text_fields=(f"t[{index}]",)) == one


def test_lists_of_a_fixed_size(tmp_path: Path) -> None:
    column = pa.array([["a", "b"], None, ["c", "d"]], pa.list_(pa.string(), 2))
    file = arrow(tmp_path / "a.arrow", {"t": column})
    assert texts(file, text_fields=("t",)) == ["a\nb", "", "c\nd"]
    assert texts(file, text_fields=("t[1]",)) == ["b", "", "d"]


NOT_UTF8 = pa.array([b"ok", None, b"caf\xe9"], pa.binary()).view(pa.string())
NOT_UTF8_LISTS = pa.ListArray.from_arrays([0, 1, 1, 3], NOT_UTF8.fill_null("x"))


@pytest.mark.parametrize("stream", STREAM)
@pytest.mark.parametrize(
    ("columns", "options", "fragments"),
    [
        ({"text": [1]}, {}, ["bad.arrow", "`text`", "type int64, not text"]),
        ({"text": [[1]]}, {}, ["`text`", "list<"]),
        ({"text": [["a"], [None]]}, {}, ["record 2 of", "`text`", "a list that holds null"]),
        ({"text": NOT_UTF8}, {}, ["record 3 of", "bad.arrow", "`text`", "UTF-8 at byte 3"]),
        ({"text": NOT_UTF8_LISTS}, {}, ["record 3 of", "`text`", "UTF-8 at byte 3"]),
        ({"a": ["x"], "b": ["y"]}, {}, ["several fields", "--text-field a"]),
        ({"texts": ["x"]}, {"text_fields": ("text",)}, ["`text`", "did you mean `texts`"]),
        ({"text": ["x"]}, {"lines": True}, ["--lines", "bad.arrow"]),
        ({"text": ["x"]}, {"encoding": "latin-1"}, ["--encoding", "bad.arrow"]),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path,
    columns: dict[str, Any],
    options: dict[str, Any],
    fragments: list[str],
    stream: bool,
) -> None:
    file = arrow(tmp_path / "bad.arrow", columns, stream=stream)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, **options)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize("stream", STREAM)
def test_a_truncated_file_is_an_error_wherever_it_is_cut(tmp_path: Path, stream: bool) -> None:
    columns = {"text": [f"text {number}" for number in range(30)]}
    content = arrow(tmp_path / "a.arrow", columns, stream=stream, rows=10).read_bytes()
    for size in range(0, len(content), 4):
        file = written(tmp_path / "cut.arrow", content[:size])
        with pytest.raises(InvalidInputError, match=r"cut\.arrow"):
            texts(file)


@pytest.mark.parametrize("content", [b"", b"FEA1" + b"\0" * 40, b"PAR1", b"no arrow at all" * 9])
def test_what_is_no_arrow_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"a\.bin"):
        texts(written(tmp_path / "a.bin", content), format=Format.ARROW)
