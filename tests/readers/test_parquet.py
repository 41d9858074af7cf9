from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.core.dataset import Origin
from registry.core.evidence import DateKind
from registry.core.source import Format
from registry.errors import InvalidInputError
from tests.readers.making import batches, parquet, rows, texts, written

STRINGS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.large_string()),
]


@pytest.mark.parametrize("type_", STRINGS, ids=str)
@pytest.mark.parametrize("store_schema", [True, False])
def test_every_type_of_strings_is_text(
    tmp_path: Path, type_: pa.DataType, store_schema: bool
) -> None:
    values = ["größe", None, "", "a\0b", "größe"]
    columns = {"text": pa.array(values, type_), "by": pa.array(values, type_)}
    file = parquet(tmp_path / "a.parquet", columns, store_schema=store_schema)
    found = rows(file, generator_field="by", text_fields=("text",))
    assert [row["text"] for row in found] == ["größe", "", "", "a\0b", "größe"]
    assert [row["generator"] for row in found] == ["größe", None, None, "a\0b", "größe"]


def test_positions_run_through_row_groups(tmp_path: Path) -> None:
    words = [f"text {number}" for number in range(1000)]
    file = parquet(tmp_path / "a.parquet", {"text": words}, row_group_size=300)
    found = rows(file)
    assert [row["text"] for row in found] == words
    assert [row["record"] for row in found] == list(range(1000))


def test_large_and_repeated_texts_come_in_bounded_batches(tmp_path: Path) -> None:
    large = ["x" * 1_000_000] * 30 + ["small"] * 1000
    file = parquet(tmp_path / "a.parquet", {"text": large})
    made = batches(file)
    assert [text for batch in made for text in batch["text"].to_pylist()] == large
    assert max(batch["text"].nbytes for batch in made) < 10_000_000


def test_files_without_rows_have_no_documents(tmp_path: Path) -> None:
    empty = pa.array([], pa.string())
    assert batches(parquet(tmp_path / "a.parquet", {"text": empty})) == []
    with pq.ParquetWriter(tmp_path / "b.parquet", pa.schema([("text", pa.string())])):
        pass
    assert batches(tmp_path / "b.parquet") == []


