from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.source import Format, ReadOptions
from registry.errors import InvalidInputError
from registry.readers.files import SourceFile, open_stream
from registry.readers.finding import discover
from tests.readers.making import parquet, texts, written, zstd

Compress = Callable[[bytes], bytes]
ANY = ReadOptions()
TEXT = ReadOptions(format=Format.TEXT)
STORY = b"Once upon a time there was a text.\n" * 20_000


def names(folder: Path, *paths: Path, options: ReadOptions = ANY) -> list[str]:
    return [os.path.relpath(str(file.path), folder) for file in discover(paths, options).files]


def one(path: Path, options: ReadOptions = ANY) -> SourceFile:
    (file,) = discover([path], options).files
    return file


def content(file: SourceFile) -> bytes:
    with open_stream(file) as stream:
        return b"".join(iter(lambda: stream.read(1000), b""))


@pytest.mark.parametrize(
    ("name", "format", "compression"),
    [
        ("a.parquet", "parquet", None),
        ("a.jsonl", "jsonl", None),
        ("a.ndjson.zst", "jsonl", "zstd"),
        ("a.JSONL.GZ", "jsonl", "gzip"),
        ("a.csv.gz", "csv", "gzip"),
        ("a.txt", "text", None),
        ("a.text", "text", None),
        ("a.md", "text", None),
        ("v1.2.rst.zst", "text", "zstd"),
        ("a.json", "json", None),
        ("a.json.xz", "json", "xz"),
        ("a.tsv.bz2", "tsv", "bz2"),
        ("a.arrow", "arrow", None),
        ("a.arrows", "arrow", None),
        ("a.feather", "arrow", None),
        ("a.ipc", "arrow", None),
        ("a.tar", "tar", None),
        ("a.tgz", "tar", "gzip"),
        ("a.tar.gz", "tar", "gzip"),
        ("a.tar.zst", "tar", "zstd"),
        ("a.TAR.XZ", "tar", "xz"),
    ],
)
def test_the_name_tells_format_and_compression(
    tmp_path: Path, name: str, format: str, compression: str | None
) -> None:
    file = one(written(tmp_path / name, "x"))
    assert (file.format, file.compression) == (format, compression)
    assert (file.size, file.mtime_ns) == (
        (tmp_path / name).stat().st_size,
        (tmp_path / name).stat().st_mtime_ns,
    )


def test_folders_are_searched_to_any_depth_and_sorted(tmp_path: Path) -> None:
    for name in ("b/z.txt", "b/a/deep.txt", "b-c.txt", "a.txt", "B.txt"):
        written(tmp_path / name, name)
    assert names(tmp_path, tmp_path) == ["B.txt", "a.txt", "b-c.txt", "b/a/deep.txt", "b/z.txt"]


def test_order_of_the_arguments_does_not_matter(tmp_path: Path) -> None:
    first, second = written(tmp_path / "1.txt", "1"), written(tmp_path / "2.txt", "2")
    assert discover([second, first], ANY) == discover([first, second], ANY)


def test_hidden_files_and_cards_are_skipped_and_listed(tmp_path: Path) -> None:
    cards = ["LICENSE", "LICENSE.txt", "README", "README.md", "dataset.json"]
    hidden = [".git/HEAD", ".hidden.txt", "in/.hidden.txt"]
    documents = ["a.txt", "in/LICENSE.txt", "in/README.md", "license.md", "readme.txt"]
    for name in cards + hidden + documents:
        written(tmp_path / name, name)
    found = discover([tmp_path], ANY)
    assert [os.path.relpath(str(file.path), tmp_path) for file in found.files] == documents
    assert [os.path.relpath(str(path), tmp_path) for path in found.skipped] == [
        ".git",
        ".hidden.txt",
        *cards,
        "in/.hidden.txt",
    ]


def test_a_folder_with_the_name_of_a_card_is_a_folder(tmp_path: Path) -> None:
    written(tmp_path / "LICENSES/mit.txt", "MIT")
    assert names(tmp_path, tmp_path) == ["LICENSES/mit.txt"]


def test_what_was_chosen_before_is_found_again_by_name(tmp_path: Path) -> None:
    files = [written(tmp_path / f"{name}/dataset.json", "[]") for name in ("a", "b")]
    assert [file.path for file in discover([tmp_path], ANY).files] == files
    assert [file.path for file in discover(files, ANY, every=True).files] == files


def test_a_card_among_named_files_is_skipped_too(tmp_path: Path) -> None:
    card, text = written(tmp_path / "dataset.json", "{}"), written(tmp_path / "a.txt", "a")
    found = discover([card, text], ANY)
    assert [file.path for file in found.files] == [text]
    assert found.skipped == (card,)


