from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cli.strict_yaml import load
from registry.errors import InvalidInputError

scalars = st.text(max_size=10).filter(str.isprintable)
trees = st.recursive(
    scalars | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "written",
    ["0.1", "0.30000000000000004", "1e3", ".inf", "-.inf", ".nan", "010", "0x10", "0b1", "1:30", "1_000",
     "2022-11-30", "2022-11-30T10:00:00Z", "no", "on", "yes", "true", "False", "-5", "80%", "9" * 5000,
     "'7'", '"7"', "<<", "="],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_values_are_the_text_that_was_written(written: str) -> None:
    assert load(f"key: {written}\n".encode(), name="r") == {"key": written.strip("'\"")}


@pytest.mark.parametrize("written", ["", "~", "null", "NULL"])
def test_nothing_is_none(written: str) -> None:
    assert load(f"key: {written}\n".encode(), name="r") == {"key": None}
    assert load(b"", name="r") is None


@given(trees)
def test_json_and_yaml_are_read_alike(tree: Any) -> None:
    dumped = yaml.safe_dump(tree, allow_unicode=True).encode()
    assert load(dumped, name="r") == tree


@pytest.mark.parametrize(
    ("written", "line", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key `a` stands twice"),
        ('{"a": 1,\n "a": 2}', 2, "the key `a` stands twice"),
        ("x:\n  human: {at_least: 0.9, at_least: 0.1}\n", 2, "the key `at_least` stands twice"),
        ('a: 1\n"a": 2\n', 2, "the key `a` stands twice"),
        ("1: x\n'1': y\n", 2, "the key `1` stands twice"),
        ("a: &x [1]\nb: *x\n", 2, "aliases are not followed"),
        ("a: &x {k: v}\nb:\n  <<: *x\n", 3, "aliases are not followed"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "is not read"),
        ("a: !secret x\n", 1, "the tag `!secret` is not read"),
        ("a: !!binary aGk=\n", 1, "the tag `binary` is not read"),
        ("a: !!set {x}\n", 1, "the tag `set` is not read"),
        ("? [1, 2]\n: x\n", 1, "a key is not a word"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: [1\n", 2, "expected"),
        ("a: 'x\n", 2, "end of stream"),
        ("\ta: 1\n", 1, "cannot start any token"),
    ],
)  # fmt: skip
def test_what_readers_disagree_about_is_refused_with_its_line(
    written: str, line: int, says: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(written.encode(), name="mix.yaml")
    assert caught.value.message.startswith(f"`mix.yaml` line {line} cannot be read as YAML: ")
    assert says in caught.value.message
    assert caught.value.hint


def test_a_billion_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(InvalidInputError, match="line 2"):
        load("\n".join(lines).encode(), name="r")


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00", b"\x00", b"a: \x07", b"a: \xff", b"[" * 50_000, b"{a: " * 9_000]
)
def test_bytes_that_are_no_yaml(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read as YAML"):
        load(data, name="r")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidInputError):
        load(data, name="r")
