from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.source import Format, OnBadInput
from registry.errors import InvalidInputError
from registry.readers import files
from tests.readers.making import arrow, parquet, rows, skips, tar, texts, written

SUFFIXES = ["tar", "tar.gz", "tar.zst", "tar.bz2", "tar.xz"]


def special(name: str, type_: bytes, target: str = "") -> tuple[tarfile.TarInfo, str]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type_, target
    return info, ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_members_are_read_in_their_order(tmp_path: Path, suffix: str) -> None:
    file = tar(
        tmp_path / f"a.{suffix}",
        ("z.txt", "last"),
        special("b", tarfile.DIRTYPE),
        ("b/a.txt", "ö"),
        ("b/empty.md", ""),
    )
    found = rows(file)
    assert [(row["file"], row["record"], row["text"]) for row in found] == [
        (0, 0, "last"), (0, 1, "ö"), (0, 2, ""),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.text("abc/ö", min_size=1, max_size=120), st.binary(max_size=700)), max_size=5
    )
)
def test_any_members_come_back(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, bytes]]
) -> None:
    """Long names need entries of their own; contents end in the middle of a block, or do not."""
    named = [(f"x{name.strip('/')}.txt", content.decode("latin-1")) for name, content in members]
    file = tar(tmp_path_factory.mktemp("tar") / "a.tar", ("first.txt", "1"), *named)
    assert texts(file) == ["1", *(content for _, content in named)]


def test_records_count_on_from_member_to_member(tmp_path: Path) -> None:
    parquet(tmp_path / "c.parquet", {"text": ["c0", "c1"]})
    arrow(tmp_path / "d.arrow", {"text": ["d0"]})
    lines = b"".join(orjson.dumps({"text": text}) + b"\n" for text in ("a0", "a1"))
    file = tar(
        tmp_path / "a.tgz",
        ("a.jsonl", lines),
        ("b.json.gz", written(tmp_path / "b.json.gz", '[{"text": "b0"}]').read_bytes()),
        ("c.parquet", (tmp_path / "c.parquet").read_bytes()),
        ("d.arrow", (tmp_path / "d.arrow").read_bytes()),
        ("e.tsv", "text\te\ne0\t1\n"),
    )  # fmt: skip
    (tmp_path / "z.csv").write_text("text\nz0\n")
    found = rows(file, tmp_path / "z.csv")
    assert [(row["file"], row["record"], row["text"]) for row in found] == [
        (0, 0, "a0"), (0, 1, "a1"), (0, 2, "b0"), (0, 3, "c0"), (0, 4, "c1"), (0, 5, "d0"),
        (0, 6, "e0"), (1, 0, "z0"),
    ]  # fmt: skip


def test_cards_in_an_archive_are_documents(tmp_path: Path) -> None:
    names = ["README.md", "LICENSE.txt", "license.md", "in/README.md"]
    assert texts(tar(tmp_path / "a.tar", *((name, name) for name in names))) == names


def test_hidden_members_and_links_are_skipped_and_listed(tmp_path: Path) -> None:
    file = tar(
        tmp_path / "a.tar",
        ("./a.txt", "a"),
        ("./._a.txt", "mac"),
        (".git/config.txt", "x"),
        special("link.txt", tarfile.SYMTYPE, "/etc/passwd"),
        special("hard.txt", tarfile.LNKTYPE, "./a.txt"),
        special("null.txt", tarfile.CHRTYPE),
        special("pipe.txt", tarfile.FIFOTYPE),
    )
    found, passed = skips(file)
    assert found == ["a"]
    names = ["./._a.txt", ".git/config.txt", "link.txt", "hard.txt", "null.txt", "pipe.txt"]
    assert [(skip.where, skip.why) for skip in passed] == [
        (f"{file}!{name}", None) for name in names
    ]


