from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError
from registry.readers import discover, documents, files
from tests.readers.making import arrow, csv_bytes, jsonl, parquet, tar, written
from tests.world import World

Pipe = Callable[[bytes | BinaryIO], None]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """A function that pipes bytes into standard input."""

    def into(content: bytes | BinaryIO) -> None:
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))

    return into


def texts(**options: Any) -> list[str]:
    read = ReadOptions(**options)
    (file,) = discover(["-"], read).files
    return [text for batch in documents([file], read) for text in batch["text"].to_pylist()]


@pytest.mark.parametrize("format", list(Format))
def test_every_format_is_read(tmp_path: Path, pipe: Pipe, format: Format) -> None:
    columns = {"text": ["one", "two"]}
    made = {
        Format.PARQUET: lambda: parquet(tmp_path / "a", columns),
        Format.ARROW: lambda: arrow(tmp_path / "a", columns),
        Format.JSONL: lambda: jsonl(tmp_path / "a", {"text": "one"}, {"text": "two"}),
        Format.JSON: lambda: written(tmp_path / "a", '[{"text": "one"}, {"text": "two"}]'),
        Format.CSV: lambda: written(tmp_path / "a", "text\none\ntwo"),
        Format.TSV: lambda: written(
            tmp_path / "a", csv_bytes(("text", "x"), ("one", "1"), ("two", "2"), tabs=True)
        ),
        Format.TEXT: lambda: written(tmp_path / "a", "one\n\ntwo"),
        Format.TAR: lambda: tar(tmp_path / "a", ("1.txt", "one"), ("2.txt", "two")),
    }
    if format not in made:
        pytest.skip(f"{format} has a test of its own")
    pipe(made[format]().read_bytes())
    assert texts(format=format, paragraphs=format is Format.TEXT, text_fields=()) == ["one", "two"]


def test_a_stream_of_arrow_batches_is_read(tmp_path: Path, pipe: Pipe) -> None:
    pipe(arrow(tmp_path / "a", {"text": ["one", "two"]}, stream=True).read_bytes())
    assert texts(format=Format.ARROW) == ["one", "two"]


def test_a_large_archive_is_no_bomb(pipe: Pipe, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("registry.readers.files.RATIO_FROM", 1)
    pipe(tar(tmp_path / "a", ("1.txt", "one")).read_bytes())
    assert texts(format=Format.TAR) == ["one"]


@pytest.mark.parametrize("format", [Format.JSONL, Format.PARQUET, Format.TEXT])
def test_nothing_piped_in_is_an_error(pipe: Pipe, format: Format) -> None:
    pipe(b"")
    with pytest.raises(InvalidInputError, match="nothing came from standard input") as caught:
        texts(format=format)
    assert "before the pipe" in str(caught.value.hint)


def test_what_is_read_in_any_order_is_bounded(
    pipe: Pipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_HELD", 100)
    pipe(parquet(tmp_path / "a", {"text": ["a" * 200]}).read_bytes())
    with pytest.raises(InvalidInputError, match="`standard input` has more than") as caught:
        texts(format=Format.PARQUET)
    assert "write it to a file" in str(caught.value.hint)


def test_its_format_must_be_said(pipe: Pipe) -> None:
    pipe(b"text")
    with pytest.raises(InvalidInputError, match="no name that would tell its format") as caught:
        texts()
    assert "--format" in str(caught.value.hint)


def test_it_is_read_alone(pipe: Pipe, tmp_path: Path) -> None:
    pipe(b"text")
    with pytest.raises(InvalidInputError, match="beside other paths"):
        discover(["-", written(tmp_path / "a.txt", "a")], ReadOptions(format=Format.TEXT))


def test_a_file_called_like_it_is_a_file(tmp_path: Path) -> None:
    written(Path("-"), "text")
    for name in ("./-", Path("-")):
        (file,) = discover([name], ReadOptions(format=Format.TEXT)).files
        assert file.path == tmp_path / "-"


def test_a_broken_record_names_its_line(pipe: Pipe) -> None:
    pipe(b'{"text": "one"}\n{"text": \n')
    with pytest.raises(InvalidInputError, match="standard input:2"):
        texts(format=Format.JSONL)


def test_what_was_piped_in_is_exported_from_the_vault(sqlite_world: World, pipe: Pipe) -> None:
    world = sqlite_world
    pipe(b'{"text": "one"}\n{"text": "two"}\n')
    with pytest.raises(InvalidInputError, match="cannot be read again") as caught:
        world.register("letters", paths=["-"], format=Format.JSONL)
    assert "--keep" in str(caught.value.hint)
    assert world.problems() == []
    made = world.register("letters", paths=["-"], format=Format.JSONL, keep=True)
    assert (made.version.documents, made.files) == (2, 1)
    assert world.export({"sources": ["letters"]}).documents == 2
    pipe(b'{"text": "one"}\n{"text": "two"}\n')
    again = world.register("letters", paths=["-"], format=Format.JSONL, keep=True)
    assert str(again.outcome) == "unchanged"
    assert world.problems() == []
