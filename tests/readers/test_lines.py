from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError
from registry.readers import lines as module
from registry.readers.files import SourceFile
from registry.readers.finding import discover
from registry.readers.lines import Line, decode, lines, whole
from tests.readers.making import written

READ = ReadOptions()


def source(path: Path) -> SourceFile:
    (file,) = discover([path], READ).files
    return file


@given(
    content=st.binary(max_size=60) | st.lists(st.sampled_from([b"ab", b"\n", b"\r"])).map(b"".join)
)
def test_lines_and_their_offsets_rebuild_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = source(written(tmp_path_factory.mktemp("lines") / "a.txt", content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", 4)
        found = list(lines(file, READ))
        assert whole(file, READ) == content
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    if not content.startswith(b"\xef\xbb\xbf"):
        assert [line.content for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    for line in found:
        assert content[line.offset :].startswith(line.content)


def test_a_byte_order_mark_is_dropped_once(tmp_path: Path) -> None:
    bom = b"\xef\xbb\xbf"
    file = source(written(tmp_path / "a.txt", bom + b"a\n" + bom + b"b"))
    assert list(lines(file, READ)) == [Line(1, 3, b"a"), Line(2, 5, bom + b"b")]


def test_a_line_longer_than_the_limit_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 100)
    monkeypatch.setattr(module, "_CHUNK", 16)
    file = source(written(tmp_path / "a.txt", b"short\n" + b"x" * 200))
    with pytest.raises(InvalidInputError, match=r"line 2 of .*a\.txt.* is longer than"):
        list(lines(file, READ))
    with pytest.raises(InvalidInputError, match=r"the text of .*a\.txt.* is longer than"):
        whole(file, READ)


def test_decoding_names_the_line_and_the_byte_of_the_file(tmp_path: Path) -> None:
    file = source(written(tmp_path / "a.txt.gz", b"one\ntw\xff\n"))
    first, second = lines(file, READ)
    assert decode(file, first, READ) == "one"
    with pytest.raises(InvalidInputError, match=r"a\.txt\.gz:2` is not valid UTF-8 at byte 6"):
        decode(file, second, READ)