def test_what_is_named_alone_is_read_whatever_its_name(tmp_path: Path) -> None:
    assert one(written(tmp_path / "dataset.json", "{}"), TEXT).format is Format.TEXT
    assert one(written(tmp_path / ".secret.txt", "x")).format is Format.TEXT


def test_with_a_format_every_file_counts(tmp_path: Path) -> None:
    every = ["COPYING", "a.json", "b.weird", "c.txt.gz"]
    for name in every:
        written(tmp_path / name, name)
    assert names(tmp_path, tmp_path, options=TEXT) == every
    assert texts(tmp_path, format=Format.TEXT) == every


def test_a_file_named_in_several_ways_is_read_once(tmp_path: Path) -> None:
    file = written(tmp_path / "in/a.txt", "a")
    (tmp_path / "in/link.txt").symlink_to(file)
    (tmp_path / "folder").symlink_to(tmp_path / "in")
    indirect = tmp_path / "in/../in/./a.txt"
    paths = [file, indirect, file.parent, tmp_path / "folder"]
    assert names(tmp_path, *paths) == names(tmp_path, *reversed(paths)) == ["folder/a.txt"]
    assert names(tmp_path, Path("in/a.txt"), file) == ["in/a.txt"]


def test_a_link_without_a_suffix_behind_it_is_known_by_its_own_name(tmp_path: Path) -> None:
    blob = written(tmp_path / "blobs/6b86b273", "hello")
    (tmp_path / "train.txt").symlink_to(blob)
    assert one(tmp_path / "train.txt").path == tmp_path / "train.txt"
    assert texts(tmp_path / "train.txt") == ["hello"]


def unknown_suffix(folder: Path) -> list[Path]:
    written(folder / "a.txt", "a")
    written(folder / "b.weird", "[]")
    return [folder]


def no_suffix(folder: Path) -> list[Path]:
    return [written(folder / "COPYING", "a")]


def only_compressed(folder: Path) -> list[Path]:
    return [written(folder / "data.gz", "a")]


def compressed_parquet(folder: Path) -> list[Path]:
    return [written(folder / "a.parquet.gz", "a")]


def compressed_arrow(folder: Path) -> list[Path]:
    return [written(folder / "a.feather.xz", "a")]


def nothing(folder: Path) -> list[Path]:
    return []


def empty_folder(folder: Path) -> list[Path]:
    (folder / "empty").mkdir()
    return [folder / "empty"]


def only_skipped(folder: Path) -> list[Path]:
    for name in ("dataset.json", "README.md", "LICENSE", ".hidden"):
        written(folder / name, "{}")
    return [folder]


def missing(folder: Path) -> list[Path]:
    return [folder / "absent.txt"]


def missing_below_a_file(folder: Path) -> list[Path]:
    return [written(folder / "a.txt", "a") / "b.txt"]


def broken_link(folder: Path) -> list[Path]:
    (folder / "lost.txt").symlink_to(folder / "nowhere.txt")
    return [folder]


def link_to_itself(folder: Path) -> list[Path]:
    (folder / "self.txt").symlink_to(folder / "self.txt")
    return [folder]


def folder_loop(folder: Path) -> list[Path]:
    (folder / "in").mkdir()
    (folder / "in/loop").symlink_to(folder)
    return [folder]


def a_pipe(folder: Path) -> list[Path]:
    os.mkfifo(folder / "pipe.txt")
    return [folder]


def text_beside_data(folder: Path) -> list[Path]:
    written(folder / "about.md", "about")
    parquet(folder / "data.parquet", {"text": ["a"]})
    return [folder]


