"""Ways to damage bytes and JSON: blindly, and by somebody who knows the format."""

from __future__ import annotations

import base64
import binascii
import json
import random
from collections.abc import Callable
from typing import Any

from registry.core.digest import canonical, digest_of

Damage = Callable[[random.Random, bytes], bytes]


def _flip(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _replace(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    size = rng.choice((1, 1, 2, 4, 16))
    return data[:at] + rng.randbytes(size) + data[at + size :]


def _printable(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.choice(b'09azAZ+/="{}[],:\\\n -')]) + data[at + 1 :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice((rng.randbytes(3), b" ", b"\n", b"\0", b"[" * 40)) + data[at:]


def _delete(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 1, 2, 32, 256)) :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _double(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at : at + rng.choice((1, 32, 500))] * 2 + data[at:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    size = rng.choice((1, 8, 32, 44, 256))
    if len(data) < 2 * size:
        return data[::-1]
    first = rng.randrange(len(data) - 2 * size + 1)
    second = rng.randrange(first + size, len(data) - size + 1)
    return (
        data[:first] + data[second : second + size] + data[first + size : second]
        + data[first : first + size] + data[second + size :]
    )  # fmt: skip


def _lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(3)
    if kind == 0:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif kind == 1:
        del lines[at]
    else:
        rng.shuffle(lines)
    return b"\n".join(lines)


BLIND: tuple[Damage, ...] = (
    _flip, _flip, _flip, _replace, _printable, _insert, _delete, _cut, _double, _swap, _lines,
)  # fmt: skip


def blind(rng: random.Random, data: bytes) -> bytes:
    """Return other bytes, by somebody who does not know what they mean."""
    for _ in range(100):
        made = rng.choice(BLIND)(rng, data)
        if made != data:
            return made
    return data + b"\0"


def knowing(rng: random.Random, data: bytes) -> bytes:
    """Return other JSON in canonical form: one value changed, inside base64 too."""
    value = json.loads(data)
    for _ in range(100):
        changed = _change(rng, value)
        made = canonical(changed)
        if made != data:
            return made
    return blind(rng, data)


def resealed(rng: random.Random, data: bytes) -> bytes:
    """Return another proof whose digest fits, by somebody who makes proofs."""
    value = json.loads(data)
    del value["digest"]
    changed = value
    while changed == value or not isinstance(changed, dict):
        changed = _change(rng, value)
    changed.pop("digest", None)
    return canonical(changed | {"digest": digest_of(changed)})


def _change(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.95:
        key = rng.choice(sorted(value))
        return value | {key: _change(rng, value[key])}
    if isinstance(value, list) and value:
        return _changed_list(rng, value)
    if isinstance(value, bool) or value is None:
        return rng.choice((0, "", [], {}, "AAAA"))
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, value ^ 256, 2**53 - 1, -1, 0, None, str(value)))
    if isinstance(value, str):
        return _changed_text(rng, value)
    return rng.choice((None, [], {}, value))


def _changed_list(rng: random.Random, value: list[Any]) -> list[Any]:
    made, at = list(value), rng.randrange(len(value))
    kind = rng.randrange(6)
    if kind == 0:
        del made[at]
    elif kind == 1:
        made.insert(at, made[rng.randrange(len(made))])
    elif kind == 2:
        other = rng.randrange(len(made))
        made[at], made[other] = made[other], made[at]
    elif kind == 3:
        made.reverse()
    else:
        made[at] = _change(rng, made[at])
    return made


def _changed_text(rng: random.Random, value: str) -> Any:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if raw and rng.random() < 0.8:
        inner = knowing if raw[:1] == b"{" and rng.random() < 0.7 else blind
        try:
            return base64.b64encode(inner(rng, raw)).decode()
        except ValueError:
            pass
    if len(value) == 64 and rng.random() < 0.5:
        return rng.choice((rng.randbytes(32).hex(), value.upper(), value[::-1]))
    at = rng.randrange(len(value) + 1)
    return rng.choice((value[:at] + "0" + value[at:], value[:at], value + "\n", None, 0, ""))
