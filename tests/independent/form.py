"""The forms everything is written in: JSON, base64, schemas, trees, times. From the specification alone.

Nothing here comes from `registry`; see `verifier.py` beside it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[2] / "schemas"
MEGA = 1 << 20
LARGEST = 2**53 - 1


class RefusedError(Exception):
    """Something does not hold; `args` are a reason code and a sentence."""


class OpenError(Exception):
    """Something could not be decided."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def plain(path: Path, limit: int, missing: str = "") -> bytes:
    """The bytes of a plain file, never through a link, and not more than `limit`."""
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            raise RefusedError("E_FILE_MISSING", f"{path.name} is no plain file")
        if state.st_size > limit:
            raise RefusedError("E_LIMIT", f"{path.name} has {state.st_size} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        if missing:
            raise RefusedError(missing, f"there is no {path.name}") from None
        raise OpenError(f"there is no {path}") from None
    except OSError as error:
        raise OpenError(f"{path}: {error}") from None


def unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("E_ENVELOPE", "not base64") from None
    if base64.b64encode(data).decode() != text:
        raise RefusedError("E_NONCANONICAL", "base64 in another form")
    return data


# ------------------------------------------------------------------ RFC 8785, the subset in use


def canonical(value: Any) -> bytes:
    return _write(value).encode()


def _write(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_write(key)}:{_write(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def parse(data: bytes, limit: int = 16 * MEGA) -> Any:
    """A JSON value in its one form."""
    if len(data) > limit:
        raise RefusedError("E_LIMIT", f"{len(data)} bytes of JSON")
    depth = opened = 0
    for mark in re.findall(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', data, re.DOTALL):
        depth += (mark in b"[{") - (mark in b"]}")
        opened += mark in b"[{"
        if depth > 32 or opened > 500_000:
            raise RefusedError("E_LIMIT", "JSON of too many levels, or lists and objects")
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=pairs,
            parse_int=_integer,
            parse_float=_other,
            parse_constant=_other,
        )
        form = canonical(value)
    except ValueError as error:
        raise RefusedError("E_ENVELOPE", f"not JSON: {error}") from None
    if form != data:
        raise RefusedError("E_NONCANONICAL", "JSON in another form than RFC 8785")
    return value


def pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise RefusedError("E_NONCANONICAL", "a key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST:
        raise RefusedError("E_LIMIT", f"a number beyond 2^53: {text[:20]}")
    return int(text)


def _other(text: str) -> Any:
    raise RefusedError("E_NONCANONICAL", f"a number that is no integer: {text[:20]}")


# ------------------------------------------------------------------ JSON Schema, the subset in use


def schema(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.json").read_bytes())  # type: ignore[no-any-return]


def conforms(value: Any, rule: dict[str, Any], top: dict[str, Any], at: str = "$") -> str | None:
    """Where a value breaks a published schema, or None."""
    if "$ref" in rule:
        return conforms(value, top["$defs"][rule["$ref"].rsplit("/", 1)[1]], top, at)
    if "anyOf" in rule:
        wrongs = [conforms(value, each, top, at) for each in rule["anyOf"]]
        return None if None in wrongs else wrongs[0]
    if not _one(value, rule):
        return at
    parts: list[tuple[Any, dict[str, Any], str]] = []
    if isinstance(value, list):
        parts = [(item, rule.get("items", {}), f"{at}[]") for item in value]
    elif isinstance(value, dict):
        known, more = rule.get("properties", {}), rule.get("additionalProperties") or {}
        parts = [(value[key], known.get(key, more), f"{at}.{key}") for key in value]
        parts += [(key, rule.get("propertyNames", {}), at) for key in value]
    wrong = (conforms(item, part, top, where) for item, part, where in parts)
    return next((where for where in wrong if where), None)


def _one(value: Any, rule: dict[str, Any]) -> bool:
    """Whether a value fits a rule, without its parts."""
    kinds = rule.get("type", [])
    if kinds and _kind(value) not in ([kinds] if isinstance(kinds, str) else kinds):
        return False
    if "const" in rule and canonical(value) != canonical(rule["const"]):
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if isinstance(value, str):
        pattern = rule.get("pattern", "").replace("$", r"\Z")
        return bool(re.search(pattern, value)) and len(value) >= rule.get("minLength", 0)
    if isinstance(value, int):
        return bool(rule.get("minimum", value) <= value <= rule.get("maximum", value))
    if isinstance(value, list):
        unique = len({canonical(item) for item in value}) if rule.get("uniqueItems") else len(value)
        least, most = rule.get("minItems", 0), rule.get("maxItems", len(value))
        return least <= len(value) <= most and unique == len(value)
    if isinstance(value, dict):
        closed = rule.get("additionalProperties") is False
        keys = set(rule.get("properties", {})) if closed else set(value)
        return set(rule.get("required", [])) <= set(value) <= keys
    return True


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    kinds = {str: "string", int: "integer", list: "array", dict: "object", type(None): "null"}
    return kinds[type(value)]


# ------------------------------------------------------------------ trees and times


def leaf(*parts: bytes) -> bytes:
    return sha256(b"\x00", *parts)


def tree(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, of leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", tree(leaves[:split]), tree(leaves[split:]))


def chunked(prefix: bytes, items: list[bytes], size: int = 256) -> bytes:
    return tree([leaf(prefix, *items[at : at + size]) for at in range(0, len(items), size)])


def leads(hashed: bytes, at: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that a path leads to (RFC 9162, section 2.1.3.2); None if it is of another length."""
    if at >= size:
        return None
    last = size - 1
    for step in path:
        if not last:
            return None
        if at & 1 or at == last:
            hashed = sha256(b"\x01", step, hashed)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            hashed = sha256(b"\x01", hashed, step)
        at, last = at >> 1, last >> 1
    return None if last else hashed


def moment(text: str, zone: str = "Z") -> datetime:
    """An RFC 3339 time; in our own documents in UTC, with six decimals or none."""
    if not re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{{6}})?({zone})", text, re.ASCII):
        raise RefusedError("E_ENVELOPE", f"no time: {text[:40]}")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError("E_ENVELOPE", f"no time: {text[:40]}") from None