@pytest.mark.parametrize(
    ("make", "fragments"),
    [
        (unknown_suffix, ["b.weird", "format", "--format"]),
        (no_suffix, ["COPYING", "--format"]),
        (only_compressed, ["data.gz", "--format"]),
        (compressed_parquet, ["a.parquet.gz", "decompress"]),
        (compressed_arrow, ["a.feather.xz", "decompress"]),
        (nothing, ["no files were named"]),
        (empty_folder, ["no files to read"]),
        (only_skipped, ["no files to read"]),
        (missing, ["absent.txt", "does not exist"]),
        (missing_below_a_file, ["b.txt", "Not a directory"]),
        (broken_link, ["lost.txt", "leads nowhere"]),
        (link_to_itself, ["self.txt", "leads nowhere"]),
        (folder_loop, ["loop", "link back"]),
        (a_pipe, ["pipe.txt", "neither a file nor a folder"]),
        (text_beside_data, ["about.md", "data.parquet", "name the files"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_found_is_named(
    tmp_path: Path, make: Callable[[Path], list[Path]], fragments: list[str]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        discover(make(tmp_path), ANY)
    for fragment in fragments:
        assert fragment in f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "secret.txt", "x")
    file.chmod(0)
    with pytest.raises(InvalidInputError, match=r"secret\.txt.*permission denied"):
        discover([file], ANY)


def test_a_name_that_is_not_utf8_is_refused_readably(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")
    with pytest.raises(InvalidInputError, match="not valid UTF-8") as caught:
        discover([tmp_path], ANY)
    caught.value.message.encode()


def test_messages_show_no_control_characters(tmp_path: Path) -> None:
    written(tmp_path / "a\x1b[31m\n.weird", "x")
    with pytest.raises(InvalidInputError) as caught:
        discover([tmp_path], ANY)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".bz2", ".xz"])
def test_a_stream_gives_the_decompressed_bytes(tmp_path: Path, suffix: str) -> None:
    assert content(one(written(tmp_path / f"a.txt{suffix}", STORY))) == STORY


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [(".gz", gzip.compress), (".zst", zstd), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
class TestCompressed:
    def test_several_members_are_read_to_the_end(
        self, tmp_path: Path, suffix: str, compress: Compress
    ) -> None:
        file = tmp_path / f"a.txt{suffix}"
        file.write_bytes(compress(STORY) + compress(b"") + compress(b"end"))
        assert content(one(file)) == STORY + b"end"

    @pytest.mark.parametrize("cut", [0, 1, 5, 12, -1, -4, -8, -100])
    def test_a_truncated_file_is_an_error(
        self, tmp_path: Path, suffix: str, compress: Compress, cut: int
    ) -> None:
        file = tmp_path / f"cut.txt{suffix}"
        file.write_bytes(compress(STORY)[:cut])
        with pytest.raises(InvalidInputError, match=r"cut\.txt.*cannot be decompressed"):
            content(one(file))

    def test_a_last_member_that_is_truncated_is_an_error(
        self, tmp_path: Path, suffix: str, compress: Compress
    ) -> None:
        file = tmp_path / f"cut.txt{suffix}"
        file.write_bytes(compress(STORY) + compress(STORY)[:-5])
        with pytest.raises(InvalidInputError, match="cannot be decompressed"):
            content(one(file))

    @pytest.mark.parametrize("extra", [b"garbage" * 10, b"\0" * 512])
    def test_bytes_after_the_end_are_an_error(
        self, tmp_path: Path, suffix: str, compress: Compress, extra: bytes
    ) -> None:
        file = tmp_path / f"long.txt{suffix}"
        file.write_bytes(compress(STORY) + extra)
        with pytest.raises(InvalidInputError, match="cannot be decompressed"):
            content(one(file))

    def test_another_content_than_the_name_says_is_an_error(
        self, tmp_path: Path, suffix: str, compress: Compress
    ) -> None:
        file = tmp_path / f"plain.txt{suffix}"
        file.write_bytes(STORY)
        with pytest.raises(InvalidInputError, match=r"plain\.txt"):
            content(one(file))


def test_a_damaged_gzip_file_never_reads_as_something_else(tmp_path: Path) -> None:
    good = gzip.compress(bytes(range(256)) * 20, mtime=0)
    file = tmp_path / "a.txt.gz"
    for position in range(10, len(good), 3):
        bad = bytearray(good)
        bad[position] ^= 0x10
        file.write_bytes(bad)
        with pytest.raises(InvalidInputError, match=r"a\.txt\.gz"):
            content(one(file))


def test_a_file_that_vanished_is_an_error(tmp_path: Path) -> None:
    file = one(written(tmp_path / "a.txt", "x"))
    Path(str(file.path)).unlink()
    with pytest.raises(InvalidInputError, match=r"a\.txt.*cannot be read"):
        content(file)
    with pytest.raises(InvalidInputError, match=r"a\.txt.*cannot be read"):
        file.check_unchanged()


def grown(path: Path) -> None:
    path.write_text("xyz")


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def replaced(path: Path) -> None:
    other = written(path.with_name("other.txt"), "y")
    os.utime(other, ns=(5, 5))
    shutil.move(other, path)


@pytest.mark.parametrize("change", [grown, touched, replaced])
def test_a_file_that_changed_is_an_error(tmp_path: Path, change: Callable[[Path], object]) -> None:
    file = one(written(tmp_path / "a.txt", "x"))
    file.check_unchanged()
    change(Path(str(file.path)))
    with pytest.raises(InvalidInputError, match=r"a\.txt.*changed while it was read"):
        file.check_unchanged()
