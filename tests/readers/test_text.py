from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.evidence import DateKind
from registry.core.source import Format
from registry.errors import InvalidInputError
from registry.readers import text as module
from tests.readers.making import batches, rows, texts, written


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
