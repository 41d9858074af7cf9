from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import InvalidInputError
from registry.places import STDIN, Remote, expand, parse, relative

ABFSS = "abfss://texts@acme.dfs.core.windows.net"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a/b.jsonl", Path("a/b.jsonl")),
        ("s3:/a", Path("s3:/a")),
        ("file:///a/b%20c.jsonl", Path("/a/b c.jsonl")),
        ("file://localhost/a", Path("/a")),
        ("file:///caf%E9", Path("/caf\udce9")),
        ("s3://bucket", Remote("s3", "bucket")),
        ("S3://bucket/", Remote("s3", "bucket")),
        ("s3://bucket/a/b/", Remote("s3", "bucket", "a/b")),
        ("s3://bucket/a b%3F%25", Remote("s3", "bucket", "a b?%")),
        ("gs://my_bucket.x/é", Remote("gs", "my_bucket.x", "é")),
        ("gcs://bucket/a", Remote("gs", "bucket", "a")),
        (f"{ABFSS}/a", Remote("abfss", "texts@acme.dfs.core.windows.net", "a")),
    ],
)
def test_a_place_is_parsed(text: str, place: Path | Remote) -> None:
    assert parse(text) == place


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s3://AKIA:hunter2@bucket/a", "carries a user or a password"),
        ("s3://AKIA@bucket/a", "carries a user or a password"),
        ("gs://token@bucket/a", "carries a user or a password"),
        ("abfss://texts:hunter2@acme.dfs.core.windows.net/a", "carries a user or a password"),
        ("s3://bucket/a?access_key=AKIA&secret_key=hunter2", "followed by `?…`"),
        ("s3://bucket/a?endpoint_override=localhost", "followed by `?…`"),
        ("s3://bucket/a#hunter2", "followed by `#…`"),
        ("file:///a?b", "followed by `?…`"),
        ("file://server/a", "names another machine"),
        ("file://", "names another machine or no path"),
        ("s3://", "names no store"),
        ("s3:///a", "names no store"),
        ("s3://buck et/a", "names no store"),
        ("abfss://acme.dfs.core.windows.net/a", "names no store"),
        ("abfss://texts@example.org/a", "names no store"),
        ("s3://bucket/a//b", "empty part"),
        ("s3://bucket/a/../b", "empty part"),
        ("s3://bucket/./b", "empty part"),
        ("s3://bucket/%2e%2e/b", "empty part"),
        ("s3://bucket/%ff", "not valid UTF-8"),
        ("https://example.org/a.jsonl", "nothing can be read from or written to `https://`"),
        ("hdfs://a/b", "nothing can be read"),
    ],
)
def test_what_is_no_place_is_refused_without_repeating_secrets(text: str, says: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse(text)
    assert says in caught.value.message
    assert caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


KEYS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1)
    .filter(lambda part: part not in (".", ".."))
    .map(str)
)


@given(st.lists(KEYS, min_size=1, max_size=4))
def test_a_place_as_text_is_that_place_and_prints(parts: list[str]) -> None:
    place = Remote("s3", "bucket", "/".join(parts))
    assert parse(str(place)) == place
    assert str(place).isprintable()
    assert expand(str(place)) is None
    assert place.parent / place.name == place


@given(st.lists(st.lists(KEYS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_base_and_name_give_each_place_back(keys: list[list[str]]) -> None:
    places = [Remote("s3", "bucket", "/".join(parts)) for parts in keys]
    base, names = relative(places)
    assert [parse(base) / name for name in names] == places


def test_base_and_names_of_files_are_as_short_as_can_be() -> None:
    assert relative([Path("/a/b/c.txt"), Path("/a/d.txt")]) == ("/a", ["b/c.txt", "d.txt"])
    ab, abc = Remote("s3", "x", "ab/1"), Remote("s3", "x", "abc/2")
    assert relative([ab, abc]) == ("s3://x", ["ab/1", "abc/2"])
    assert relative([ab]) == ("s3://x/ab", ["1"])
    assert relative([STDIN]) == ("standard input", ["-"])


def test_places_of_one_registration_are_in_one_store() -> None:
    for other in (Path("/a"), Remote("s3", "other", "a"), Remote("gs", "bucket", "a")):
        with pytest.raises(InvalidInputError, match="not in one place"):
            relative([Remote("s3", "bucket", "a"), other])


def test_a_pattern_is_one_only_where_it_is_not_encoded() -> None:
    assert expand("s3://b/data/*.jsonl") == ["data", "*.jsonl"]
    assert expand("s3://b/[ab]/c") == ["[ab]", "c"]
    assert expand("s3://b/a%2A") is None
    assert expand("data/*.jsonl") is None
