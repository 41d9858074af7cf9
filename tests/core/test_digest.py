from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core import digest
from registry.errors import VerificationError

LIMIT = 2**20

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-digest.MAX_INT, digest.MAX_INT)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


def code_of(data: bytes, *, limit: int = LIMIT) -> str:
    with pytest.raises(VerificationError) as caught:
        digest.parse_canonical(data, limit=limit)
    return caught.value.code


@given(JSON)
def test_what_is_written_canonically_is_read_back(value: object) -> None:
    try:
        data = digest.canonical(value)
    except ValueError:
        return
    assert digest.parse_canonical(data, limit=LIMIT) == value


@given(
    st.binary(max_size=300)
    | st.text(alphabet='[]{}",:\\ 0123456789.eE-nulltrufas', max_size=60).map(str.encode)
)
def test_random_bytes_raise_only_verification_errors(data: bytes) -> None:
    try:
        value = digest.parse_canonical(data, limit=LIMIT)
    except VerificationError:
        return
    assert digest.canonical(value) == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "E_ENVELOPE"),
        (b"nonsense", "E_ENVELOPE"),
        (b'{"a":1', "E_ENVELOPE"),
        (b"\xff", "E_ENVELOPE"),
        (b'"\xed\xa0\x80"', "E_ENVELOPE"),
        (b'"\\ud800"', "E_ENVELOPE"),
        (b'{"a":1} ', "E_NONCANONICAL"),
        (b'\xef\xbb\xbf{"a":1}', "E_ENVELOPE"),
        (b'{"a": 1}', "E_NONCANONICAL"),
        (b'{"b":1,"a":2}', "E_NONCANONICAL"),
        (b'{"a":1,"a":1}', "E_NONCANONICAL"),
        (b'{"a":1,"\\u0061":1}', "E_NONCANONICAL"),
        (b'"\\u0061"', "E_NONCANONICAL"),
        (b'"\\/"', "E_NONCANONICAL"),
        (b"-0", "E_NONCANONICAL"),
        (b"1.0", "E_NONCANONICAL"),
        (b"1.5", "E_NONCANONICAL"),
        (b"1e3", "E_NONCANONICAL"),
        (b"NaN", "E_NONCANONICAL"),
        (b"-Infinity", "E_NONCANONICAL"),
        (b"9007199254740992", "E_LIMIT"),
        (b"-9007199254740992", "E_LIMIT"),
        (b"1" * 5000, "E_LIMIT"),
        (b"[" * 33 + b"]" * 33, "E_LIMIT"),
        (b"[" * 100_000, "E_LIMIT"),
        (b'{"a":' * 50_000, "E_LIMIT"),
        (b"[" * 31 + b'{"":[]}' + b"]" * 31, "E_LIMIT"),
    ],
)  # fmt: skip
def test_each_defect_of_a_document_has_its_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_the_deepest_document_allowed_is_read() -> None:
    data = b"[" * 32 + b"]" * 32
    assert digest.canonical(digest.parse_canonical(data, limit=LIMIT)) == data


def test_brackets_inside_strings_are_no_nesting() -> None:
    data = json.dumps("[{" * 100 + '\\"' * 10, separators=(",", ":")).encode()
    assert digest.parse_canonical(data, limit=LIMIT) == "[{" * 100 + '\\"' * 10


def test_a_document_over_the_limit_is_not_even_parsed() -> None:
    assert code_of(b"[" * 101, limit=100) == "E_LIMIT"


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 500_000,
        b'"' + b"\\\\" * 500_000 + b"\\",
        b'"' * 999_999,
        b'"' + b"a" * 1_000_000,
        b'"a\\' + b'"[\\' * 300_000,
    ],
)
def test_hostile_strings_take_linear_time(data: bytes) -> None:
    started = time.process_time()
    code_of(data, limit=len(data))
    assert time.process_time() - started < 5  # the quadratic search took hours


def test_the_largest_integers_are_kept() -> None:
    for number in (digest.MAX_INT, -digest.MAX_INT):
        assert digest.parse_canonical(str(number).encode(), limit=20) == number


@pytest.mark.parametrize(
    ("value", "tag", "expected"),
    [
        (None, digest.TAG_TEXT, "00"),
        ("", digest.TAG_TEXT, "0200000000"),
        ("é", digest.TAG_TEXT, "0200000002c3a9"),
        (b"\x00", digest.TAG_BYTES, "010000000100"),
        (1, digest.TAG_INTEGER, "03000000080000000000000001"),
        (-1, digest.TAG_INTEGER, "0300000008ffffffffffffffff"),
        (-(2**63), digest.TAG_TIME, "04000000088000000000000000"),
    ],
)
def test_cells_are_encoded_as_specified(
    value: bytes | str | int | None, tag: bytes, expected: str
) -> None:
    assert digest.encode_cell(value, tag).hex() == expected


def test_a_commitment_depends_on_value_and_salt() -> None:
    made = {
        digest.commitment(value, salt) for value in ("a", "b") for salt in (b"0" * 32, b"1" * 32)
    }
    assert len(made) == 4
    assert all(digest.is_sha256_hex(item) for item in made)


@pytest.mark.parametrize("text", [None, 1, "", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n"])
def test_only_64_lower_case_hex_digits_are_a_digest(text: object) -> None:
    assert not digest.is_sha256_hex(text)


@given(st.lists(st.binary(max_size=40)))
def test_slices_are_hashed_one_by_one(texts: list[bytes]) -> None:
    ends = [0]
    for text in texts:
        ends.append(ends[-1] + len(text))
    joined = digest.hash_slices(memoryview(b"".join(texts)), ends)
    assert joined.hex() == "".join(digest.sha256_hex(text) for text in texts)


def test_a_document_of_very_many_parts_is_refused_before_it_takes_memory() -> None:
    data = b"[" + b",".join([b"[]"] * 600_000) + b"]"
    with pytest.raises(VerificationError) as caught:
        digest.parse_canonical(data, limit=len(data))
    assert caught.value.code == "E_LIMIT"