def test_nulls_alone_are_empty_texts(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", {"a": pa.nulls(2), "b": ["x", None]})
    assert texts(file, text_fields=("a", "b")) == ["\nx", "\n"]


def test_paths_lead_into_structs_and_literal_names_win(tmp_path: Path) -> None:
    nested = pa.array([{"b": "nested", "c": {"d": "deep"}}, None, {"b": None, "c": None}])
    columns = {"a": nested, "x": nested, "a.b": ["literal"] * 3, "y.z": nested}
    file = parquet(tmp_path / "a.parquet", columns)
    assert texts(file, text_fields=("a.b",)) == ["literal"] * 3
    assert texts(file, text_fields=("x.b",)) == ["nested", "", ""]
    assert texts(file, text_fields=("x.c.d", "a.b")) == ["deep\nliteral", "\nliteral", "\nliteral"]
    assert texts(file, text_fields=("y.z.c.d",)) == ["deep", "", ""]


def test_only_the_columns_needed_are_read(tmp_path: Path) -> None:
    # The column beside the text is damaged, which must not matter.
    noise = random.Random(1).randbytes(50_000)
    columns = {"text": ["a"] * 10, "other": pa.array([noise] * 10, pa.binary())}
    file = parquet(
        tmp_path / "a.parquet",
        columns,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    data = file.read_bytes()
    written(file, data.replace(noise, b"\xff" * len(noise)))
    assert texts(file) == ["a"] * 10


def test_labels_may_be_numbers_and_truth_values(tmp_path: Path) -> None:
    columns = {"text": ["a", "b", "c"], "n": [0, 1, None], "b": [False, True, None]}
    file = parquet(tmp_path / "a.parquet", columns)
    for field, yes, no in (("n", "1", "0"), ("b", "true", "false")):
        mapping = ((no, Origin.HUMAN), (yes, Origin.AI))
        found = rows(file, origin_field=field, origin_map=mapping, text_fields=("text",))
        assert [row["origin"] for row in found] == ["human", "ai", "unknown"]


NOT_UTF8 = pa.array([b"ok", None, b"caf\xe9"], pa.binary()).view(pa.string())


@pytest.mark.parametrize(
    ("columns", "options", "fragments"),
    [
        ({"text": [1, 2]}, {}, ["bad.parquet", "`text`", "type int64, not text"]),
        ({"text": [[1]]}, {}, ["`text`", "list<"]),
        ({"text": [[["a"]]]}, {}, ["`text`", "list<"]),
        ({"text": [["a"], ["b", None]]}, {}, ["record 2 of", "`text`", "a list that holds null"]),
        ({"text": ["a"], "o": [["ai"]]}, {"origin_field": "o"}, ["`o`", "list<"]),
        ({"a": ["x"]}, {"text_fields": ("a[0]",)}, ["no record", "`a[0]`", "`a`"]),
        ({"a": [[{"b": "x"}]]}, {"text_fields": ("a.b",)}, ["`a.b`", "`a[0].b`"]),
        ({"text": [b"a"]}, {}, ["`text`", "type binary"]),
        ({"text": [{"a": "b"}]}, {}, ["`text`", "struct<", "`text.inner`"]),
        (
            {"text": NOT_UTF8},
            {},
            ["record 3 of", "bad.parquet", "`text`", "not valid UTF-8 at byte 3"],
        ),
        (
            {"text": NOT_UTF8.dictionary_encode()},
            {},
            ["record 3 of", "`text`", "not valid UTF-8"],
        ),
        (
            {"text": ["a"] * 3, "by": NOT_UTF8},
            {"generator_field": "by"},
            ["record 3 of", "`by`", "not valid UTF-8"],
        ),
        ({"a": ["x"], "b": ["y"], "c": [1]}, {}, ["several fields", "`a`, `b`", "--text-field a"]),
        ({"a": [1]}, {}, ["bad.parquet", "no field of strings", "`a`"]),
        (
            {"texts": ["x"], "n": [1]},
            {"text_fields": ("text",)},
            ["`text`", "did you mean `texts`"],
        ),
        ({"a": [{"b": "x"}]}, {"text_fields": ("a.c",)}, ["`a.c`", "`a.b`"]),
        ({"a": ["x"]}, {"text_fields": ("a.c",)}, ["`a.c`", "`a`"]),
        (
            {"text": ["x"], "o": [0.5]},
            {"origin_field": "o"},
            ["`o`", "type double", "whole number"],
        ),
        ({"text": ["x"], "o": [5]}, {"generator_field": "o"}, ["`o`", "type int64"]),
        (
            {"text": ["x"], "d": [0.5]},
            {"date_fields": ((DateKind.AUTHORED, "d"),)},
            ["`d`", "type double, not a date"],
        ),
        ({"text": ["x"]}, {"lines": True}, ["--lines", "bad.parquet"]),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path, columns: dict[str, Any], options: dict[str, Any], fragments: list[str]
) -> None:
    file = parquet(tmp_path / "bad.parquet", columns)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, **options)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


def test_invalid_text_in_a_later_row_group_is_named_by_its_record(tmp_path: Path) -> None:
    fine = pa.array(["a"] * 500)
    column = pa.chunked_array([fine, NOT_UTF8])
    file = parquet(tmp_path / "a.parquet", {"text": column}, row_group_size=400)
    with pytest.raises(InvalidInputError, match="record 503 of"):
        rows(file)


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InvalidInputError, match="two columns named `text`"):
        rows(tmp_path / "a.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" * 100])
def test_what_is_no_parquet_file_is_named(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path / "bad.parquet", content)
    with pytest.raises(InvalidInputError, match=r"bad\.parquet` cannot be read as Parquet"):
        rows(file)


def test_a_text_file_called_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"a\.txt` cannot be read as Parquet"):
        rows(written(tmp_path / "a.txt", "hello"), format=Format.PARQUET)


def test_damage_never_reads_as_something_else(tmp_path: Path) -> None:
    """With page checksums a changed bit is found or does not matter, wherever it is.

    A bit of the footer can make pyarrow end the process when the sizes of columns are asked for;
    getting to the end of this test says that we do not ask.
    """
    columns = {"text": [f"text {number} " * 5 for number in range(300)], "by": ["a", None] * 150}
    file = parquet(
        tmp_path / "a.parquet",
        columns,
        row_group_size=100,
        write_page_checksum=True,
        compression="zstd",
    )
    options = {"text_fields": ("text",), "generator_field": "by"}
    good, expected = file.read_bytes(), rows(file, **options)
    chance = random.Random(7)
    refused = 0
    for _ in range(400):
        bad = bytearray(good)
        # Most of the interesting places are in the footer.
        first = 0 if chance.random() < 0.4 else len(bad) - 1500
        position = chance.randrange(first, len(bad))
        if chance.random() < 0.8:
            bad[position] ^= 1 << chance.randrange(8)
        else:
            del bad[position:]
        file.write_bytes(bad)
        try:
            assert rows(file, **options) == expected
        except InvalidInputError:
            refused += 1
    assert refused > 200