def test_a_format_decides_for_members_and_tar_for_the_archive(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar.gz", ("Makefile", "all:"), ("b.json", "[]"))
    assert texts(file, format=Format.TEXT) == ["all:", "[]"]
    odd = tar(tmp_path / "odd.bin", ("a.txt", "a"))
    assert texts(odd, format=Format.TAR) == ["a"]


def test_lines_paragraphs_and_encodings_reach_members(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar", ("a.txt", "ö\nb\n\nc".encode("latin-1")), ("b.txt", b"d"))
    assert texts(file, lines=True, encoding="latin-1") == ["ö", "b", "c", "d"]
    assert texts(file, paragraphs=True, encoding="latin-1") == ["ö\nb", "c", "d"]


def test_members_that_are_not_valid_are_left_out_by_name(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar", ("a.txt", "a"), ("b.txt", b"\xff"), ("c.txt", "c"))
    with pytest.raises(InvalidInputError, match=r"a\.tar!b\.txt` is not valid UTF-8 at byte 0"):
        texts(file)
    found, (passed,) = skips(file, on_bad_input=OnBadInput.SKIP)
    assert found == ["a", "c"]
    assert passed.why is not None
    assert "a.tar!b.txt`" in passed.why


@pytest.mark.parametrize(
    ("members", "fragments"),
    [
        ([("../up.txt", "x")], ["a.tar!../up.txt", "leads out of the archive"]),
        ([("a/../../up.txt", "x")], ["leads out of the archive"]),
        ([("/etc/up.txt", "x")], ["a.tar!/etc/up.txt", "leads out of the archive"]),
        ([special("../up", tarfile.SYMTYPE, "x")], ["leads out of the archive"]),
        ([("a.weird", "x")], ["a.tar!a.weird", "does not tell its format", "--format"]),
        ([("in.tar.gz", "x")], ["a.tar!in.tar.gz", "archive in an archive"]),
        ([("a.txt", "x"), ("b.jsonl", "{}")], ["holds text files", "a.tar!a.txt", "a.tar!b.jsonl"]),
        ([("b.jsonl", '{"text": "x"}'), ("a.txt", "x")], ["holds text files", "a.tar!a.txt"]),
        ([], ["a.tar", "holds no files to read"]),
        ([(".hidden.txt", "x")], ["holds no files to read"]),
        ([("b.jsonl", "{")], ["a.tar!b.jsonl:1", "not valid JSON"]),
        ([("b.json", '[{"text": 1}]')], ["record 1 of", "a.tar!b.json", "`text`"]),
        ([("c.parquet", "PAR1")], ["a.tar!c.parquet", "cannot be read as Parquet"]),
        ([("d.txt.gz", b"\x1f\x8b")], ["a.tar!d.txt.gz", "cannot be decompressed as gzip"]),
        ([("a\x1b[31m.weird", "x")], ["a.tar!a\N{REPLACEMENT CHARACTER}[31m.weird"]),
    ],
)
def test_bad_members_are_named(
    tmp_path: Path, members: list[tuple[str | tarfile.TarInfo, str | bytes]], fragments: list[str]
) -> None:
    file = tar(tmp_path / "a.tar", *members)
    with pytest.raises(InvalidInputError) as caught:
        texts(file)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_archive_is_an_error_wherever_it_is_cut(tmp_path: Path, suffix: str) -> None:
    members = [(f"{number}.txt", "text" * 300) for number in range(3)]
    content = tar(tmp_path / f"a.{suffix}", *members).read_bytes()
    end = 3 * (512 + 1536) + 512 if suffix == "tar" else len(content)
    for size in range(0, end, 512 if suffix == "tar" else 7):
        file = tmp_path / f"cut.{suffix}"
        file.write_bytes(content[:size])
        with pytest.raises(InvalidInputError, match=r"cut\.tar"):
            texts(file)


def damaged_header(content: bytearray) -> None:
    content[1024 + 100] ^= 1


def followed(content: bytearray) -> None:
    content += b"\0" * 512 + b"x" * 512


def followed_by_another(content: bytearray) -> None:
    content += bytes(content)


def something_else(content: bytearray) -> None:
    content[:] = b"x" * 4096


@pytest.mark.parametrize("change", [damaged_header, followed, followed_by_another, something_else])
def test_damage_never_hides_members(tmp_path: Path, change: Callable[[bytearray], None]) -> None:
    """The standard library takes a damaged header for the end of the archive."""
    content = bytearray(tar(tmp_path / "a.tar", ("a.txt", "a"), ("b.txt", "b")).read_bytes())
    change(content)
    file = written(tmp_path / "bad.tar", bytes(content))
    with pytest.raises(InvalidInputError, match=r"bad\.tar.*cannot be read as a tar archive"):
        texts(file)


def test_an_archive_that_grows_out_of_proportion_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tar(tmp_path / "bomb.tar.xz", ("a.txt", b"\0" * 3_000_000))
    assert len(texts(file)) == 1
    monkeypatch.setattr(files, "RATIO_FROM", 1 << 20)
    with pytest.raises(InvalidInputError, match=r"bomb\.tar\.xz.*more than 300 times its size"):
        texts(file)
    hidden = tar(tmp_path / "hidden.tar.gz", (".a.txt", b"\0" * 3_000_000), ("b.txt", "b"))
    with pytest.raises(InvalidInputError, match="more than 300 times"):
        texts(hidden)


def test_a_large_member_that_is_read_in_any_order_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST_HELD", 100)
    parquet(tmp_path / "a.parquet", {"text": ["a" * 200]})
    file = tar(tmp_path / "a.tar", ("a.parquet", (tmp_path / "a.parquet").read_bytes()))
    with pytest.raises(InvalidInputError, match=r"a\.tar!a\.parquet.*too many to read") as caught:
        texts(file)
    assert "write it to a file" in str(caught.value.hint)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_flavor_of_tar(tmp_path: Path, format: int) -> None:
    out = io.BytesIO()
    name = "folder/" * 14 + "a.txt"
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        info = tarfile.TarInfo(name)
        info.size = 5
        archive.addfile(info, io.BytesIO(b"texts"))
    assert texts(written(tmp_path / "a.tar", out.getvalue())) == ["texts"]


def test_an_archive_beside_other_files_of_a_folder(tmp_path: Path) -> None:
    tar(tmp_path / "b.tar", ("x.txt", "b0"), ("y.txt", "b1"))
    written(tmp_path / "a.txt", "a")
    written(tmp_path / "c.txt", "c")
    assert texts(tmp_path) == ["a", "b0", "b1", "c"]


def test_pyarrow_reads_what_python_compressed(tmp_path: Path) -> None:
    file = tar(tmp_path / "a.tar.zst", ("a.txt", "a"))
    assert pa.input_stream(str(file), compression="zstd").read()[:5] == b"a.txt"
