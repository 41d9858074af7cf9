"""Digests, canonical JSON, and the encoding of rows.

One fixed suite, `firsthand-hash/v1`: SHA-256 everywhere, JSON by RFC 8785, nothing negotiated.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from itertools import pairwise
from typing import Any, Final, NoReturn

import rfc8785

from registry.errors import VerificationError

HASH_SUITE: Final = "firsthand-hash/v1"
MAX_DEPTH: Final = 32
MAX_CONTAINERS: Final = 500_000
MAX_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8785 §3.2.2.3)."""

COMMITMENT_PREFIX: Final = b"firsthand commitment v1\n"
ROW_PREFIX: Final = b"firsthand catalogue-row v1\n"
SELECTION_PREFIX: Final = b"firsthand selection v1\n"

_HEX = re.compile(r"[0-9a-f]{64}")
# A whole string, or a bracket. Possessive, and an open string reaches to the end: no text makes
# the search go back, so its time is linear and its memory constant.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of the bytes in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def is_sha256_hex(text: object) -> bool:
    """Return whether this is a SHA-256 digest as we write it: 64 lower-case hex digits."""
    return isinstance(text, str) and _HEX.fullmatch(text) is not None


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value.

    Raises:
        ValueError: A number that JSON readers would not keep, or a value JSON does not have.
    """
    return rfc8785.dumps(value)


def digest_of(value: Any) -> str:
    """Return the SHA-256, in hexadecimal, of the RFC 8785 form of a JSON value."""
    return sha256_hex(canonical(value))


def commitment(value: Any, salt: bytes) -> str:
    """Return a digest that commits to a JSON value without revealing it.

    Without the salt, short values could be found by trying; with 32 random bytes they cannot.
    """
    return hashlib.sha256(COMMITMENT_PREFIX + salt + canonical(value)).hexdigest()


def from_base64(text: object, *, code: str) -> bytes:
    """Decode base64 that has exactly one spelling: padded, unused bits zero, no white space.

    Args:
        text: The text.
        code: The reason code if it is no base64 at all.

    Raises:
        VerificationError: That code, or `E_NONCANONICAL`.
    """
    if not isinstance(text, str):
        raise VerificationError("base64 text is missing", code=code)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError(f"not base64: {error}", code=code) from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise VerificationError("the base64 is not canonical", code="E_NONCANONICAL")
    return raw


def parse_canonical(data: bytes, *, limit: int) -> Any:
    """Read a JSON document that must be in RFC 8785 form, byte for byte.

    Args:
        data: The document.
        limit: The largest size accepted, in bytes.

    Raises:
        VerificationError: `E_LIMIT`, `E_ENVELOPE` (not JSON) or `E_NONCANONICAL`.
    """
    if len(data) > limit:
        raise VerificationError(
            f"{len(data):,} bytes are more than the limit of {limit:,}", code="E_LIMIT"
        )
    _check_depth(data)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_int=_small_int,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        again = canonical(value)
    except VerificationError:
        raise
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"not a JSON document: {error}", code="E_ENVELOPE") from error
    if again != data:
        raise VerificationError(
            "the JSON is not in canonical form (RFC 8785)", code="E_NONCANONICAL"
        )
    return value


def _check_depth(data: bytes) -> None:
    """Refuse deep nesting before a recursive parser sees it; brackets in strings do not count."""
    depth = containers = 0
    for match in _TOKEN.finditer(data):
        first = data[match.start()]
        if first in b"[{":
            depth += 1
            containers += 1
            if containers > MAX_CONTAINERS:
                raise VerificationError(
                    f"the JSON has more than {MAX_CONTAINERS:,} lists and objects", code="E_LIMIT"
                )
            if depth > MAX_DEPTH:
                raise VerificationError(
                    f"the JSON is nested deeper than {MAX_DEPTH} levels", code="E_LIMIT"
                )
        elif first in b"]}":
            depth -= 1


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise VerificationError("a JSON object has the same key twice", code="E_NONCANONICAL")
    return made


def _small_int(text: str) -> int:
    if len(text) > 17 or abs(value := int(text)) > MAX_INT:
        raise VerificationError(f"the number {text[:20]} is out of range", code="E_LIMIT")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise VerificationError(f"the number `{text[:20]}` is not an integer", code="E_NONCANONICAL")


# Row encodings: what a record root commits to, one column after the other. The list of columns
# and their order stand in the manifest.

TAG_NULL: Final = b"\x00"
TAG_BYTES: Final = b"\x01"
TAG_TEXT: Final = b"\x02"
TAG_INTEGER: Final = b"\x03"
TAG_TIME: Final = b"\x04"


def encode_cell(value: bytes | str | int | None, tag: bytes) -> bytes:
    """Return one cell of a row encoding: tag ‖ 4-byte length ‖ bytes, or the null tag alone.

    Text is UTF-8; integers and times (microseconds since 1970 UTC) are 8 bytes, two's
    complement; lengths and integers are big-endian.
    """
    if value is None:
        return TAG_NULL
    if isinstance(value, int):
        raw = value.to_bytes(8, "big", signed=True)
    elif isinstance(value, str):
        raw = value.encode("utf-8")
    else:
        raw = value
    return tag + len(raw).to_bytes(4, "big") + raw


def hash_slices(data: memoryview, ends: list[int]) -> bytes:
    """Return the SHA-256 of each slice of a buffer, 32 bytes each, one after the other.

    Args:
        data: All texts, one after the other.
        ends: n + 1 offsets; slice i is `data[ends[i]:ends[i + 1]]`.
    """
    sha256 = hashlib.sha256
    return b"".join([sha256(data[begin:end]).digest() for begin, end in pairwise(ends)])
