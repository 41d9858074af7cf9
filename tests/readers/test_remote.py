"""Reading from an object store is reading; what is different is what can happen meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.core.source import ReadOptions
from registry.errors import InvalidInputError, UnavailableError
from registry.places import Remote
from registry.readers import Discovered, SourceFile, discover, documents
from registry.readers.files import open_stream
from tests.objects import Bucket
from tests.readers.making import arrow, jsonl, parquet, tar, written

ANY = ReadOptions()


def found(*paths: str) -> Discovered:
    return discover(paths, ANY)


def texts(*paths: str) -> list[str]:
    return [
        text for batch in documents(found(*paths).files, ANY) for text in batch["text"].to_pylist()
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: jsonl(folder / "a.jsonl", {"text": "one"}, {"text": "two"}),
        lambda folder: written(folder / "a.jsonl.gz", '{"text": "one"}\n{"text": "two"}'),
        lambda folder: written(folder / "a.csv.zst", "text\none\ntwo"),
        lambda folder: written(folder / "a.json.bz2", '[{"text": "one"}, {"text": "two"}]'),
        lambda folder: parquet(folder / "a.parquet", {"text": ["one", "two"]}, row_group_size=1),
        lambda folder: arrow(folder / "a.arrow", {"text": ["one", "two"]}),
        lambda folder: arrow(folder / "a.arrows", {"text": ["one", "two"]}, stream=True),
        lambda folder: tar(folder / "a.tar.xz", ("1.txt", "one"), ("2.txt", "two")),
    ],
    ids=["jsonl", "gzip", "zstd", "bz2", "parquet", "arrow", "arrows", "tar"],
)
def test_every_format_is_read(bucket: Bucket, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    file = make(tmp_path)
    assert texts(bucket.put(f"in/{file.name}", file.read_bytes())) == ["one", "two"]


def test_hidden_objects_and_cards_of_the_prefix_are_skipped(bucket: Bucket) -> None:
    for key in ("README.md", "dataset.json", ".git/a.txt", "in/.b.txt", "in/README.txt", "c.txt"):
        bucket.put(f"data/{key}", key)
    there = found(f"{bucket.uri}/data/")
    assert [str(file) for file in there.files] == [
        f"{bucket.uri}/data/{key}" for key in ("c.txt", "in/README.txt")
    ]
    assert [str(place) for place in there.skipped] == [
        f"{bucket.uri}/data/{key}" for key in (".git", "README.md", "dataset.json", "in/.b.txt")
    ]


def test_two_spellings_of_an_object_are_one(bucket: Bucket) -> None:
    bucket.put("in/a b.txt", "text")
    spelled = [f"{bucket.uri}/{key}" for key in ("in", "in/a b.txt", "in/a%20b.txt", "in/*")]
    assert [str(file) for file in found(*spelled).files] == [f"{bucket.uri}/in/a%20b.txt"]


def test_files_are_sorted_as_on_a_disk(bucket: Bucket, tmp_path: Path) -> None:
    names = ["é.txt", "a/z.txt", "a.txt", "B.txt", "a%.txt"]
    for name in names:
        bucket.put(f"in/{name}", name)
        written(tmp_path / "in" / name, name)
    assert texts(f"{bucket.uri}/in") == texts(str(tmp_path / "in"))


def test_a_name_that_tells_no_format_is_refused_as_on_a_disk(bucket: Bucket) -> None:
    bucket.put("in/a.weird", "text")
    with pytest.raises(InvalidInputError, match=r"/in/a\.weird` does not tell its format"):
        found(f"{bucket.uri}/in")


def test_text_beside_data_is_refused_as_on_a_disk(bucket: Bucket) -> None:
    bucket.put("in/a.txt", "text")
    bucket.put("in/b.jsonl", "{}")
    with pytest.raises(InvalidInputError, match="holds text files"):
        found(f"{bucket.uri}/in")


def test_what_is_not_there_is_named(bucket: Bucket) -> None:
    with pytest.raises(InvalidInputError, match=r"/none` does not exist"):
        found(f"{bucket.uri}/none")
    with pytest.raises(InvalidInputError, match=r"nothing matches `s3://.*/none\*`"):
        found(f"{bucket.uri}/none*")
    with pytest.raises(InvalidInputError, match=r"no files to read in `s3:.*besides cards"):
        found(f"{bucket.put('in/.a.txt', 'x').removesuffix('/.a.txt')}")


def test_here_and_there_are_not_one_registration(bucket: Bucket, tmp_path: Path) -> None:
    here = written(tmp_path / "a.txt", "text")
    with pytest.raises(InvalidInputError, match="not in one place"):
        found(bucket.put("a.txt", "text"), str(here))


def one(bucket: Bucket, content: str) -> SourceFile:
    (file,) = found(bucket.put("a.txt", content)).files
    return file


def test_an_object_that_is_replaced_before_or_after_reading_is_an_error(bucket: Bucket) -> None:
    file = one(bucket, "text")
    bucket.put("a.txt", "next")
    with pytest.raises(InvalidInputError, match=r"a\.txt` was replaced"), open_stream(file):
        pass
    with pytest.raises(InvalidInputError, match=r"a\.txt` was replaced"):
        file.check_unchanged()
    bucket.remove("a.txt")
    with pytest.raises(InvalidInputError, match=r"a\.txt` was removed"):
        file.check_unchanged()


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(bucket: Bucket) -> None:
    bucket.put("a.txt", "text")

    def watch(method: str, path: str) -> None:
        if method == "GET" and path.endswith("a.txt"):
            bucket.put("a.txt", "next")

    bucket.store.fail(watch=watch)
    with pytest.raises(InvalidInputError, match=r"a\.txt` was replaced"):
        texts(f"{bucket.uri}/a.txt")


@pytest.mark.parametrize("kind", ["truncated", "reset", "busy"])
def test_what_breaks_off_again_and_again_is_never_short(bucket: Bucket, kind: str) -> None:
    file = one(bucket, "text" * 1000)
    bucket.store.fail(rate=1.0, kinds=(kind,), methods=("GET",))
    with pytest.raises(UnavailableError, match=r"a\.txt`"), open_stream(file) as stream:
        stream.read(4000)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.jsonl.gz", "a.tar"])
def test_what_cannot_be_fetched_is_not_called_damaged(
    bucket: Bucket, tmp_path: Path, name: str
) -> None:
    columns = {"text": ["one", "two"]}
    make: dict[str, Callable[[Path], Path]] = {
        "a.parquet": lambda path: parquet(path, columns),
        "a.arrow": lambda path: arrow(path, columns),
        "a.jsonl.gz": lambda path: jsonl(path, {"text": "one"}),
        "a.tar": lambda path: tar(path, ("a.txt", "one")),
    }
    files = found(bucket.put(name, make[name](tmp_path / name).read_bytes())).files
    bucket.store.fail(rate=1.0, kinds=("error",), methods=("GET",))
    with pytest.raises(UnavailableError, match=rf"{name}` cannot be reached"):
        list(documents(files, ANY))


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    file = written(tmp_path / "a b.txt", "text")
    (there,) = found(f"file://{tmp_path}/a%20b.txt", str(file)).files
    assert (there.path, there.etag) == (file, None)


def test_a_local_pattern_is_expanded_unless_it_is_a_name(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "[a].txt"):
        written(tmp_path / name, name)
    assert texts(str(tmp_path / "?.txt")) == ["a.txt", "b.txt"]
    assert texts(str(tmp_path / "[a].txt")) == ["[a].txt"]
    with pytest.raises(InvalidInputError, match="nothing matches"):
        found(str(tmp_path / "*.jsonl"))


def test_an_object_knows_what_it_is(bucket: Bucket) -> None:
    file = one(bucket, "text")
    assert isinstance(file.path, Remote)
    assert (file.size, file.mtime_ns is not None, file.etag is not None) == (4, True, True)
