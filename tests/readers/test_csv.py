from __future__ import annotations

from pathlib import Path

import pytest

from registry.core.dataset import Origin
from registry.core.source import OnBadInput
from registry.errors import InvalidInputError
from registry.readers import csv as module
from tests.readers.making import batches, csv_bytes, rows, skips, texts, written


def test_quotes_newlines_and_commas_inside_texts(tmp_path: Path) -> None:
    odd = ['say "hi"', "a,b", "line\nbreak", "cr\r\nlf", "", " padded ", "größe", "\0", "['x']"]
    file = written(tmp_path / "a.csv", csv_bytes(("id", "text"), *(("1", text) for text in odd)))
    assert texts(file) == odd


def test_a_first_column_without_a_name(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv.gz", ",Generation\n0,one\n1,two\n")
    assert texts(file, text_fields=("Generation",)) == ["one", "two"]


def test_rows_are_records_and_blank_lines_are_not(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", '\ufefftext\r\n"a\r\nb"\r\n\r\nc')
    assert [(row["record"], row["text"]) for row in rows(file)] == [(0, "a\r\nb"), (1, "c")]


def test_a_header_alone_has_no_documents(tmp_path: Path) -> None:
    assert batches(written(tmp_path / "a.csv", "text,label\n")) == []


def test_the_only_column_is_the_text(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "a.csv", "body\nx\n")) == ["x"]
    labelled = written(tmp_path / "b.csv", "body,label\nx,ai\n")
    assert texts(labelled, origin_field="label") == ["x"]


def test_a_field_of_three_megabytes(tmp_path: Path) -> None:
    long = 'word "quoted"\n' * 220_000
    file = written(tmp_path / "a.csv.zst", csv_bytes(("text",), (long,), ("b",)))
    assert texts(file) == [long, "b"]


def test_an_empty_cell_says_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", "text,by,is\na,,\nb,m,human\n")
    found = rows(file, generator_field="by", origin_field="is")
    assert [(row["generator"], row["origin"]) for row in found] == [
        (None, "unknown"),
        ("m", "human"),
    ]


def test_a_dotted_name_is_a_name(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", "a.b,c\nx,y\n")
    found = rows(file, split_fields=(("a.b", Origin.HUMAN), ("c", Origin.AI)))
    assert [row["text"] for row in found] == ["x", "y"]


def test_records_continue_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    file = written(tmp_path / "a.csv", "text\n" + "".join(f"{number}\n" for number in range(5)))
    assert [(row["record"], row["text"]) for row in rows(file)] == [(i, str(i)) for i in range(5)]


@pytest.mark.parametrize(
    ("content", "options", "fragments"),
    [
        (b"", {}, ["bad.csv", "is empty"]),
        (b"\n\n", {}, ["bad.csv", "is empty"]),
        (b"a,b,a\n1,2,3\n", {}, ["bad.csv", "two columns named `a`"]),
        (b",,text\n1,2,3\n", {}, ["bad.csv", "two unnamed columns"]),
        (b"text,b\n1,2\n3\n", {}, ["bad.csv:3", "2 values", "not 1"]),
        (b'text,b\n"1\n\n",2\n3,4,5\n', {}, ["bad.csv:5", "not 3"]),
        (b'text\n"open\nmore\n', {}, ["bad.csv:2", "not valid CSV"]),
        (b'text\n"a"b\n', {}, ["bad.csv:2", "not valid CSV"]),
        (b"text\ra\rb\r", {}, ["bad.csv:1", "not valid CSV"]),
        (b"text\na\n\xe9\n", {}, ["bad.csv:3", "not valid UTF-8", "byte 7"]),
        (b"a,b\n1,2\n", {}, ["several fields", "`a`, `b`", "--text-field a"]),
        (b",a\n1,2\n", {}, ["several fields", "--text-field a"]),
        (b"text,b\n", {"text_fields": ("txt",)}, ["`txt`", "did you mean `text`"]),
        (b"text\nx\n", {"origin_field": "label"}, ["bad.csv", "`label`", "its fields are `text`"]),
        (b"text\nx\n", {"lines": True}, ["--lines", "bad.csv"]),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path, content: bytes, options: dict[str, object], fragments: list[str]
) -> None:
    file = written(tmp_path / "bad.csv", content)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, **options)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


def test_tabs_instead_of_commas(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tsv", 'id\ttext\r\n1\ta, b\n2\t"c\td\n""e"""\n')
    assert texts(file, text_fields=("text",)) == ["a, b", 'c\td\n"e"']
    bad = written(tmp_path / "bad.tsv", 'text\n"x\n')
    with pytest.raises(InvalidInputError, match=r"bad\.tsv:2` is not valid TSV") as caught:
        texts(bad)
    assert "tabs" in str(caught.value.hint)


def test_rows_that_are_not_valid_are_left_out_and_told(tmp_path: Path) -> None:
    content = b'text,n\na,1\nb\xff,2\n"c\n\xfe",3\nd\ne,5\n'
    file = written(tmp_path / "a.csv", content)
    skip = {"on_bad_input": OnBadInput.SKIP, "text_fields": ("text",)}
    found, passed = skips(file, **skip)
    assert found == ["a", "e"]
    assert [str(skip.why).split("`")[1] for skip in passed] == [
        f"{file}:3",
        f"{file}:4",
        f"{file}:6",
    ]
    with pytest.raises(InvalidInputError, match=r"a\.csv:1` is not valid UTF-8"):
        skips(written(tmp_path / "a.csv", b"te\xffxt\na\n"), **skip)
    with pytest.raises(InvalidInputError, match="not valid CSV"):
        skips(written(tmp_path / "a.csv", b'text\n"a\n'), **skip)


def test_rows_in_another_encoding(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv.gz", "text,n\ngrün,1\n".encode("utf-16"))
    assert texts(file, text_fields=("text",), encoding="utf-16") == ["grün"]
