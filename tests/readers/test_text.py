from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.evidence import DateKind
from registry.core.source import Format, OnBadInput
from registry.errors import InvalidInputError
from registry.readers import text as module
from tests.readers.making import batches, rows, skips, texts, written


@pytest.mark.parametrize("content", ["", "a", "\ufeffa\r\n\n b \n", "\0", "größe"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_file_is_one_document_byte_for_byte(tmp_path: Path, content: str, suffix: str) -> None:
    assert texts(written(tmp_path / f"a.txt{suffix}", content)) == [content]


def test_lines_are_stripped_and_blank_ones_are_no_records(tmp_path: Path) -> None:
    file = written(tmp_path / "a.txt", " = Heading = \r\n\n \t\nbody\x85\u3000\nlast")
    found = rows(file, lines=True)
    assert [(row["record"], row["text"]) for row in found] == [
        (0, "= Heading ="),
        (1, "body"),
        (2, "last"),
    ]


@given(content=st.text(st.sampled_from("a \n\r\t\x0b\x1c\x85\u2028\u3000ö"), max_size=30))
def test_lines_end_at_newlines_only(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    file = written(tmp_path_factory.mktemp("text") / "a.txt", content)
    stripped = [line.strip() for line in content.split("\n")]
    assert texts(file, lines=True) == [line for line in stripped if line]


def test_records_continue_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 2)
    file = written(tmp_path / "a.txt", "\n".join("abcde"))
    found = rows(file, lines=True)
    assert [(row["record"], row["text"]) for row in found] == list(enumerate("abcde"))


def test_many_small_files_make_few_batches(tmp_path: Path) -> None:
    for number in range(300):
        written(tmp_path / f"{number:03}.txt", f"tiny {number}")
    (batch,) = batches(tmp_path)
    assert batch["text"].to_pylist() == [f"tiny {number}" for number in range(300)]
    assert batch["file"].to_pylist() == list(range(300))
    assert set(batch["record"].to_pylist()) == {0}


@pytest.mark.parametrize(
    ("content", "options", "fragments"),
    [
        (b"abc\xff", {}, ["bad.txt", "not valid UTF-8 at byte 3"]),
        ("größe".encode("utf-16"), {}, ["bad.txt", "not valid UTF-8 at byte 0"]),
        (b"abc\nd\xc3", {"lines": True}, ["bad.txt:2", "at byte 5"]),
        (b"abc\n\nd\xc3", {"paragraphs": True}, ["bad.txt:3", "at byte 6"]),
        (b"\xff\xfea\0", {}, ["not valid UTF-8", "--encoding utf-16", "--on-bad-input skip"]),
        (b"ab\x81", {"encoding": "cp1252"}, ["bad.txt", "not valid cp1252 at byte 2"]),
        (b"a\0b", {"encoding": "utf-16-le"}, ["bad.txt", "not valid utf-16-le at byte 2"]),
        (
            "größe大".encode("gb18030")[:-1],
            {"encoding": "gb18030"},
            ["not valid gb18030 at byte 11"],
        ),
        (b"x", {"text_fields": ("body",)}, ["bad.txt", "no field `body`", "--format"]),
        (b"x", {"origin_field": "label"}, ["bad.txt", "no field `label`"]),
        (b"x", {"date_fields": ((DateKind.AUTHORED, "day"),)}, ["bad.txt", "no field `day`"]),
    ],
)
def test_bad_input_is_named(
    tmp_path: Path, content: bytes, options: dict[str, object], fragments: list[str]
) -> None:
    file = written(tmp_path / "bad.txt", content)
    with pytest.raises(InvalidInputError) as caught:
        rows(file, **options)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


def test_a_format_makes_text_of_anything(tmp_path: Path) -> None:
    assert texts(written(tmp_path / "Makefile", "all:"), format=Format.TEXT) == ["all:"]


@given(content=st.text(st.sampled_from("a \n\r\t\u3000ö"), max_size=40))
def test_paragraphs_are_runs_of_lines(
    tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    file = written(tmp_path_factory.mktemp("text") / "a.txt", content)
    expected: list[list[str]] = [[]]
    for line in content.split("\n"):
        if line.strip():
            expected[-1].append(line)
        else:
            expected.append([])
    assert texts(file, paragraphs=True) == ["\n".join(run).strip() for run in expected if run]


def test_paragraphs_keep_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROWS", 1)
    file = written(tmp_path / "a.txt", "\ufeff one\n  two \n\n \t\nthree\r\n")
    found = rows(file, paragraphs=True)
    assert [(row["record"], row["text"]) for row in found] == [(0, "one\n  two"), (1, "three")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "cp1251", "gb18030", "utf-7"]
)
@pytest.mark.parametrize("suffix", ["", ".bz2"])
def test_every_encoding_gives_the_same_texts(tmp_path: Path, encoding: str, suffix: str) -> None:
    content = "Привет\nмир\n" * 200_000
    file = written(tmp_path / f"a.txt{suffix}", content.encode(encoding))
    assert texts(file, encoding=encoding) == [content]
    assert texts(file, encoding=encoding, lines=True) == ["Привет", "мир"] * 200_000


@pytest.mark.parametrize("name", ["", "nonsense", "base64", "rot13", "a\0b", "../x", "ü" * 500])
def test_what_is_no_encoding_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="there is no encoding"):
        texts(written(tmp_path / "a.txt", "x"), encoding=name)


def test_lines_and_paragraphs_cannot_both_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be used together"):
        texts(written(tmp_path / "a.txt", "x"), lines=True, paragraphs=True)


def test_what_is_not_valid_is_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    written(folder / "a.txt", "a\n\nb")
    bad = written(folder / "b.txt", b"one\n\ntw\xff\nfive\n\nthree\n\xffour")
    skip = {"on_bad_input": OnBadInput.SKIP}
    found, passed = skips(folder, **skip)
    assert found == ["a\n\nb"]
    assert [(skip.file.path, skip.why) for skip in passed] == [
        (bad, f"`{bad}` is not valid UTF-8 at byte 7 of the file: invalid start byte")
    ]
    found, passed = skips(folder, lines=True, **skip)
    assert found == ["a", "b", "one", "five", "three"]
    assert [str(skip.why).split("`")[1] for skip in passed] == [f"{bad}:3", f"{bad}:7"]
    found, passed = skips(folder, paragraphs=True, **skip)
    assert found == ["a", "b", "one"]
    assert [str(skip.why).split("`")[1] for skip in passed] == [f"{bad}:3", f"{bad}:7"]


def test_what_is_not_valid_in_another_encoding_is_left_out_too(tmp_path: Path) -> None:
    file = written(tmp_path / "a.txt", b"\x80uro\nb\x81d\ngood")
    options = {"encoding": "cp1252", "on_bad_input": OnBadInput.SKIP}
    found, passed = skips(file, lines=True, **options)
    assert found == ["€uro", "good"]
    assert [skip.why for skip in passed] == [f"`{file}:2` is not valid cp1252"]
    assert skips(file, **options)[0] == []
